from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from faas_seal import AuthorKey
from faas_seal.project.keystore import Keystore
from faas_sealed.formats import errors
from faas_sealed.formats.file import claimed_author, verify
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.trace import seal_trace

from tests.command.conftest import Run, start
from tests.command.servers import Answer, Server, runtime, server
from tests.support import PATIENCE, free_port

PROBLEM = {"Content-Type": "application/problem+json"}


@pytest.fixture
def sealed(project: Path, run: Run) -> Path:
    """A project with a sealed function."""
    run("seal")
    return project


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A gateway that answers with the body it was sent."""
    with server(lambda request: Answer(body=b"<" + request.body + b">")) as running:
        monkeypatch.setenv("OPENFAAS_URL", running.url)
        yield running


def key_text(project: Path) -> str:
    return FUNCTION_KEY.encode(Keystore(project).function_key("greet"))


def trace_of(project: Path, text: str) -> str:
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    file = verify(data, claimed_author(data))
    content_key = file.content_key(Keystore(project).function_key("greet"), 0)
    return seal_trace(text, content_key, file.header.content_id, file.header.context)


def test_sends_the_body_with_the_key_and_prints_the_answer(
    sealed: Path, run: Run, gateway: Server
) -> None:
    for options, key in (([], "fsx1_"), (["--raw"], key_text(sealed))):
        result = run("invoke", "greet", "-d", "hello", *options)
        assert (result.stdout, result.stderr) == ("<hello>", "")
        request = gateway.last
        assert (request.method, request.path, request.body) == ("POST", "/function/greet", b"hello")
        assert request.headers["x-function-key"].startswith(key)
        assert request.headers["content-type"] == "text/plain"


@pytest.mark.usefixtures("sealed")
def test_reads_the_body_from_standard_input(run: Run, gateway: Server) -> None:
    assert run("invoke", "greet", input="from a pipe").stdout == "<from a pipe>"
    assert gateway.last.body == b"from a pipe"


@pytest.mark.usefixtures("sealed")
def test_says_so_when_it_waits_for_a_body_that_does_not_come(gateway: Server) -> None:
    with start("invoke", "greet", stdin=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        assert (
            b"reading the body from standard input; -d '' sends no body"
            in process.stderr.readline()
        )
        stdout, _ = process.communicate(b"at last", timeout=PATIENCE)
    assert (process.returncode, stdout) == (0, b"<at last>")
    assert gateway.last.body == b"at last"


@pytest.mark.usefixtures("sealed")
def test_what_is_not_there_may_not_be_deployed(run: Run) -> None:
    with server(lambda _: Answer(404, {}, b"not found")) as running:
        result = run("invoke", "greet", "-d", "", "--gateway", running.url, status=5)
    assert result.stdout == "not found"
    assert (
        "the function is not there: faas-seal local-run greet, or faas-seal up greet"
        in result.stderr
    )


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_that_is_not_the_runtimes_is_in_the_log(run: Run, status: int) -> None:
    with server(lambda _: Answer(status, {}, b"no")) as running:
        result = run("invoke", "greet", "-d", "", "--gateway", running.url, status=5)
    assert "hint: unless the handler says so, its log tells why: faas-cli logs greet" in (
        result.stderr
    )


@pytest.mark.usefixtures("sealed")
def test_an_error_begins_a_line_of_its_own_on_a_terminal_and_a_pipe_gets_no_more() -> None:
    with server(lambda _: Answer(500, {}, b"no")) as running:
        words = ("invoke", "greet", "--gateway", running.url)
        assert start(*words).communicate(timeout=PATIENCE)[0] == b"no"
        ours, terminal = pty.openpty()
        with start(*words, output=terminal) as process:
            os.close(terminal)
            assert process.wait(PATIENCE) == 5
        shown = os.read(ours, 65536)
        os.close(ours)
    assert shown.startswith(b"no\r\n")
    assert b"\nfaas-seal: error: " in re.sub(rb"\x1b\[[0-9;]*m", b"", shown)


def test_someone_elses_function_is_called_with_its_author(
    sealed: Path, run: Run, gateway: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (sealed, sealed.parent):
        monkeypatch.chdir(folder)
        for verb in ("invoke", "header"):
            said = run(verb, f"{gateway.url}/function/theirs", status=3).stderr
            assert "hint: someone else's function? Name its author: --author fsap1_…" in said
    assert gateway.requests == []


@pytest.mark.usefixtures("sealed")
def test_sends_what_the_options_say(run: Run, gateway: Server) -> None:
    options = [
        "-m",
        "PUT",
        "--path",
        "a/b c",
        "--query",
        "x=1",
        "--query",
        "y=ä&",
        "-H",
        "X-A: b:c",
    ]
    run("invoke", "greet", *options, "--content-type", "application/json", "-d", "{}")
    request = gateway.last
    assert request.method == "PUT"
    assert request.path == "/function/greet/a/b%20c?x=1&y=%C3%A4%26"
    assert request.headers["x-a"] == "b:c"
    assert request.headers["content-type"] == "application/json"


def test_the_gateway_is_the_one_that_faas_cli_takes(
    sealed: Path, run: Run, gateway: Server
) -> None:
    with server(lambda _: Answer(body=b"other")) as other:
        assert run("invoke", "greet", "--gateway", other.url).stdout == "other"
        stack = sealed / "stack.yaml"
        stack.write_text(stack.read_text().replace("http://127.0.0.1:8080", f"{other.url}/"))
        assert run("invoke", "greet").stdout == "other"
    assert gateway.requests == []


def test_calls_an_address_with_the_key_of_its_function(
    sealed: Path, run: Run, gateway: Server
) -> None:
    run("invoke", f"{gateway.url}/function/greet.staging/x", "--path", "y", "-d", "", "--raw")
    assert gateway.last.path == "/function/greet.staging/x/y"
    assert gateway.last.headers["x-function-key"] == key_text(sealed)


def test_calls_any_address_with_a_key_that_is_given(
    run: Run, gateway: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FUNCTION_KEY.encode(os.urandom(32))
    monkeypatch.setenv("KEY", text)
    run("invoke", f"{gateway.url}/", "--key-env", "KEY", "-d", "")
    assert gateway.last.headers["x-function-key"] == text
    run("invoke", f"{gateway.url}/", "--key-file", "-", input=text)
    assert gateway.last.body == b""
    run("invoke", f"{gateway.url}/", "-d", "", status=2)


@pytest.mark.usefixtures("sealed")
def test_prints_bytes_as_they_are_and_as_they_come() -> None:
    arrived = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"\x00\xff first\n"
        # The rest is sent only once the first piece has been printed.
        assert arrived.wait(PATIENCE)
        yield b"second"

    with server(lambda _: Answer(pieces=pieces())) as running:
        process = start("invoke", "greet", "--gateway", running.url)
        assert process.stdout
        assert process.stdout.readline() == b"\x00\xff first\n"
        arrived.set()
        assert process.communicate(timeout=PATIENCE) == (b"second", b"")
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.MissingKey, 3),
        (errors.UnknownKey, 3),
        (errors.FunctionExpired, 4),
        (errors.Busy, 5),
        (errors.Deadline, 5),
        (errors.HandlerError, 5),
        (errors.WorkerDied, 5),
    ],
)
@pytest.mark.usefixtures("sealed")
def test_an_error_of_the_runtime_ends_with_its_exit_status(
    run: Run, error: type[errors.SealError], status: int
) -> None:
    body = errors.problem(error, "call-1")
    with server(lambda _: Answer(error.status, PROBLEM, body)) as running:
        result = run("invoke", "greet", "--gateway", running.url, status=status)
    assert result.stdout == ""
    assert f"faas-seal: error: {error.title} (reference call-1)" in result.stderr
    assert "hint: " in result.stderr


@pytest.mark.usefixtures("sealed")
def test_a_problem_document_puts_nothing_on_the_terminal() -> None:
    body = errors.problem(errors.Busy, "\x1b]0;evil\x07").replace(b"Too many", b"\\u001b[31m")
    with server(lambda _: Answer(503, PROBLEM, body)) as running:
        process = start("invoke", "greet", "--gateway", running.url)
        output, errors_output = process.communicate(timeout=PATIENCE)
    assert process.returncode == 5
    assert b"\x1b" not in output + errors_output


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"type": 5}', b'{"type": "urn:faas-seal:error:none"}', b'{"type": "x"}'],
)
@pytest.mark.usefixtures("sealed")
def test_other_errors_are_printed_as_they_are(run: Run, body: bytes) -> None:
    with server(lambda _: Answer(502, PROBLEM, body)) as running:
        result = run("invoke", "greet", "--gateway", running.url, status=5)
    assert result.stdout_bytes == body
    assert "status is 502" in result.stderr


@pytest.mark.usefixtures("sealed")
def test_follows_no_redirect(run: Run, gateway: Server) -> None:
    with server(lambda _: Answer(307, {"Location": f"{gateway.url}/"})) as running:
        result = run("invoke", "greet", "--gateway", running.url, status=5)
    assert "redirect" in result.stderr
    assert gateway.requests == []


def test_opens_the_trace_of_a_failed_handler(sealed: Path, run: Run) -> None:
    trace = trace_of(sealed, "Traceback\n  ValueError: secret \x1b[31m\n")
    body = errors.problem(errors.HandlerError, "call-1", trace)
    with server(lambda _: Answer(500, PROBLEM, body)) as running:
        result = run("invoke", "greet", "--gateway", running.url, status=5)
        assert result.stderr.startswith("Traceback\n  ValueError: secret \\x1b[31m\nfaas-seal: ")
        assert result.stdout == ""
        (sealed / "sealed").rename(sealed / "old")
        result = run("invoke", "greet", "--gateway", running.url, status=5)
        assert trace in result.stderr.replace("\n", "")
        assert "--sealed-file" in result.stderr
        old = "old/greet/function.sealed"
        options = ["--gateway", running.url, "--sealed-file", old]
        assert "ValueError" in run("invoke", "greet", *options, status=5).stderr


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("trace", ["fse1_AAAA", "\x1b[31m", "fse1_\x1b"])
def test_a_trace_that_is_none_does_no_harm(run: Run, trace: str) -> None:
    body = errors.problem(errors.HandlerError, "call-1", trace)
    with server(lambda _: Answer(500, PROBLEM, body)) as running:
        result = run("invoke", "greet", "--gateway", running.url, status=5)
    assert "\x1b" not in result.output


@pytest.mark.usefixtures("sealed")
def test_nobody_there_ends_with_status_6(run: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    result = run("invoke", "greet", "--gateway", url, status=6)
    assert "nobody answers" in result.stderr


@pytest.mark.usefixtures("sealed")
def test_an_answer_that_breaks_off_ends_with_status_5(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal")

        thread = threading.Thread(target=break_off)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = run("invoke", "greet", "--gateway", url, status=5)
        thread.join()
    assert "ended early" in result.stderr


@pytest.mark.usefixtures("sealed")
def test_refuses_an_asynchronous_call_and_says_why(run: Run, gateway: Server) -> None:
    result = run("invoke", "greet", "--async", "--raw", status=3)
    assert "the queue, which stores every header" in result.stderr
    address = f"{gateway.url}/async-function/greet"
    run("invoke", address, "--key-file", ".faas-seal/greet.key", "--raw", status=3)
    assert gateway.requests == []


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize(
    "options",
    [
        ["--query", "x"],
        ["-H", "x"],
        ["-H", ": x"],
        ["-m", "A B"],
        ["-g", "http://[x"],
        ["-g", "ftp://x"],
        ["-g", "http://"],
    ],
)
def test_what_cannot_be_sent_ends_with_status_2(run: Run, options: list[str]) -> None:
    run("invoke", "greet", "-d", "", *options, status=2)


@pytest.mark.usefixtures("sealed")
def test_warns_if_the_key_crosses_a_network_in_clear(run: Run) -> None:
    # An address of a block for documentation (RFC 5737), by a proxy that is not there.
    proxy = f"http://127.0.0.1:{free_port()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", proxy)
        patch.setenv("https_proxy", proxy)
        result = run("invoke", "greet", "-g", "http://192.0.2.1", "-d", "", "--raw", status=6)
        assert "travels unencrypted to 192.0.2.1" in result.stderr
        for options in (["https://192.0.2.1", "--raw"], ["http://192.0.2.1"]):
            result = run("invoke", "greet", "-d", "", "-g", *options, status=6)
            assert "unencrypted" not in result.stderr


@pytest.mark.usefixtures("sealed")
def test_asks_no_proxy_for_this_machine(
    run: Run, gateway: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert run("invoke", "greet", "-d", "x").stdout == "<x>"
    assert len(gateway.requests) == 1


def test_a_real_function_answers_to_its_key_and_to_nothing_else(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "greet" / "handler.py").write_text(
        "from .rates import RATE\n"
        "def handle(event, context):\n"
        "    if event.path == '/fail':\n"
        "        raise ValueError('canary', RATE)\n"
        "    return {'statusCode': 200, 'body': event.body * RATE}\n"
    )
    (project / "greet" / "rates.py").write_text("RATE = 3\n")
    run("seal", "--no-transport")
    log, file = project / "log", project / "sealed" / "greet" / "function.sealed"
    monkeypatch.setenv("WRONG", FUNCTION_KEY.encode(os.urandom(32)))
    key = ["--key-file", ".faas-seal/greet.key"]
    with runtime(file, AuthorKey.from_file().public, log) as url:
        assert run("invoke", url, *key, "-d", "ab").stdout == "ababab"
        assert "does not open" in run("invoke", url, "--key-env", "WRONG", status=3).stderr
        failed = run("invoke", url, *key, "--path", "fail", status=5)
        assert "ValueError: ('canary', 3)" in failed.stderr
        assert "handler.py" in failed.stderr
    assert "canary" not in log.read_text()
    explained = run("explain", "log").stdout
    assert "ValueError: ('canary', 3)" in explained
    assert "fse1_" not in explained


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("verb", ["invoke", "header"])
def test_a_function_that_does_not_exist_is_told_of_and_not_its_missing_key(
    run: Run, verb: str
) -> None:
    refused = run(verb, "gret", status=2).stderr
    assert "stack.yaml has no function 'gret'" in refused
    assert "hint: its functions are greet" in refused
