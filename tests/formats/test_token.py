from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from faas_sealed.formats.encoding import base64_decode, base64_encode
from faas_sealed.formats.errors import ExpiredToken, MalformedKey, TokenMismatch
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.primitives import context
from faas_sealed.formats.token import KeyToken, open_token, seal_token, token_id
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats import forge
from tests.formats.second.suite import Refused
from tests.formats.second.text import BASE64
from tests.formats.second.token import check_time, read_token
from tests.formats.second.token import token_id as second_token_id

CONTEXT = context("greet", forge.public())
TRANSPORT = PrivateKey(forge.TRANSPORT_SEED)
EXP = 1_800_000_000
TOKEN = KeyToken(b"K" * 32, EXP, bind=b"B" * 32, session=b"S" * 32, resume=b"R" * 32)
ANY = replace(TOKEN, bind=None, session=None, resume=None)
DAY = 24 * 60 * 60

bytes32 = st.binary(min_size=32, max_size=32)
times = st.integers(0, 2**53 - 1)
tokens = st.builds(KeyToken, key=bytes32, exp=times) | st.builds(
    KeyToken,
    key=bytes32,
    exp=times,
    bind=bytes32,
    session=st.none() | bytes32,
    resume=st.none() | bytes32,
)


def sealed(token: KeyToken = TOKEN) -> str:
    return seal_token(token, TRANSPORT.public, CONTEXT)


def opened(text: str) -> KeyToken:
    return open_token(text, TRANSPORT, CONTEXT)


@given(tokens)
def test_every_token_survives_sealing(token: KeyToken) -> None:
    text = sealed(token)
    assert len(text) <= 4096
    assert opened(text) == token
    assert read_token(text, forge.TRANSPORT_SEED, "greet", forge.public()) == {
        "bind": token.bind and base64_encode(token.bind),
        "exp": token.exp,
        "key": base64_encode(token.key),
        "resume": token.resume and base64_encode(token.resume),
        "session": token.session and base64_encode(token.session),
    }


def test_a_token_is_as_long_as_the_protocol_says() -> None:
    assert len(sealed(ANY)) == 1668
    assert len(sealed()) == 1832


def test_no_byte_of_a_token_can_be_another() -> None:
    data = base64_decode(sealed().removeprefix("fsx1_"))
    for at in range(len(data)):
        for mask in (0x01, 0x80):
            altered = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
            with pytest.raises(MalformedKey):
                opened("fsx1_" + base64_encode(altered))


@given(st.data())
def test_no_character_of_a_token_can_be_replaced_added_or_missing(data: st.DataObject) -> None:
    text = sealed()
    at = data.draw(st.integers(0, len(text)))
    more = data.draw(st.text(BASE64 + "=+/ \n", max_size=3) | st.text(max_size=2))
    altered = text[:at] + more + text[at + data.draw(st.integers(0, 3)) :]
    if altered != text:
        with pytest.raises(MalformedKey):
            opened(altered)


@given(st.text(st.characters(codec=None)) | st.text(BASE64, max_size=2000))
def test_no_text_makes_a_parser_fail_in_another_way(text: str) -> None:
    for candidate in (text, f"fsx1_{text}"):
        with pytest.raises(MalformedKey):
            opened(candidate)


def test_a_token_opens_with_its_own_transport_key_and_function_only() -> None:
    text = sealed()
    with pytest.raises(MalformedKey):
        open_token(text, PrivateKey(bytes(32)), CONTEXT)
    for other in (context("other", forge.public()), context("greet", bytes(32))):
        with pytest.raises(MalformedKey):
            open_token(text, TRANSPORT, other)


# Tokens that somebody did seal, right or wrong. Both implementations must agree.


def judge(line: bytes) -> str:
    """Return the reason why a token is refused, or "ok"; fail if the implementations differ."""
    text = forge.token_text(line)
    outcome = "ok"
    try:
        opened(text)
    except MalformedKey as error:
        outcome = error.reason
        shown = str(error).encode()
        assert not any(line[at : at + 8] in shown for at in range(len(line) - 8))
    try:
        read_token(text, forge.TRANSPORT_SEED, "greet", forge.public())
        second = "ok"
    except Refused as error:
        second = error.reason
    assert outcome == second
    return outcome


values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(min_size=31, max_size=33).map(base64_encode)
    | st.text(BASE64, min_size=43, max_size=43)
    | st.lists(st.none(), max_size=2)
)


