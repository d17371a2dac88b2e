"""Tokens, sealed bodies and pushed code behind a gateway with a queue, and what is left there."""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from faas_seal import FunctionKey
from faas_seal.scan.places import in_folder, in_process, processes
from faas_seal.scan.search import Search
from faas_sealed.formats.keys import FUNCTION_KEY

from tests.leaks.plants import report
from tests.openfaas.project import Project, new_project, succeed
from tests.openfaas.test_gateway import START_SECONDS, _add_to_stack
from tests.support import wait_until

HANDLER = """\
WORD = "{word}"


def handle(event, context):
    answer = event.body.decode()[::-1]
    return {{"body": f"{version} {{answer}}", "headers": {{"X-Answer": answer}}}}
"""


@dataclass(frozen=True)
class Deployed:
    """A function that takes key tokens alone, and gets its code by pushes."""

    name: str
    word: str
    gateway: str
    project: Project
    author: str

    @property
    def url(self) -> str:
        return f"{self.gateway}/function/{self.name}"

    def key(self) -> FunctionKey:
        return FunctionKey.of_project(self.name, self.project.folder)

    def write(self, version: str) -> None:
        source = HANDLER.format(word=self.word, version=version)
        (self.project.folder / self.name / "handler.py").write_text(source)

    def invoke(self, *arguments: str) -> str:
        return succeed(self.project.faas_seal("invoke", self.name, *arguments))


@pytest.fixture(scope="module")
def state() -> list[Path]:
    """What the gateway, the queue and its workers keep on disk: stores and logs."""
    named = os.environ.get("OPENFAAS_STATE")
    if not named:
        pytest.skip("OPENFAAS_STATE does not name the folders of the queue's store and the logs")
    return [Path(folder) for folder in named.split(os.pathsep)]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    gateway = os.environ.get("OPENFAAS_URL")
    prefix = os.environ.get("OPENFAAS_PREFIX")
    if not gateway or not prefix:
        pytest.skip("OPENFAAS_URL and OPENFAAS_PREFIX do not name a gateway and a registry")
    project = replace(new_project(tmp_path_factory.mktemp("sealed-calls")), prefix=prefix)
    name = f"sealed-{secrets.token_hex(4)}"
    project.new(name)
    succeed(project.faas_seal("seal", name))
    variables = project.environment(name)
    _add_to_stack(
        project.folder / "stack.yaml",
        name,
        environment=variables | {"seal_accept": "sealed", "seal_audit": "on"},
    )
    function = Deployed(
        name, f"canary{secrets.token_hex(16)}", gateway, project, variables["seal_author"]
    )
    function.write("one")
    succeed(project.faas_seal("push", name, "--setup"))
    succeed(project.faas_seal("up", name))
    try:
        wait_until(
            lambda: requests.post(function.url, b"x", auth=function.key(), timeout=30).ok,
            "it answers",
            START_SECONDS,
        )
        yield function
    finally:
        project.faas_cli("remove")
        for secret in (f"{name}-transport", f"{name}-code"):
            project.faas_cli("secret", "remove", secret)


