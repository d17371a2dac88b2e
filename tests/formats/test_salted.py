"""SALTED: many messages of one key, each under a salt that depends on the message, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from faas_sealed.formats.file import Recipient, seal
from faas_sealed.formats.primitives import context, salted_open, salted_seal
from faas_sealed.formats.ticket import Ticket, grant_ticket, seal_resumed
from faas_sealed.formats.trace import seal_trace
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import forge
from tests.formats.second import suite
from tests.formats.second.text import base64_decode

KEY = bytes(range(32))
CONTEXT = context("greet", forge.public())
TICKET = Ticket(bytes(104), forge.RESUME, forge.EXP)

bytes32 = st.binary(min_size=32, max_size=32)
messages = st.tuples(st.binary(max_size=100), st.binary(max_size=100))


@contextmanager
def repeated_randomness(random: bytes = bytes(32)) -> Iterator[None]:
    """Give the same random bytes again and again, as a machine restored from a snapshot may."""
    with mock.patch("os.urandom", lambda size: random[:size]):
        yield


@given(key=bytes32, message=messages, random=bytes32)
def test_both_implementations_seal_alike_and_open_what_they_sealed(
    key: bytes, message: tuple[bytes, bytes], random: bytes
) -> None:
    with repeated_randomness(random):
        sealed = salted_seal(key, b"purpose", *message)
    assert sealed == suite.salted_seal(key, "purpose", *message, random)
    assert salted_open(key, b"purpose", sealed, message[1]) == message[0]
    assert suite.salted_open(key, "purpose", sealed, message[1]) == message[0]


@given(messages, messages)
def test_two_messages_have_two_salts_where_the_random_bytes_are_the_same(
    first: tuple[bytes, bytes], second: tuple[bytes, bytes]
) -> None:
    with repeated_randomness():
        salts = [salted_seal(KEY, b"purpose", *message)[:16] for message in (first, second)]
    assert (salts[0] == salts[1]) == (first == second)


@pytest.mark.parametrize(
    "messages",
    [
        [(b"a", b"b"), (b"ab", b""), (b"", b"ab"), (b"b", b"a")],
        [(b"", b""), (b"\0", b""), (b"", b"\0")],
        [(b"x" * 500, b""), (b"x" * 499 + b"y", b""), (b"x" * 501, b"")],
    ],
    ids=["split in another way", "almost nothing", "long"],
)
def test_no_part_of_a_message_passes_for_another(messages: list[tuple[bytes, bytes]]) -> None:
    with repeated_randomness():
        salts = {salted_seal(KEY, b"purpose", *message)[:16] for message in messages}
        others = {salted_seal(bytes(32), b"purpose", *message)[:16] for message in messages}
        purposes = {salted_seal(KEY, b"other", *message)[:16] for message in messages}
    assert len(salts | others | purposes) == 3 * len(messages)


def test_one_message_sealed_twice_looks_different() -> None:
    assert salted_seal(KEY, b"purpose", b"same", b"") != salted_seal(KEY, b"purpose", b"same", b"")


def test_all_random_bytes_count() -> None:
    salts = set()
    for at in range(32):
        with repeated_randomness(bytes(at) + b"\1" + bytes(31 - at)):
            salts.add(salted_seal(KEY, b"purpose", b"same", b"")[:16])
    assert len(salts) == 32


def test_a_message_opens_with_its_own_key_purpose_and_additional_data_only() -> None:
    sealed = salted_seal(KEY, b"purpose", b"message", b"aad")
    assert salted_open(KEY, b"purpose", sealed, b"aad") == b"message"
    others = [(bytes(32), b"purpose", b"aad"), (KEY, b"other", b"aad"), (KEY, b"purpose", b"")]
    for key, info, aad in others:
        with pytest.raises(ValueError, match="wrong key or altered"):
            salted_open(key, info, sealed, aad)


def test_no_byte_can_be_another_and_none_be_missing() -> None:
    sealed = salted_seal(KEY, b"purpose", b"message", b"aad")
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        for bad in (altered, sealed[:at], sealed[at + 1 :]):
            with pytest.raises(ValueError, match="wrong key or altered"):
                salted_open(KEY, b"purpose", bad, b"aad")


def slot(number: int) -> bytes:
    # The content key is repeated with the randomness, but not the context.
    name, recipients = f"greet-{number}", [Recipient(KEY)]
    file = seal(b"", function=name, seed=forge.SEED, recipients=recipients, created=0)
    return file.header.slots[0].salt


def trace(number: int) -> bytes:
    return salt_in(seal_trace(f"trace {number}", KEY, "00" * 8, CONTEXT), "fse1_", 8)


def ticket(number: int) -> bytes:
    text = grant_ticket(KEY, KEY, forge.RESUME, forge.EXP + number, CONTEXT)
    return salt_in(text, "fsxt1_", 8)


def resumed(number: int) -> bytes:
    text = seal_resumed(TICKET, forge.EXP - number, CONTEXT, bind=None)
    return salt_in(text, "fsxr1_", 104)


def salt_in(text: str, prefix: str, at: int) -> bytes:
    data = base64_decode(text.removeprefix(prefix)) or b""
    return data[at : at + 16]


@pytest.mark.parametrize("make", [slot, trace, ticket, resumed])
def test_whatever_is_salted_is_hedged(make: Callable[[int], bytes]) -> None:
    with repeated_randomness():
        salts = {make(number) for number in range(8)}
        assert make(0) in salts
    assert len(salts) == 8
