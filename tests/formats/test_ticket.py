"""Tickets, and the resumed tokens that are made with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from faas_sealed.formats.encoding import base64_decode, base64_encode
from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.primitives import context
from faas_sealed.formats.ticket import (
    Ticket,
    accept_ticket,
    grant_ticket,
    open_resumed,
    seal_resumed,
    ticket_root,
)
from faas_sealed.formats.token import KeyToken
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import forge
from tests.formats.second import ticket as second
from tests.formats.second.suite import Refused, hkdf
from tests.formats.second.text import BASE64

CONTEXT = context("greet", forge.public())
ROOT = ticket_root(forge.TRANSPORT_SEED)
KEY, RESUME, EXP = forge.FUNCTION_KEY, forge.RESUME, forge.EXP
TEXP = EXP + 600
NOW = TEXP - 3600
BIND, SESSION = b"B" * 32, b"S" * 32
ZEROS = bytes(32)

bytes32 = st.binary(min_size=32, max_size=32)
times = st.integers(0, 2**53 - 1)
any_text = st.text(st.characters(codec=None)) | st.text(BASE64, max_size=400)


def granted(**changes: Any) -> str:
    options: dict[str, Any] = {
        "root": ROOT,
        "key": KEY,
        "resume": RESUME,
        "texp": TEXP,
        "context": CONTEXT,
    }
    return grant_ticket(**options | changes)


def accepted(text: str, resume: bytes = RESUME, now: float = NOW) -> Ticket:
    """Return the ticket in `text`; fail unless both implementations say the same."""
    try:
        ticket = accept_ticket(text, resume, now)
    except ValueError:
        with pytest.raises(Refused):
            second.accept_ticket(text, resume, now)
        raise
    assert second.accept_ticket(text, resume, now) == (ticket.sealed, ticket.texp)
    return ticket


TICKET = accepted(granted())


def sealed(ticket: Ticket = TICKET, **changes: Any) -> str:
    options: dict[str, Any] = {"exp": EXP, "context": CONTEXT, "bind": BIND, "session": SESSION}
    return seal_resumed(ticket, **options | changes)


def opened(text: str, seed: bytes = forge.TRANSPORT_SEED) -> KeyToken:
    """Return the token in `text`; fail unless both implementations say the same."""
    try:
        token = open_resumed(text, ticket_root(seed), CONTEXT)
    except MalformedKey:
        with pytest.raises(Refused, match="malformed-key"):
            second.read_resumed(text, seed, "greet", forge.public())
        raise
    other = second.read_resumed(text, seed, "greet", forge.public())
    assert KeyToken(other.key, other.exp, other.bind, other.session) == token
    return token


def variants(text: str) -> Iterator[str]:
    """Yield the text with each of its bytes altered, missing and doubled."""
    prefix, _, encoded = text.partition("_")
    data = base64_decode(encoded)
    for at in range(len(data)):
        for mask in (0x01, 0x80):
            altered = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
            yield f"{prefix}_{base64_encode(altered)}"
        yield f"{prefix}_{base64_encode(data[:at] + data[at + 1 :])}"
        yield f"{prefix}_{base64_encode(data[: at + 1] + data[at:])}"


# What is granted is accepted, and what is made with it opens.


@given(
    seed=bytes32,
    key=bytes32,
    resume=bytes32,
    time=st.tuples(times, times).map(sorted),
    fields=st.sampled_from([(None, None)]) | st.tuples(bytes32, st.none() | bytes32),
)
def test_every_ticket_brings_the_function_key_back(
    seed: bytes,
    key: bytes,
    resume: bytes,
    time: list[int],
    fields: tuple[bytes | None, bytes | None],
) -> None:
    exp, texp = time
    text = grant_ticket(ticket_root(seed), key, resume, texp, CONTEXT)
    assert len(text) == 177
    ticket = accepted(text, resume, now=texp - 3600)
    assert ticket.texp == texp
    token = seal_resumed(ticket, exp, CONTEXT, bind=fields[0], session=fields[1])
    assert len(token) == 285
    assert opened(token, seed) == KeyToken(key, exp, bind=fields[0], session=fields[1])


def test_a_field_of_zeros_is_there_all_the_same() -> None:
    assert opened(sealed(bind=ZEROS, session=ZEROS)) == KeyToken(KEY, EXP, ZEROS, ZEROS)
    assert opened(sealed(bind=ZEROS, session=None)) == KeyToken(KEY, EXP, ZEROS)
    assert opened(sealed(bind=None, session=None)) == KeyToken(KEY, EXP)


def test_a_resumed_token_asks_for_no_ticket() -> None:
    assert opened(sealed()).resume is None


def test_the_root_is_not_the_transport_seed() -> None:
    assert hkdf(forge.TRANSPORT_SEED, "ticket root") == ROOT != forge.TRANSPORT_SEED
    with pytest.raises(ValueError, match="31 bytes"):
        ticket_root(bytes(31))


def test_the_same_ticket_granted_twice_looks_different_and_so_do_two_tokens() -> None:
    assert granted() != granted()
    assert sealed() != sealed()


def test_tickets_and_their_tokens_show_no_secret_when_they_are_printed() -> None:
    assert repr(TICKET) == f"Ticket(texp={TEXP})"
    assert repr(opened(sealed())) == f"KeyToken(exp={EXP})"


# Tickets that a client ignores.


def test_no_byte_of_a_ticket_can_be_another_missing_or_more() -> None:
    for text in variants(granted()):
        with pytest.raises(ValueError, match="ticket"):
            accepted(text)


@given(st.data())
def test_no_character_of_a_ticket_or_token_can_be_replaced_added_or_missing(
    data: st.DataObject,
) -> None:
    for text, read in ((granted(), accepted), (sealed(), opened)):
        at = data.draw(st.integers(0, len(text)))
        more = data.draw(st.text(BASE64 + "=+/ \n", max_size=3) | st.text(max_size=2))
        altered = text[:at] + more + text[at + data.draw(st.integers(0, 3)) :]
        if altered != text:
            with pytest.raises((ValueError, MalformedKey)):
                read(altered)


@given(any_text)
def test_no_text_makes_a_reader_fail_in_another_way(text: str) -> None:
    for candidate in (text, f"fsxt1_{text}"):
        with pytest.raises(ValueError, match=r"base64|ticket|start"):
            accepted(candidate)
    for candidate in (text, f"fsxr1_{text}"):
        with pytest.raises(MalformedKey):
            opened(candidate)


@pytest.mark.parametrize("prefix", ["", "fsx1_", "fsk1_", "fsxr2_", "fsxt2_", "FSXR1_", "FSXT1_"])
def test_tickets_and_resumed_tokens_have_prefixes_of_their_own(prefix: str) -> None:
    ticket, token = granted()[6:], sealed()[6:]
    for wrong in (prefix, "fsxr1_"):
        with pytest.raises(ValueError, match=r"start|length"):
            accepted(wrong + ticket)
    for wrong in (prefix, "fsxt1_"):
        with pytest.raises(MalformedKey):
            opened(wrong + token)


def test_a_ticket_is_for_the_secret_that_asked_for_it() -> None:
    with pytest.raises(ValueError, match="for another caller"):
        accepted(granted(), resume=KEY)
    with pytest.raises(ValueError, match="for another caller"):
        accepted(granted(resume=KEY))


@pytest.mark.parametrize("ahead", [-(2**31), 0, 3600, 3660, 3660.5, 3661, 2**53, 2**62])
def test_a_ticket_is_good_for_an_hour_and_a_minute_at_most(ahead: float) -> None:
    text = forge.ticket_text(TICKET.sealed, TEXP)
    if ahead <= 3660:
        assert accepted(text, now=TEXP - ahead) == TICKET
    else:
        with pytest.raises(ValueError, match="good for longer than a function grants"):
            accepted(text, now=TEXP - ahead)


@pytest.mark.parametrize("texp", [2**53, 2**63, 2**63 + TEXP, 2**64 - 1])
def test_a_time_has_no_sign(texp: int) -> None:
    with pytest.raises(ValueError, match="good for longer"):
        accepted(forge.ticket_text(TICKET.sealed, texp))


@pytest.mark.parametrize("length", [0, 103, 105, 209])
def test_a_ticket_of_another_length_is_ignored_though_it_is_confirmed(length: int) -> None:
    with pytest.raises(ValueError, match="length"):
        accepted(forge.ticket_text(bytes(length), TEXP))


# Resumed tokens that do not open.


def test_no_byte_of_a_resumed_token_can_be_another_missing_or_more() -> None:
    for text in variants(sealed()):
        with pytest.raises(MalformedKey):
            opened(text)


def test_a_resumed_token_opens_with_its_own_seed_and_function_only() -> None:
    text = sealed()
    with pytest.raises(MalformedKey):
        opened(text, seed=bytes(32))
    for other in (context("other", forge.public()), context("greet", bytes(32))):
        with pytest.raises(MalformedKey):
            open_resumed(text, ROOT, other)
        with pytest.raises(MalformedKey):
            opened(sealed(context=other))
        foreign = accepted(granted(context=other))
        with pytest.raises(MalformedKey):
            opened(sealed(foreign))
        with pytest.raises(MalformedKey):
            opened(sealed(foreign, context=other))


def test_a_ticket_is_of_no_use_without_its_secret() -> None:
    for resume in (ZEROS, KEY, ROOT, forge.TRANSPORT_SEED):
        with pytest.raises(MalformedKey):
            opened(sealed(replace(TICKET, resume=resume)))


def test_the_content_of_one_token_does_not_fit_another_ticket_of_the_same_secret() -> None:
    data = base64_decode(sealed().removeprefix("fsxr1_"))
    other = accepted(granted())
    assert opened(sealed(other)) == opened(sealed())
    with pytest.raises(MalformedKey):
        opened("fsxr1_" + base64_encode(other.sealed + data[104:]))


# Contents that somebody did seal, right or wrong. Both implementations must agree.


def judge(content: bytes, texp: int = TEXP) -> KeyToken | None:
    """Return the token of a content in a ticket, or None where it is refused."""
    try:
        return opened(forge.resumed_text(content, forge.ticket(texp=texp)))
    except MalformedKey:
        return None


@pytest.mark.parametrize("flags", range(256))
def test_of_all_flags_three_are_taken_and_what_they_leave_out_is_zero(flags: int) -> None:
    taken = {0: (ZEROS, ZEROS), 1: (BIND, ZEROS), 3: (BIND, SESSION)}
    for bind, session in product((ZEROS, BIND), (ZEROS, SESSION)):
        token = judge(forge.resumed_content(flags, bind, EXP, session))
        fits = flags in taken and all(
            found in (ZEROS, most)
            for found, most in zip((bind, session), taken[flags], strict=True)
        )
        assert (token is not None) == fits
        if token:
            assert token.bind == (bind if flags & 1 else None)
            assert token.session == (session if flags & 2 else None)


@pytest.mark.parametrize("at", range(32))
def test_every_byte_of_an_absent_field_is_zero(at: int) -> None:
    other = bytes(at) + b"\1" + bytes(31 - at)
    assert judge(forge.resumed_content(0, bind=other)) is None
    assert judge(forge.resumed_content(0, session=other)) is None
    assert judge(forge.resumed_content(1, BIND, session=other)) is None


@pytest.mark.parametrize("texp", [0, 1, TEXP, 2**53 - 1, 2**53, 2**63, 2**64 - 1])
def test_a_token_lives_no_longer_than_its_ticket_and_a_ticket_not_for_ever(texp: int) -> None:
    for exp in {0, 1, texp - 1, texp, texp + 1, EXP, 2**53 - 1, 2**53, 2**64 - 1}:
        if 0 <= exp < 2**64:
            token = judge(forge.resumed_content(1, BIND, exp), texp)
            assert (token is not None) == (exp <= texp < 2**53)


@given(st.binary(max_size=80) | st.binary(min_size=73, max_size=73))
def test_both_implementations_agree_about_any_content(content: bytes) -> None:
    token = judge(content)
    assert token is None or len(content) == 73


@pytest.mark.parametrize("length", [0, 41, 72, 74, 105])
def test_a_content_of_another_length_is_refused(length: int) -> None:
    assert judge(forge.resumed_content(1, BIND)[:length].ljust(length, b"\0")) is None


@pytest.mark.parametrize("at", [0, 1, 33, 41, 73])
def test_no_field_of_a_content_is_a_byte_longer(at: int) -> None:
    content = forge.resumed_content(1, BIND)
    assert judge(content[:at] + b"\0" + content[at:]) is None


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
@pytest.mark.parametrize("resume", [RESUME, RESUME[:31]])
def test_a_ticket_of_another_length_does_not_open(key: bytes, resume: bytes) -> None:
    ticket = forge.ticket(key, resume)
    assert len(ticket) == 72 + len(key) + len(resume) - 32
    with pytest.raises(MalformedKey):
        opened(forge.resumed_text(forge.resumed_content(1, BIND), ticket))


def test_an_error_repeats_nothing_of_a_token() -> None:
    text = sealed()
    for bad in (text[:-1], text[:-1] + "!", text.replace("fsxr1_", "fsx1_"), text + "A"):
        with pytest.raises(MalformedKey) as error:
            opened(bad)
        assert not any(text[at : at + 8] in str(error.value) for at in range(6, len(text) - 8))


# What is not sealed, because it could not be opened.


@pytest.mark.parametrize(
    "change",
    [
        *({"bind": bytes(length)} for length in (0, 31, 33)),
        *({"session": bytes(length)} for length in (0, 31, 33)),
        {"bind": bytes(31), "session": bytes(33)},
        {"bind": None},
        *({"exp": exp} for exp in (-1, TEXP + 1, 2**53, 2**64)),
    ],
    ids="-".join,
)
def test_no_token_is_sealed_that_could_not_be_opened(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected 32|flags|longer than its ticket"):
        sealed(**change)


@pytest.mark.parametrize(
    "change",
    [
        *({name: bytes(31)} for name in ("root", "key", "resume")),
        *({"texp": texp} for texp in (-1, 2**53, 2**64)),
    ],
    ids="-".join,
)
def test_no_ticket_is_granted_that_could_not_be_used(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="32"):
        granted(**change)