class Callbacks:
    """A server that keeps what is posted to it."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                received.append((dict(self.headers), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    callbacks = Callbacks()
    thread = threading.Thread(target=callbacks.server.serve_forever)
    thread.start()
    yield callbacks
    callbacks.server.shutdown()
    thread.join()
    callbacks.server.server_close()


def test_a_raw_key_is_refused_and_a_token_taken(deployed: Deployed) -> None:
    # Not the function's own, which shall be nowhere: refused is the form.
    raw = {"X-Function-Key": FunctionKey.generate().text}
    refused = requests.post(deployed.url, b"x", headers=raw, timeout=30)
    assert refused.json()["type"] == "urn:faas-seal:error:raw-key-refused"
    assert deployed.invoke("-d", "olleh").endswith("hello")
    answer = requests.post(
        f"{deployed.url}/some%20path?x=%C3%A4", b"ab", auth=deployed.key(), timeout=30
    )
    assert answer.text.endswith(" ba")


def test_a_token_is_of_no_use_for_another_input(deployed: Deployed) -> None:
    answer = requests.post(deployed.url, b"ab", auth=deployed.key(), timeout=30)
    token = {"X-Function-Key": answer.request.headers["X-Function-Key"]}
    assert requests.post(deployed.url, b"ab", headers=token, timeout=30).ok
    for url, body in ((deployed.url, b"ba"), (f"{deployed.url}/x", b"ab")):
        refused = requests.post(url, body, headers=token, timeout=30)
        assert refused.json()["type"] == "urn:faas-seal:error:token-mismatch"


def test_who_calls_again_makes_no_more_key_tokens(deployed: Deployed) -> None:
    key = deployed.key()
    sent = []
    for body in (b"ab", b"ba", b"x" * 10_000):
        answer = requests.post(f"{deployed.url}/path?q=1", body, auth=key, timeout=30)
        assert answer.text.endswith(body[::-1].decode())
        sent.append(answer.request.headers["X-Function-Key"].partition("_")[0])
    assert sent == ["fsx1", "fsxr1", "fsxr1"]


def test_a_caller_needs_the_author_and_a_key_alone(deployed: Deployed) -> None:
    key_file = str(deployed.project.folder / ".faas-seal" / f"{deployed.name}.key")
    said = succeed(
        deployed.project.faas_seal(
            "invoke", deployed.url, "--author", deployed.author, "--key-file", key_file, "-d", "ab"
        )
    )
    assert said.endswith("ba")


def test_code_is_pushed_under_load_and_no_call_fails(deployed: Deployed) -> None:
    stop = threading.Event()
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        key = deployed.key()
        while not stop.is_set():
            answer = requests.post(deployed.url, b"ab", auth=key, timeout=30)
            answers.append((answer.status_code, answer.text))

    callers = [threading.Thread(target=ask) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        wait_until(lambda: len(answers) > 20, "calls are answered")
        deployed.write("two")
        said = succeed(deployed.project.faas_seal("push", deployed.name))
        assert re.search(r"served after [\d.]+ s", said)
        wait_until(lambda: answers[-1][1].startswith("two"), "the new code answers")
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert {status for status, _ in answers} == {200}
    assert {text for _, text in answers} <= {"one ba", "two ba"}


def test_nothing_is_left_of_calls_in_any_store_log_or_process(
    deployed: Deployed, callbacks: Callbacks, state: list[Path]
) -> None:
    sealed_data = f"canary{secrets.token_hex(16)}"
    shown_data = f"canary{secrets.token_hex(16)}"
    raw_key = secrets.token_bytes(32)

    # What lies open is found, or the search would say nothing.
    queue = f"{deployed.gateway}/async-function/{deployed.name}"
    header = {"X-Function-Key": FUNCTION_KEY.encode(raw_key)}
    assert requests.post(queue, shown_data, headers=header, timeout=30).status_code == 202
    shown = Search({"key": FUNCTION_KEY.encode(raw_key), "data": shown_data})
    wait_until(
        lambda: {"key", "data"} <= {h.canary for f in state for h in in_folder(shown, f)},
        "a raw key and a body in clear are in the queue's store",
    )

    assert sealed_data[::-1] in deployed.invoke("-d", sealed_data, "--sealed")
    later = ("--async", "--callback", callbacks.url)
    deployed.invoke("-d", "ab", *later)
    wait_until(lambda: len(callbacks.received) == 1, "the callback has come")
    assert callbacks.received[0][1].endswith(b" ba")
    deployed.invoke("-d", sealed_data, "--sealed", *later, "--session-file", "call.session")
    wait_until(lambda: len(callbacks.received) == 2, "the sealed callback has come")
    (deployed.project.folder / "answer").write_bytes(callbacks.received[1][1])
    opened = deployed.project.faas_seal("open-answer", "--session-file", "call.session", "answer")
    assert succeed(opened).endswith(sealed_data[::-1])

    key = deployed.key()
    search = Search(
        {
            "code": deployed.word,
            "function key": key.secret,
            "function key as text": key.text,
            "sealed data": sealed_data,
            "answer to sealed data": sealed_data[::-1],
        }
    )
    for folder in state:
        hits = in_folder(search, folder)
        assert not hits, report(hits)
    for pid in processes_of(deployed.author):
        hits = in_process(search, pid)
        assert not hits, report(hits)
    log = succeed(deployed.project.faas_cli("logs", deployed.name, "--tail=false"))
    assert not search.in_bytes(log.encode(), "the log")
    told = [json.loads(line[line.index("{") :]) for line in log.splitlines() if '"audit"' in line]
    assert not told or {"ok"} <= {entry["outcome"] for entry in told}


def processes_of(author: str) -> list[int]:
    """Return the watchdog of the function with this `seal_author`, and all below it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes()
            name = (folder / "comm").read_text().strip()
        except OSError:
            continue
        if f"seal_author={author}".encode() in variables and name == "fwatchdog":
            found += processes(int(folder.name))
    assert found, "the function's processes are seen from here"
    return found
