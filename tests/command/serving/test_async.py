"""Asynchronous calls are answered with 202 at once, made in the background, and called back."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from faas_seal import CallResponse, FunctionKey, read_answer

from tests.command.serving.conftest import LocalRun, Project
from tests.support import PATIENCE, wait_until


@dataclass
class Callback:
    """What was posted to a callback address."""

    method: str
    path: str
    headers: Message
    body: bytes


class Receiver:
    """A server on this machine to call back to."""

    def __init__(self, server: ThreadingHTTPServer, received: queue.Queue[Callback]) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/done?id=7"
        self._received = received

    def next(self) -> Callback:
        return self._received.get(timeout=PATIENCE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received: queue.Queue[Callback] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put(Callback(self.command, self.path, self.headers, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Receiver(server, received)
        server.shutdown()
        thread.join()


def call(
    local: LocalRun, code: str, callback: str = "", path: str = "", **headers: str
) -> tuple[int, str]:
    """Make an asynchronous call; return its status and call id."""
    sent = {"X-Function-Key": local.key(), **headers}
    if callback:
        sent["X-Callback-Url"] = callback
    answer = local.request(f"/async-function/program{path}", code.encode(), sent)
    return answer.status, answer.header("X-Call-Id") or ""


def test_the_caller_does_not_wait_for_the_function(local: LocalRun, tmp_path: Path) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    code = f"""
import os, time
while not os.path.exists({str(go)!r}):
    time.sleep(0.01)
open({str(done)!r}, "w").close()
"""
    assert call(local, code)[0] == 202
    assert not done.exists()
    go.touch()
    wait_until(done.exists, "the function was called")


def test_the_answer_is_posted_to_the_callback_address(local: LocalRun, receiver: Receiver) -> None:
    code = """
