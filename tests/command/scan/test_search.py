"""The scanner finds what is there; otherwise "nothing found" would say nothing."""

from __future__ import annotations

import gzip
import secrets
from pathlib import Path

import pytest
from faas_seal.scan import proof
from faas_seal.scan.compressed import Incomplete
from faas_seal.scan.search import BLOCK, MAX_DEPTH, Search

TEXT = f"canary-ä-{secrets.token_hex(8)}"
BYTES = secrets.token_bytes(32)


def test_every_form_is_found() -> None:
    proof.prove_forms(Search({"text": TEXT, "bytes": BYTES}))


def test_names_and_contents_of_files_are_found(tmp_path: Path) -> None:
    proof.prove_files(tmp_path)


def test_what_lies_in_an_image_is_found() -> None:
    proof.prove_tars()


def test_keys_of_anyone_are_found() -> None:
    proof.prove_keys()


@pytest.mark.usefixtures("sight")
def test_every_place_in_a_process_is_found() -> None:
    proof.prove_processes()


def test_a_search_that_does_not_know_a_form_is_no_proof() -> None:
    search = Search({"text": TEXT})
    search.canaries["other"] = "a canary that is not searched for"
    with pytest.raises(proof.Blind):
        proof.prove_forms(search)


def test_what_is_not_planted_is_not_found() -> None:
    noise = secrets.token_bytes(2**20)
    assert not Search({"text": TEXT, "bytes": BYTES}).in_bytes(noise, "noise")


@pytest.mark.parametrize("at", [0, 1, BLOCK - 16, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_memory_is_searched_across_its_blocks_and_again_when_it_has_changed(at: int) -> None:
    search = Search({"bytes": BYTES})
    memory = bytearray(4 * BLOCK)
    assert not search.in_memory(bytes(memory), "memory")
    memory[at : at + len(BYTES)] = BYTES
    for _ in range(2):
        assert {hit.canary for hit in search.in_memory(bytes(memory), "memory")} == {"bytes"}


def test_a_canary_that_is_too_short_to_be_found_is_refused() -> None:
    with pytest.raises(ValueError, match="short as bytes is 14 bytes, expected at least 15"):
        Search({"short": "x" * 14})


def test_what_is_packed_too_deep_to_be_searched_is_said_to_be() -> None:
    packed = BYTES
    for _ in range(MAX_DEPTH + 1):
        packed = gzip.compress(packed)
    with pytest.raises(Incomplete, match="compressed more than 4 times"):
        Search({"bytes": BYTES}).in_bytes(packed, "a packed file")
