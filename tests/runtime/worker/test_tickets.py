"""Tickets: which answers bring one, and which requests the tokens made with it open."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import key_id
from faas_sealed.formats.stream import (
    Head,
    request_key,
    seal_pieces,
)
from faas_sealed.formats.ticket import (
    Ticket,
    accept_ticket,
    grant_ticket,
    open_resumed,
    seal_resumed,
    ticket_root,
)
from faas_sealed.formats.token import KeyToken, request_binding, seal_token, token_id
from faas_sealed.formats.wire import TICKET_HEADER

from tests.support import Answer, Function, opened, read_answer, serve, wait_until

HANDLER = {
    "handler.py": """\
def handle(event, context):
    if event.path == "/fail":
        raise ValueError("a secret message")
    headers = {"Cache-Control": "max-age=60", "X-Function-Ticket": "fsxt1_forged", "X-Own": "1"}
    if event.path == "/pieces":
        return iter(["a", "b"]), 200, headers
    return [event.path, event.body.decode(), context.token_id], 200, headers
"""
}
ONE, TWO = bytes(range(32)), bytes(range(1, 33))
OTHER_KEY = os.urandom(32)


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    with serve(HANDLER, transport=[ONE, TWO]) as served:
        yield served


def reason(answer: Answer) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def ticket_of(function: Function, target: str = "/") -> Ticket:
    """Return the ticket that a call with a key token brings."""
    resume = os.urandom(32)
    answer = function.request(target, key=function.token(target, resume=resume))
    text = answer.header(TICKET_HEADER)
    assert text is not None, answer
    return accept_ticket(text, resume, time.time())


def resumed(
    function: Function,
    ticket: Ticket,
    target: str = "/",
    *,
    method: str = "GET",
    body: bytes = b"",
    session: bytes | None = None,
    seconds: int = 300,
) -> str:
    """Return a resumed token for one request."""
    return seal_resumed(
        ticket,
        int(time.time()) + seconds,
        function.sealed.header.context,
        bind=binding(target, method, b"" if session else body),
        session=session,
    )


def binding(target: str, method: str, body: bytes) -> bytes:
    path, _, query = target.partition("?")
    return request_binding(method, path, query.encode(), hashlib.sha256(body).digest())


def stream(session: bytes, body: bytes = b"") -> bytes:
    return b"".join(seal_pieces(request_key(session), Head(()), [body]))


def test_a_ticket_opens_the_next_requests_each_for_itself(function: Function) -> None:
    ticket = ticket_of(function)
    for target, body in (("/", b""), ("/a", b"x"), ("/a?b=1", b"x" * 70_000)):
        token = resumed(function, ticket, target, method="POST", body=body)
        answer = function.request(target, method="POST", body=body, key=token)
        path = target.partition("?")[0]
        assert (answer.status, answer.json()) == (200, [path, body.decode(), token_id(token)])


@pytest.mark.parametrize("target", ["/", "/pieces"])
def test_an_answer_with_a_ticket_is_stored_nowhere(function: Function, target: str) -> None:
    with_ticket = function.request(target, key=function.token(target, resume=os.urandom(32)))
    assert with_ticket.header_list("Cache-Control") == ["no-store"]
    assert with_ticket.header("X-Own") == "1"
    assert function.request(target).header_list("Cache-Control") == ["max-age=60"]


@pytest.mark.parametrize("target", ["/", "/pieces"])
def test_a_handler_cannot_pass_off_a_ticket_of_its_own(function: Function, target: str) -> None:
    assert function.request(target).header(TICKET_HEADER) is None
    assert function.request(target, key=function.token(target)).header(TICKET_HEADER) is None
    session = os.urandom(32)
    token = function.token(target, session=session)
    head, _ = opened(function.request(target, body=stream(session), key=token), session)
    assert TICKET_HEADER not in dict(head.headers)
    answer = function.request(target, key=function.token(target, resume=os.urandom(32)))
    [text] = answer.header_list(TICKET_HEADER)
    assert text != "fsxt1_forged"


@pytest.mark.parametrize("target", ["/", "/pieces", "/fail"])
def test_with_a_session_the_ticket_travels_inside(function: Function, target: str) -> None:
    session, resume = os.urandom(32), os.urandom(32)
    token = function.token(target, session=session, resume=resume)
    answer = function.request(target, body=stream(session), key=token)
    head, _ = opened(answer, session)
    assert answer.header(TICKET_HEADER) is None
    [text] = [value for name, value in head.headers if name == TICKET_HEADER]
    if target != "/fail":
        assert ("Cache-Control", "max-age=60") in head.headers
    ticket = accept_ticket(text, resume, time.time())
    token = resumed(function, ticket, session=session)
    head, body = opened(function.request(body=stream(session, b"hi"), key=token), session)
    assert (head.status, json.loads(body)[1]) == (200, "hi")


def test_an_error_after_every_check_brings_the_ticket_too(function: Function) -> None:
    resume = os.urandom(32)
    answer = function.request("/fail", key=function.token("/fail", resume=resume))
    assert (answer.status, reason(answer)) == (500, "handler-error")
    text = answer.header(TICKET_HEADER)
    assert text is not None
    assert accept_ticket(text, resume, time.time())


@pytest.mark.parametrize(
    ("members", "target", "expected"),
    [
        ({}, "/other", "token-mismatch"),
        ({"key": OTHER_KEY}, "/", "unknown-key"),
        ({"exp": 1000}, "/", "expired-token"),
        ({"exp": int(time.time()) + 8 * 86_400}, "/", "malformed-key"),
    ],
)
def test_a_token_that_fails_a_check_brings_no_ticket(
    function: Function, members: dict[str, Any], target: str, expected: str
) -> None:
    answer = function.request(target, key=function.token(resume=os.urandom(32), **members))
    assert (reason(answer), answer.header(TICKET_HEADER)) == (expected, None)


def test_a_resumed_token_brings_no_ticket(function: Function) -> None:
    answer = function.request(key=resumed(function, ticket_of(function)))
    assert (answer.status, answer.header(TICKET_HEADER)) == (200, None)


@pytest.mark.parametrize(
    ("target", "method", "body"),
    [("/b", "POST", b"x"), ("/a", "PUT", b"x"), ("/a?c", "POST", b"x"), ("/a", "POST", b"y")],
)
def test_a_resumed_token_is_for_its_request_alone(
    function: Function, target: str, method: str, body: bytes
) -> None:
    token = resumed(function, ticket_of(function), "/a", method="POST", body=b"x")
    answer = function.request(target, method=method, body=body, key=token)
    assert (answer.status, reason(answer)) == (403, "token-mismatch")


def test_a_resumed_token_expires(function: Function) -> None:
    ticket = ticket_of(function)
    assert function.request(key=resumed(function, ticket, seconds=-30)).status == 200
    answer = function.request(key=resumed(function, ticket, seconds=-61))
    assert (answer.status, reason(answer)) == (403, "expired-token")


def test_no_character_of_a_resumed_token_can_be_altered(function: Function) -> None:
    token = resumed(function, ticket_of(function))
    with function.connect() as connection:
        for at in range(len(token)):
            altered = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
            connection.sendall(function.head(key=altered))
            answer = read_answer(connection)
            assert (answer.status, reason(answer)) == (400, "malformed-key"), at


def test_a_ticket_of_another_caller_is_of_no_use(function: Function) -> None:
    ticket = ticket_of(function)
    stolen = Ticket(ticket.sealed, os.urandom(32), ticket.texp)
    assert reason(function.request(key=resumed(function, stolen))) == "malformed-key"


def test_head_takes_no_session(function: Function) -> None:
    token = resumed(function, ticket_of(function), method="HEAD", session=os.urandom(32))
    assert function.request(method="HEAD", key=token).status == 403


def test_the_key_in_a_ticket_is_judged_at_every_call(tmp_path: Path) -> None:
    denied = tmp_path / "denied"
    denied.write_text("")
    with serve(HANDLER, transport=[ONE], seal_denied=str(denied)) as function:
        ticket = ticket_of(function)
        assert function.request(key=resumed(function, ticket)).status == 200
        denied.write_text(key_id(function.function_key))
        wait_until(
            lambda: function.request(key=function.token()).status == 403, "the key is denied"
        )
        answer = function.request(key=resumed(function, ticket))
        assert (answer.status, reason(answer)) == (403, "unknown-key")


def test_a_ticket_with_a_key_that_opens_nothing_is_refused(function: Function) -> None:
    """Only who holds the transport secret can make such a ticket."""
    resume, texp = os.urandom(32), int(time.time()) + 600
    context = function.sealed.header.context
    text = grant_ticket(ticket_root(ONE), OTHER_KEY, resume, texp, context)
    token = resumed(function, accept_ticket(text, resume, time.time()))
    answer = function.request(key=token)
    assert (answer.status, reason(answer)) == (403, "unknown-key")


def test_a_ticket_is_of_the_transport_key_that_its_token_was_sealed_to(function: Function) -> None:
    """So it is good wherever the token is, while a new transport key spreads."""
    context, bind = function.sealed.header.context, binding("/", "GET", b"")
    for seed, other in ((ONE, TWO), (TWO, ONE)):
        resume, exp = os.urandom(32), int(time.time()) + 60
        token = KeyToken(function.function_key, exp, bind, resume=resume)
        answer = function.request(key=seal_token(token, PrivateKey(seed).public, context))
        ticket = accept_ticket(answer.header(TICKET_HEADER) or "", resume, time.time())
        next_token = resumed(function, ticket)
        assert function.request(key=next_token).status == 200
        assert open_resumed(next_token, ticket_root(seed), context).key == function.function_key
        with pytest.raises(MalformedKey):
            open_resumed(next_token, ticket_root(other), context)


def test_who_takes_sealed_keys_alone_takes_resumed_tokens() -> None:
    with serve(HANDLER, transport=[ONE], seal_accept="sealed") as function:
        assert function.request(key=resumed(function, ticket_of(function))).status == 200
    with serve(HANDLER, transport=[ONE], seal_accept="raw") as function:
        text = grant_ticket(
            ticket_root(ONE), function.function_key, bytes(32), 2**40, b"f\0" + bytes(32)
        )
        ticket = accept_ticket(text, bytes(32), 2**40)
        assert reason(function.request(key=resumed(function, ticket))) == "malformed-key"


def test_the_audit_tells_the_form_of_key_and_the_token() -> None:
    with serve(HANDLER, transport=[ONE], environ={"seal_audit": "on"}) as function:
        ticket = ticket_of(function)
        token = resumed(function, ticket)
        for _ in range(2):  # as a queue delivers again
            assert function.request(key=token).status == 200
        wait_until(lambda: function.stderr.text.count("resumed") == 2, "both are in the log")
        function.request()
        function.stderr.wait_for('"key_form":"raw"')
        lines = [json.loads(line) for line in function.stderr.text.splitlines() if "audit" in line]
    assert [line["key_form"] for line in lines] == ["sealed", "resumed", "resumed", "raw"]
    assert [line["token_id"] for line in lines[1:]] == [token_id(token), token_id(token), None]
    assert {line["key_id"] for line in lines} == {key_id(function.function_key)}
