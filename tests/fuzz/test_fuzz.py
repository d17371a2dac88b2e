"""The fuzzer on every parser, and on parsers with a fault that it must find."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.formats.vector import PATHS
from tests.fuzz.engine import Found, Target, fuzz
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parent.parent.parent
# `make fuzz` goes on for longer.
INPUTS = 300


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_no_input_shows_a_fault_of_a_parser(target: Target) -> None:
    assert target.seeds
    assert len(fuzz(target, INPUTS, seed=1)) >= len(target.seeds)


def test_whatever_has_vectors_is_fuzzed() -> None:
    # Tokens and traces go through what these two are about.
    kinds = {path.parent.name for path in PATHS} - {"hpke", "salted"}
    assert {target.kind for target in TARGETS.values()} == kinds


def test_the_same_seed_gives_the_same_inputs() -> None:
    target = TARGETS["response-head"]
    assert fuzz(target, INPUTS, seed=3) == fuzz(target, INPUTS, seed=3)
    assert fuzz(target, INPUTS, seed=3) != fuzz(target, INPUTS, seed=4)


def sound(data: bytes) -> bytes:
    """Take what starts with `ok`, and refuse the rest."""
    if not data.startswith(b"ok"):
        raise ValueError
    return data


def raises_another_error(data: bytes) -> bytes:
    assert sound(data)[2] >= 0
    return data


def takes_two_encodings(data: bytes) -> bytes:
    return sound(data).rstrip(b" ")


def never_ends(data: bytes) -> bytes:
    rest = sound(data)[2:]
    while rest:
        rest = rest[rest[0] & 7 :]
    return data


def takes_quadratic_work(data: bytes) -> bytes:
    for end in range(len(sound(data))):
        for _ in range(end):
            pass
    return data


def believes_a_length(data: bytes) -> bytes:
    size = int.from_bytes(sound(data)[2:6], "big")
    bytearray(min(size, 2**28))
    return data


def hides_its_fault(data: bytes) -> bytes:
    """Fail for 5 high bytes in a row, one of a million where nothing guides the search."""
    if sound(data)[2:3] < b"\xf0":
        return data
    if data[3:4] < b"\xf0":
        return data
    if data[4:5] < b"\xf0":
        return data
    if data[5:6] < b"\xf0":
        return data
    if data[6:7] < b"\xf0":
        return data
    raise AssertionError


def catches_everything_in_a_loop(data: bytes) -> bytes:
    try:
        return never_ends(data)
    except Exception:
        return data


def planted(parse: Callable[[bytes], Any], **facts: Any) -> Target:
    return Target("planted", "none", [b"ok\x01\x01\x01", b"no"], parse, (ValueError,), **facts)


@pytest.mark.parametrize(
    ("parse", "fault"),
    [
        (raises_another_error, "raises IndexError"),
        (takes_two_encodings, "not the one of its value"),
        (never_ends, "too many lines"),
        (catches_everything_in_a_loop, "too many lines"),
        (takes_quadratic_work, "too many lines"),
        (believes_a_length, "more memory"),
        (hides_its_fault, "raises AssertionError"),
    ],
)
def test_a_planted_fault_is_found(parse: Callable[[bytes], Any], fault: str) -> None:
    fuzz(planted(parse, serialise=bytes), 0, seed=1)
    with pytest.raises(Found, match=fault) as found:
        fuzz(planted(parse, serialise=bytes), 20_000, seed=1)
    assert found.value.data.startswith(b"ok")
    assert len(found.value.data) <= 64


def test_a_sound_parser_is_not_blamed() -> None:
    fuzz(planted(sound, serialise=bytes, others=[sound]), 5_000, seed=1)


def test_readers_that_disagree_are_found() -> None:
    def other(data: bytes) -> bytes:
        return sound(data).replace(b"\0", b"")

    with pytest.raises(Found, match="other comes to another result"):
        fuzz(planted(sound, others=[other]), 20_000, seed=1)


def test_what_is_found_can_be_seen_again_with_the_seed() -> None:
    faults = []
    for _ in range(2):
        with pytest.raises(Found) as found:
            fuzz(planted(never_ends), 20_000, seed=5)
        faults.append((found.value.data, str(found.value)))
    assert faults[0] == faults[1]


def test_the_command_takes_a_parser_by_name_and_says_what_it_did() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "trace", "--inputs", "10", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.startswith("trace: 10 inputs, ")
    command[3] = "nothing"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no parser is named nothing" in done.stderr
