"""The audit: a line for each request that asked for the function, and nothing secret in it."""

from __future__ import annotations

import datetime
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from faas_sealed.formats.keys import FUNCTION_KEY, key_id

from tests.runtime.conftest import PROGRAM, Gate
from tests.runtime.wire import Client, Cut, connected
from tests.runtime.worker.test_sealed_bodies import STREAMING
from tests.runtime.worker.test_tokens import ONE
from tests.support import Function, serve, wait_until

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"


def lines(function: Function) -> list[dict[str, Any]]:
    found = [line for line in function.stderr.text.splitlines() if line.startswith('{"audit"')]
    return [json.loads(line) for line in found]


def test_each_request_is_told_of_with_who_asked_and_what_became_of_it() -> None:
    other = os.urandom(32)
    with serve(PROGRAM, transport=[ONE], environ={"seal_audit": "on"}) as function:
        own = key_id(function.function_key)
        call = [("X-Call-Id", "call-1")]
        assert function.request("/echo", headers=call).status == 200
        assert function.request("/echo", key=function.token("/echo")).status == 200
        assert function.request(key=FUNCTION_KEY.encode(other)).status == 403
        assert function.request(key=function.token("/other")).status == 403
        assert function.request(key=function.token(exp=1)).status == 403
        assert function.request(key="fsk1_x").status == 400
        assert function.request(key=None).status == 401
        assert function.request(method="POST", body=b"1 / 0").status == 500
        assert function.request("/.well-known/faas-seal", key=None).status == 200
        wait_until(lambda: len(lines(function)) == 8, "each is told of")
    told = lines(function)
    header = function.sealed.header
    assert {(line["audit"], line["function"], line["content_id"]) for line in told} == {
        ("faas-seal/v1", "tested", header.content_id)
    }
    # Written once the answer is sent: two workers do not keep the order of their requests.
    assert {
        (line["outcome"], line["status"], line["key_form"], line["key_id"]) for line in told
    } == {
        ("ok", 200, "raw", own),
        ("ok", 200, "sealed", own),
        ("unknown-key", 403, "raw", key_id(other)),
        ("token-mismatch", 403, "sealed", own),
        ("expired-token", 403, "sealed", own),
        ("malformed-key", 400, None, None),
        ("missing-key", 401, None, None),
        ("handler-error", 500, "raw", own),
    }
    assert "call-1" in {line["call_id"] for line in told}
    assert len({line["call_id"] for line in told}) == len(told)
    for line in told:
        assert 0 <= line["milliseconds"] < 60_000
        moment = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
        assert abs(moment - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 60
    assert function.key not in function.stderr.text


@pytest.mark.parametrize("form", ["text", "json"])
def test_its_lines_are_the_same_whatever_the_log_is(form: str) -> None:
    with serve(PROGRAM, environ={"seal_audit": "on", "seal_log": form}) as function:
        function.request("/echo")
        function.stderr.wait_for('{"audit":"faas-seal/v1",')
    assert len(lines(function)) == 1


def test_without_the_setting_nothing_is_told(program: Function) -> None:
    program.request("/echo")
    assert lines(program) == []


def test_who_finds_no_worker_is_told_of_too() -> None:
    with serve(PROGRAM, environ={"seal_audit": "on"}) as function:
        body = b"import os; os._exit(1)"
        assert function.request(method="POST", body=body).status == 502
        function.stderr.wait_for('"outcome":"worker-died"')
    [line] = lines(function)
    assert (line["status"], line["key_id"]) == (502, key_id(function.function_key))


LARGE = "answer = bytes(50_000_000)"
CUT = """\
import os
def pieces(end=os._exit):
    yield b"begun"
    end(1)
answer = pieces()
"""


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(LARGE, "deadline"), (CUT, "worker-died"), ("while True: pass", "deadline")],
    ids=["an answer that is not taken", "an answer that is cut off", "no answer"],
)
def test_whose_worker_dies_is_told_of(code: str, outcome: str) -> None:
    environ = {"seal_audit": "on", "exec_timeout": "1s"}
    with serve(PROGRAM, environ=environ) as function, connected(function) as client:
        client.post(code)
        wait_until(lambda: bool(lines(function)), "it is told of")
    [line] = lines(function)
    assert (line["outcome"], line["key_id"]) == (outcome, key_id(function.function_key))


def test_a_body_that_breaks_off_under_an_answer_is_not_the_handlers_error() -> None:
    environ = {"seal_audit": "on"}
    with serve(STREAMING, environ=environ) as function, connected(function) as client:
        client.send(function.head(method="POST", headers=[("Transfer-Encoding", "chunked")]))
        client.send(b"1\r\nx\r\n")
        pieces = client.pieces()
        assert next(pieces) == b"X"
        client.send(b"no size of a chunk\r\n")
        with pytest.raises(Cut):
            next(pieces)
        wait_until(lambda: bool(lines(function)), "it is told of")
        assert "handler-error" not in function.stderr.text
    assert lines(function)[0]["outcome"] == "malformed-body"


def test_who_does_not_wait_for_the_answer_is_told_of(gate: Gate) -> None:
    with serve(PROGRAM, environ={"seal_audit": "on"}) as function:
        client = Client(function)
        client.post(gate.code)
        gate.wait_for(1)
        client.reset()
        gate.open()
        wait_until(lambda: bool(lines(function)), "it is told of")
    [line] = lines(function)
    assert (line["outcome"], line["key_id"]) == ("ok", key_id(function.function_key))


def test_the_document_names_every_member() -> None:
    with serve(PROGRAM, environ={"seal_audit": "on"}) as function:
        function.request("/echo")
        function.stderr.wait_for('{"audit"')
    [line] = lines(function)
    table = DOCUMENT.read_text().partition("## Audit")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(line)
