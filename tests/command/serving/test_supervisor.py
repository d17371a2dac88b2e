"""A function is served as it is now, and started again after a crash."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.command.serving.conftest import Project, assert_gone, says
from tests.support import read_answer, session, wait_until

# Sealed again.


def test_a_function_that_is_sealed_again_is_replaced(project: Project) -> None:
    project.add(source=says("old"))
    project.seal()
    with project.serving() as local:
        assert local.call().text == "old"
        old = local.runtimes()
        for text in ("new", "newer", "newest"):
            project.write("program", says(text))
            project.seal()
            assert local.call().text == text
        wait_until(lambda: not any(map(session, old)), "the old one has ended")
        wait_until(lambda: len(local.runtimes()) == 1, "those between have ended")


def test_a_call_under_way_is_answered_by_what_it_began_with(
    project: Project, tmp_path: Path
) -> None:
    project.seal()
    begun, go = tmp_path / "begun", tmp_path / "go"
    code = f"""
import os, time
open({str(begun)!r}, "w")
while not os.path.exists({str(go)!r}):
    time.sleep(0.01)
answer = "old"
""".encode()
    with project.serving() as local, local.connect() as client:
        client.sendall(local.head("", f"Content-Length: {len(code)}") + code)
        wait_until(begun.exists, "the call has begun")
        project.write("program", says("new"))
        project.seal()
        assert local.call().text == "new"
        go.touch()
        assert read_answer(client).text == "old"


def test_no_call_fails_while_a_function_is_replaced(project: Project) -> None:
    project.add(source=says("old"))
    project.seal()
    answers: list[tuple[int, str]] = []
    with project.serving() as local, ThreadPoolExecutor() as threads:
        project.write("program", says("new"))
        sealing = threads.submit(project.seal)
        while not answers or answers[-1] != (200, "new"):
            answer = local.call()
            answers.append((answer.status, answer.text))
        sealing.result()
        answers += [(a.status, a.text) for a in (local.call() for _ in range(50))]
    assert set(answers) <= {(200, "old"), (200, "new")}


def test_an_altered_file_does_not_replace_the_function(project: Project) -> None:
    project.add(source=says("old"))
    project.seal()
    whole = project.sealed_file().read_bytes()
    with project.serving() as local:
        # At once, so that nobody reads the half of it.
        altered = project.folder / "altered"
        altered.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        altered.replace(project.sealed_file())
        local.stderr.wait_for("the version before keeps serving")
        assert f"{project.sealed_file()}: the ciphertext is altered" in local.stderr.text
        assert "seal it anew: faas-seal seal program" in local.stderr.text
        assert local.call().text == "old"
        project.write("program", says("new"))
        project.seal()
        assert local.call().text == "new"


def test_a_setting_in_the_stack_file_counts_from_the_next_call_on(project: Project) -> None:
    project.add("other", says("other"))
    project.seal()
    with project.serving() as local:
        assert local.run("import os; answer = os.environ.get('GREETING')") == ""
        before = set(local.runtimes())
        members = project.stack.read_text()
        project.stack.write_text(
            members.replace("seal_author:", "GREETING: hello\n      seal_author:", 1)
        )
        assert local.run("import os; answer = os.environ.get('GREETING')") == "hello"
        assert local.call(name="other").text == "other"
        wait_until(lambda: len(local.runtimes()) == 2, "the old one has ended")
        assert len(before & set(local.runtimes())) == 1


def test_nobody_else_gets_the_port_before_the_runtime_listens(project: Project) -> None:
    template = project.folder / "template" / "python3-encrypted"
    template.mkdir(parents=True)
    (template / "requirements.in").write_text("")
    (template / "index.py").write_text("""\
import os, sys
print(os.environ["upstream_url"], "is to be mine", file=sys.stderr)
sys.stdin.read()
""")
    project.seal()
    with project.serving(ready=False) as local:
        told = local.stderr.wait_for(" is to be mine")
        port = int(told.rpartition(" is to")[0].rpartition(":")[2])
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


# Crashes.


def test_a_crashed_runtime_is_started_again(project: Project) -> None:
    project.seal()
    with project.serving() as local:
        (runtime,) = local.runtimes()
        assert len(session(runtime)) > 1
        os.kill(runtime, signal.SIGKILL)
        local.stderr.wait_for("the runtime ended with status -9")
        answer = local.call("/copy", b"x")
        if answer.status != 200:
            assert answer.status == 502
            assert "is down and starts again soon" in answer.text
            wait_until(lambda: local.call("/copy", b"x").status == 200, "it is there again")
        assert_gone([runtime])
        assert local.runtimes() != [runtime]


def test_a_runtime_that_keeps_crashing_is_given_time(project: Project) -> None:
    # This stand-in for the runtime says that it is ready, and then ends.
    template = project.folder / "template" / "python3-encrypted"
    template.mkdir(parents=True)
    (template / "requirements.in").write_text("")
    (template / "index.py").write_text("""\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.connection.shutdown(1)
        os._exit(7)
port = int(os.environ["upstream_url"].rpartition(":")[2])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
""")
    project.seal()
    with project.serving() as local:
        local.stderr.wait_for("it is started again in 2 s")
        waits = [line for line in local.stderr.text.splitlines() if "again in" in line]
    assert [line.rpartition(" in ")[2] for line in waits[:3]] == ["0.5 s", "1 s", "2 s"]
    assert "the runtime ended with status 7" in local.stderr.text