@given(values | st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_any_sealed_json_is_refused_as_a_token(value: object) -> None:
    line = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    assert judge(line) == "malformed-key"


@given(
    name=st.sampled_from(["bind", "exp", "key", "resume", "session", "other"]),
    value=values,
    bind=st.none() | st.just("A" * 43),
)
def test_both_implementations_agree_about_tokens_with_one_other_value(
    name: str, value: object, bind: str | None
) -> None:
    judge(forge.token_line(**{"bind": bind, name: value}))


@pytest.mark.parametrize("session", [None, "A" * 43])
@pytest.mark.parametrize("resume", [None, "A" * 43])
def test_only_a_bound_token_has_a_session_or_asks_for_a_ticket(
    resume: str | None, session: str | None
) -> None:
    bound = forge.token_line(bind="A" * 43, resume=resume, session=session)
    assert judge(bound) == "ok"
    alone = (resume, session) == (None, None)
    line = forge.token_line(resume=resume, session=session)
    assert judge(line) == ("ok" if alone else "malformed-key")


@settings(max_examples=200)
@given(st.data())
def test_both_implementations_agree_about_tokens_with_other_bytes(data: st.DataObject) -> None:
    line = forge.token_line(bind="A" * 43)
    assert judge(line) == "ok"
    at = data.draw(st.integers(0, len(line)))
    more = data.draw(
        st.sampled_from([*b'-019eE.+{}[]",: \t\\=_/AZaz\x00\x7f\x80']).map(lambda b: bytes([b]))
    )
    judge(line[:at] + more + line[at + data.draw(st.integers(0, 2)) :])


@pytest.mark.parametrize(
    "line",
    [b"[" * 2**20, b'{"a":' * 2**17, b"9" * 2**20, b'"' + b"\\u0061" * 2**17],
    ids=["arrays", "objects", "digits", "escapes"],
)
def test_a_token_made_to_exhaust_the_parser_is_refused(line: bytes) -> None:
    text = forge.token_text(line)
    with pytest.raises(MalformedKey):
        opened(text)


# What seal_token() refuses.


@pytest.mark.parametrize(
    "change",
    [
        *({"key": bytes(length)} for length in (0, 31, 33)),
        *({"bind": bytes(length)} for length in (0, 31, 33)),
        *({"session": bytes(length)} for length in (0, 31, 33)),
        *({"resume": bytes(length)} for length in (0, 31, 33)),
        *({"exp": exp} for exp in (-1, 2**53, 1.5, EXP + 0.0, float("nan"), True, None)),
    ],
    ids=str,
)
def test_nothing_is_sealed_that_could_not_be_opened(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected 32|JSON|exp is not"):
        sealed(replace(TOKEN, **change))


@pytest.mark.parametrize("change", [{"session": None}, {"resume": None}, {}], ids=str)
def test_nothing_is_sealed_for_any_request_that_only_a_bound_token_has(
    change: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="any request"):
        sealed(replace(TOKEN, bind=None, **change))


def test_a_token_is_sealed_to_a_public_key() -> None:
    with pytest.raises(ValueError, match="not a public key"):
        seal_token(TOKEN, bytes(32), CONTEXT)


def test_a_token_shows_no_secret_when_it_is_printed() -> None:
    assert repr(TOKEN) == f"KeyToken(exp={EXP})"


# When, and for what.


@pytest.mark.parametrize("exp", [0, EXP, 2**53 - 1])
def test_a_token_is_good_until_a_minute_after_it_expires(exp: int) -> None:
    token = replace(TOKEN, exp=exp)
    for now in (exp - 300, exp, exp + 59, exp + 59.5):
        token.check_time(now)
    for late in (60, 61, 2**53):
        with pytest.raises(ExpiredToken):
            token.check_time(exp + late)


@pytest.mark.parametrize(("token", "days"), [(TOKEN, 7), (ANY, 366)], ids=["bound", "any"])
@pytest.mark.parametrize("now", [0, EXP])
def test_a_token_lives_a_week_or_a_year_and_a_minute_at_most(
    token: KeyToken, days: int, now: int
) -> None:
    longest = now + days * DAY + 60
    replace(token, exp=longest).check_time(now)
    for exp, early in ((longest + 1, 0), (longest, 0.5), (2**53 - 1, 0)):
        with pytest.raises(MalformedKey, match=f"longer than {days} days"):
            replace(token, exp=exp).check_time(now - early)


@given(
    exp=st.integers(0, 2**40),
    around=st.sampled_from([60, 0, -7 * DAY - 60, -366 * DAY - 60]),
    beside=st.sampled_from([-1, -0.25, 0, 0.25, 1]),
    bind=st.none() | bytes32,
)
def test_both_implementations_judge_the_time_alike(
    exp: int, around: int, beside: float, bind: bytes | None
) -> None:
    now = exp + around + beside
    expected = outcome = "ok"
    try:
        check_time(exp, bind is not None, now)
    except Refused as error:
        expected = error.reason
    try:
        KeyToken(bytes(32), exp, bind).check_time(now)
    except (ExpiredToken, MalformedKey) as error:
        outcome = error.reason
    assert outcome == expected


def test_a_token_that_is_sent_again_has_the_same_id() -> None:
    text = sealed()
    assert token_id(text) == sha256(text.encode()).digest()[:16].hex() == second_token_id(text)
    assert token_id(text) != token_id(sealed())
    assert len(token_id(text)) == 32


def test_a_token_without_a_binding_is_for_any_request() -> None:
    replace(TOKEN, bind=None).check_request(bytes(32))


@given(st.integers(0, 255))
def test_a_token_with_a_binding_is_for_that_request_only(bit: int) -> None:
    request = sha256(b"a request").digest()
    token = replace(TOKEN, bind=request)
    token.check_request(request)
    other = int.from_bytes(request, "big") ^ 1 << bit
    for mismatch in (other.to_bytes(32, "big"), b"", request[:-1], request + b"\0"):
        with pytest.raises(TokenMismatch):
            token.check_request(mismatch)
