"""Key tokens: which open a function, in which order they are checked, which are refused."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from faas_sealed.formats import hpke
from faas_sealed.formats.encoding import base64_encode, json_encode
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY, key_id
from faas_sealed.formats.token import TOKEN_PREFIX, KeyToken, seal_token

from tests.support import Answer, Function, serve

HANDLER = {
    "handler.py": """\
def handle(event, context):
    return {"body": [event.path, event.body.decode(), sorted(dict(event.headers))]}
"""
}
STREAMING = {
    "handler.py": """\
def handle(event, context):
    return b"".join(event.stream)
"""
}
ONE, TWO = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    """A function with a second transport key, the one from before."""
    with serve(HANDLER, transport=[ONE, TWO]) as served:
        yield served


def reason(answer: Answer) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def test_a_token_opens_the_request_it_is_for_and_is_not_seen_by_the_handler(
    function: Function,
) -> None:
    target = "/a%20path/%C3%A4?x=1&y=%20"
    token = function.token(target, method="POST", body=b"hello")
    for _ in range(2):  # as a queue delivers again
        answer = function.request(target, method="POST", body=b"hello", key=token)
        path, body, headers = answer.json()
        assert (answer.status, path, body) == (200, "/a path/ä", "hello")
        assert "X-Function-Key" not in headers


@pytest.mark.parametrize(
    ("target", "method", "body"),
    [
        ("/other?x=1", "POST", b"hello"),
        ("/path?x=2", "POST", b"hello"),
        ("/path", "POST", b"hello"),
        ("/path?x=1", "PUT", b"hello"),
        ("/path?x=1", "POST", b"hullo"),
        ("/path?x=1", "POST", b""),
        ("/%70ath%25?x=1", "POST", b"hello"),
        ("/a//path?x=1", "POST", b"hello"),
    ],
)
def test_another_request_is_refused(
    function: Function, target: str, method: str, body: bytes
) -> None:
    token = function.token("/path?x=1", method="POST", body=b"hello")
    answer = function.request(target, method=method, body=body, key=token)
    assert (answer.status, reason(answer)) == (403, "token-mismatch")


def test_a_token_for_any_request_opens_any(function: Function) -> None:
    token = function.token(bind=None)
    for target in ("/", "/a//path", "/%2541?x"):
        assert function.request(target, method="POST", body=b"x", key=token).status == 200


def test_an_expired_token_is_refused_and_clocks_may_differ_by_a_minute(function: Function) -> None:
    now = int(time.time())
    assert function.request(key=function.token(exp=now - 30)).status == 200
    answer = function.request(key=function.token(exp=now - 61))
    assert (answer.status, reason(answer)) == (403, "expired-token")


@pytest.mark.parametrize(("members", "days"), [({}, 7), ({"bind": None}, 366)])
def test_a_token_that_lives_too_long_is_malformed(
    function: Function, members: dict[str, Any], days: int
) -> None:
    latest = int(time.time()) + days * 86_400
    assert function.request(key=function.token(exp=latest, **members)).status == 200
    answer = function.request(key=function.token(exp=latest + 90, **members))
    assert (answer.status, reason(answer)) == (400, "malformed-key")


@pytest.mark.parametrize("member", ["session", "resume"])
def test_a_session_or_a_ticket_without_a_binding_is_malformed(
    function: Function, member: str
) -> None:
    """No program of ours seals such a token."""
    content = {"bind": None, "exp": int(time.time()) + 60, "key": base64_encode(bytes(32))}
    content |= {"resume": None, "session": None, member: base64_encode(bytes(32))}
    transport, context = PrivateKey(ONE).public, function.sealed.header.context
    sealed = hpke.seal(transport, json_encode(content), b"token", context)
    answer = function.request(key=TOKEN_PREFIX + base64_encode(sealed))
    assert (answer.status, reason(answer)) == (400, "malformed-key")


def test_the_transport_key_from_before_opens_too(function: Function) -> None:
    token = KeyToken(function.function_key, int(time.time()) + 60)
    context = function.sealed.header.context
    for seed, status in ((TWO, 200), (os.urandom(32), 400)):
        text = seal_token(token, PrivateKey(seed).public, context)
        assert function.request(key=text).status == status


@pytest.mark.parametrize(
    "alter",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text[:2000] + ("A" if text[2000:2001] != "A" else "B"),
        lambda text: text[:9] + ("A" if text[9] != "A" else "B") + text[10:],
        lambda text: f"{text}, {text}",
        lambda _: "fsx1_" + "A" * 1700,
        lambda _: "fsx1_",
        lambda _: "fsx1_" + "A" * 4092,
    ],
)
def test_what_is_no_token_is_malformed(function: Function, alter: object) -> None:
    assert callable(alter)
    answer = function.request(key=alter(function.token()))
    assert (answer.status, reason(answer)) == (400, "malformed-key")


def test_a_token_with_a_key_that_opens_nothing_is_refused(function: Function) -> None:
    answer = function.request(key=function.token(key=os.urandom(32)))
    assert (answer.status, reason(answer)) == (403, "unknown-key")


def test_a_raw_key_is_taken_unless_tokens_alone_are(function: Function) -> None:
    assert function.request().status == 200
    with serve(HANDLER, transport=[ONE], seal_accept="sealed") as other:
        answer = other.request()
        assert (answer.status, reason(answer)) == (403, "raw-key-refused")
        assert other.request(key=other.token()).status == 200
        assert other.request(key="fsk1_x").status == 400
    with serve(HANDLER, transport=[ONE], seal_accept="raw") as other:
        assert reason(other.request(key=other.token())) == "malformed-key"
        assert other.request().status == 200


def test_a_body_that_a_token_is_bound_to_is_compared_before_a_handler_streams_it() -> None:
    with serve(STREAMING, transport=[ONE]) as function:
        token = function.token("/", method="POST", body=b"hello")
        assert function.request(method="POST", body=b"hello", key=token).body == b"hello"
        answer = function.request(method="POST", body=b"hullo", key=token)
        assert reason(answer) == "token-mismatch"


def test_a_flood_of_bad_tokens_leaves_good_ones_alone(function: Function) -> None:
    """The first 400 answers the others; nothing is counted against those with a key."""
    bad = function.token()[:-2]
    for _ in range(50):
        assert function.request(key=bad).status == 400
    assert function.request(key=function.token()).status == 200
    assert function.request(key=FUNCTION_KEY.encode(function.function_key)).status == 200
    assert len(key_id(function.function_key)) == 16