answer = {"statusCode": 201, "body": "made", "headers": {"X-Own": "1", "Content-Type": "text/csv"}}
"""
    status, call_id = call(local, code, receiver.url, "/path?x=1")
    callback = receiver.next()
    assert status == 202
    assert (callback.method, callback.path, callback.body) == ("POST", "/done?id=7", b"made")
    assert callback.headers["X-Call-Id"] == call_id
    assert callback.headers["X-Function-Status"] == "201"
    assert callback.headers["X-Function-Name"] == "program"
    assert float(callback.headers["X-Duration-Seconds"]) > 0
    assert callback.headers["X-Own"] == "1"
    assert callback.headers["Content-Type"] == "text/csv"


def test_the_function_sees_the_call_as_it_was_made(local: LocalRun, receiver: Receiver) -> None:
    code = "answer = [event.method, event.path, event.query['x'], event.headers['X-Mine']]"
    call(local, code, receiver.url, "/a/b?x=1", **{"X-Mine": "2"})
    assert receiver.next().body == b'["POST","/a/b","1","2"]\n'


def test_the_callback_never_has_the_key(local: LocalRun, receiver: Receiver) -> None:
    call(local, "answer = {'body': dict(event.headers)}", receiver.url)
    callback = receiver.next()
    assert b"X-Callback-Url" in callback.body
    assert local.key() not in callback.headers.as_string()
    assert local.key().encode() not in callback.body


def test_a_token_goes_through_the_queue(tmp_path: Path, receiver: Receiver) -> None:
    project = Project(tmp_path)
    project.add(environment={"seal_accept": "sealed"})
    project.seal()
    with project.serving() as running:
        address = f"http://127.0.0.1:{running.port}"
        words = ["--async", "--callback", receiver.url, "--path", "x", "--query", "a=b"]
        code = "answer = event.path + event.query['a']"
        called = project.run("invoke", "program", *words, "-d", code, "--gateway", address)
        assert called.returncode == 0, called.stderr
        callback = receiver.next()
        assert callback.body == b"/xb"
        assert callback.headers["X-Call-Id"] in called.stderr
        assert "fsx1_" not in callback.headers.as_string()


def test_a_failure_is_called_back_too(local: LocalRun, receiver: Receiver) -> None:
    call(local, "raise ValueError", receiver.url)
    callback = receiver.next()
    assert callback.headers["X-Function-Status"] == "500"
    assert b"urn:faas-seal:error:handler-error" in callback.body


def test_the_call_id_of_the_caller_is_kept(local: LocalRun, receiver: Receiver) -> None:
    call(local, "", receiver.url, **{"X-Call-Id": "mine"})
    assert receiver.next().headers["X-Call-Id"] == "mine"


def test_a_callback_that_nobody_takes_is_reported(local: LocalRun) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as unused:
        port = unused.server_address[1]
    call(local, "", f"http://127.0.0.1:{port}/", **{"X-Call-Id": "nobody"})
    local.stderr.wait_for("the callback failed: ConnectionError")
    assert "async nobody 200" in local.stderr.text


@pytest.mark.parametrize("callback", ["ftp://127.0.0.1/", "file:///etc/passwd", "http:///", "no"])
def test_a_callback_address_must_be_one(local: LocalRun, callback: str) -> None:
    assert call(local, "", callback)[0] == 400


def test_bodies_are_limited_as_in_the_queue(local: LocalRun) -> None:
    assert call(local, "#" * 256_000)[0] == 202
    answer = local.request("/async-function/program", b"#" * 256_001)
    assert answer.status == 500
    assert "request body too large" in answer.text
    assert "256000 bytes" in answer.text


def test_only_post_is_asynchronous(local: LocalRun) -> None:
    assert local.request("/async-function/program", method="GET").status == 405


def test_the_queue_is_bounded_and_ends_with_the_gateway(project: Project) -> None:
    project.seal()
    with project.serving() as local:
        statuses = [call(local, "import time; time.sleep(20)")[0] for _ in range(300)]
    assert set(statuses) == {202, 503}
    assert statuses.index(503) > 200
    assert "256 asynchronous calls were accepted and never made" in local.stderr.text


def test_a_sealed_answer_is_opened_when_the_callback_has_brought_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    project = Project(tmp_path)
    project.add()
    project.seal()
    answer = tmp_path / "answer.bin"

    def call(code: str, session: str) -> subprocess.CompletedProcess[str]:
        words = ["--sealed", "--async", "--callback", receiver.url, "--session-file", session]
        return project.run("invoke", "program", *words, "-d", code, "--gateway", address)

    def opened(session: str) -> subprocess.CompletedProcess[str]:
        return project.run("open-answer", "--session-file", session, "answer.bin")

    with project.serving() as running:
        address = f"http://127.0.0.1:{running.port}"
        assert call("answer = 'a secret answer'", "one.session").returncode == 0
        callback = receiver.next()
        assert b"secret" not in callback.body
        answer.write_bytes(callback.body)
        assert opened("one.session").stdout == "a secret answer"
        assert (tmp_path / "one.session").stat().st_mode & 0o777 == 0o600

        again = call("answer = 'x'", "one.session")
        assert (again.returncode, "are never overwritten" in again.stderr) == (3, True)
        assert call("1 / 0", "two.session").returncode == 0
        assert opened("two.session").returncode == 5  # the answer to another call
        answer.write_bytes(receiver.next().body)
        failed = opened("two.session")
        assert (failed.returncode, "handler-error" in failed.stdout) == (5, True)
        assert "faas-seal open-answer … | faas-seal explain" in failed.stderr
        answer.write_bytes(callback.body[:-1])
        assert opened("one.session").returncode == 5

        url = f"{address}/async-function/program"
        key = FunctionKey.of_project("program", tmp_path, sealed_body=True)
        queued = requests.post(
            url, b"answer = 'yes'", headers={"X-Callback-Url": receiver.url}, auth=key, timeout=10
        )
        assert isinstance(queued, CallResponse)
        status, _, body = read_answer([receiver.next().body], queued.session)
        assert (queued.status_code, status, b"".join(body)) == (202, 200, b"yes")
