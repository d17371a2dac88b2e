"""What the function writes to its log, and what it answers."""

from __future__ import annotations

import re

import pytest
from faas_seal.scan import proof
from faas_seal.scan.search import Hit, Search

from tests.leaks import traffic
from tests.leaks.client import Client
from tests.leaks.plants import Plants, report
from tests.support import Function, serve

SAID = "what a handler prints is in the log"


@pytest.mark.parametrize(
    ("form", "libraries"), [("text", []), ("json", ["flask"])], ids=["text", "json, with Flask"]
)
def test_log_and_answers_tell_nothing(form: str, libraries: list[str]) -> None:
    plants = Plants()
    with serve(
        plants.files,
        preload=libraries,
        transport=[plants.transport],
        seal_log=form,
        seal_audit="on",
        exec_timeout="3s",
    ) as function:
        search = plants.search(function.sealed, function.function_key)
        proof.prove_forms(search)
        with Client(function, plants) as client:
            for each in (traffic.answers, traffic.tokens, traffic.sealed_bodies, *traffic.BAD):
                each(client)
        assert client.call("say").status == 200
        traces = client.traces()
    log = function.stdout.text + function.stderr.text
    assert SAID in log
    assert any(str(plants.code["message"]) in trace for trace in traces)
    assert len(re.findall("fse1_", log)) > len(traces)
    hits = in_log(search, function) | in_answers(search, client)
    assert not hits, report(hits)


def test_a_fatal_error_of_the_interpreter_names_nothing() -> None:
    plants = Plants()
    with serve(plants.files) as function:
        search = plants.search(function.sealed, function.function_key)
        assert Client(function, plants).call("fail_fatally").status == 502
    hits = in_log(search, function)
    assert not hits, report(hits)


@pytest.mark.parametrize(
    "variable",
    ["PYTHONDEVMODE", "PYTHONFAULTHANDLER", "PYTHONPROFILEIMPORTTIME", "PYTHONVERBOSE"],
)
def test_settings_of_the_interpreter_make_the_log_tell_nothing(variable: str) -> None:
    plants = Plants()
    with serve(plants.files, environ={variable: "1"}) as function:
        search = plants.search(function.sealed, function.function_key)
        for act, status in (("answer", 200), ("fail", 500), ("crash", 502)):
            assert Client(function, plants).call(act).status == status
    hits = in_log(search, function)
    assert not hits, report(hits)


def test_a_call_id_puts_nothing_strange_into_the_log() -> None:
    with serve({"handler.py": "def handle(event, context):\n    1 / 0\n"}) as function:
        lines = []
        for call_id in ("two words", "x" * 65, "escape\x9b31m", "fse1_a fse1_b", ""):
            problem = function.request(headers=[("X-Call-Id", call_id)]).json()
            assert re.fullmatch("[0-9a-f-]{36}", problem["reference"]), call_id
            lines.append(f"faas-seal: handler-error {problem['reference']} {problem['trace']}\n")
    assert function.stderr.text == "".join(lines)


def in_log(search: Search, function: Function) -> set[Hit]:
    hits: set[Hit] = set()
    for line in (bytes(function.stdout) + bytes(function.stderr)).splitlines():
        hits |= search.in_bytes(line, f"the log line {line[:200]!r}")
    return hits


def in_answers(search: Search, client: Client) -> set[Hit]:
    """Search answers; the victim's own reply belongs into one that is no error."""
    strange = search.without("reply", "reply header")
    hits: set[Hit] = set()
    for answer in client.answers:
        content = repr(answer.headers).encode() + answer.body
        looked_for = strange if answer.status < 400 else search
        hits |= looked_for.in_bytes(content, f"an answer of status {answer.status}")
    return hits
