"""invoke and header with key tokens: what they send, and what real functions make of it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import requests
from faas_seal.project.keystore import Keystore
from faas_seal.scan.search import Search
from faas_sealed.formats.errors import UnknownKey
from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, author_public
from faas_sealed.formats.stream import CONTENT_TYPE, Head, request_key, response_key, seal_pieces
from faas_sealed.formats.token import KeyToken, request_binding
from faas_sealed.formats.wire import DISCOVERY_PATH, KEY_HEADER

from tests.command.conftest import Run, start
from tests.command.deployed import (
    AUTHOR,
    ECHO,
    MINE,
    ONE,
    SEED,
    open_header,
    problem,
    push,
    sealed,
    token_in,
    write_identity,
)
from tests.command.servers import Answer, Request, Server, server
from tests.support import Function, serve

invoke_command = import_module("faas_seal.cli.invoke")  # the package has the command of that name
KEY, OWN = bytes(range(32)), bytes(range(1, 33))
PIECES = 4096  # of 64 KiB: 256 MiB
HANDLER = {
    "handler.py": f"""\
def handle(event, context):
    if event.path == "/fail":
        raise ValueError("a secret message")
    if event.path == "/break":
        return broken()
    if event.path == "/teapot":
        return {{"statusCode": 418, "body": "no"}}
    if event.path == "/moved":
        return {{"statusCode": 302, "headers": {{"Location": "/elsewhere"}}}}
    if event.path == "/much":
        return much(event.stream)
    if event.path == "/copy":
        return iter(event.stream)
    return {{"body": [event.method, event.path, dict(event.query), event.body.decode()]}}

def broken():
    yield "begun"
    raise ValueError("a secret message")

def much(stream):
    read = sum(len(piece) for piece in stream)
    yield str(read).encode()
    for _ in range({PIECES}):
        yield bytes(65536)
"""
}
STACK = f"""\
version: 1.0
provider:
  name: openfaas
functions:
  tested:
    lang: python3-encrypted
    handler: ./sealed/tested
    image: tested:latest
    environment:
      seal_author: {AUTHOR}
"""


def write_sealed(project: Path, file: SealedFile) -> None:
    path = project / "sealed" / "tested" / "function.sealed"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.serialise())


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    with serve(
        HANDLER, seed=SEED, transport=[ONE], seal_accept="sealed", seal_max_body="1GiB"
    ) as served:
        yield served


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose function has a transport key; the current folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "stack.yaml").write_text(STACK)
    monkeypatch.chdir(folder)
    write_sealed(folder, sealed(KEY))
    Keystore(folder).add("tested", KEY)
    return folder


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with server(lambda _: Answer(202, {"X-Call-Id": "call-1"}, b"said")) as running:
        monkeypatch.setenv("OPENFAAS_URL", running.url)
        yield running


@pytest.fixture
def direct(function: Function, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words with which the real function is called, found by its author alone."""
    monkeypatch.setenv("KEY", function.key)
    address = f"http://127.0.0.1:{function.port}"
    return [address, "--function", "tested", "--author", AUTHOR, "--key-env", "KEY"]


def bound(method: str, path: str, query: str = "", body: bytes = b"") -> bytes:
    return request_binding(method, path, query.encode(), hashlib.sha256(body).digest())


# Functions of the project.


@pytest.mark.usefixtures("project")
def test_a_transport_key_in_the_sealed_file_makes_it_a_token(run: Run, gateway: Server) -> None:
    options = ["--path", "a b", "--query", "x=ä y", "-m", "put"]
    assert run("invoke", "tested", "-d", "hello", *options).stdout == "said"
    assert gateway.last.path == "/function/tested/a%20b?x=%C3%A4+y"
    said = token_in(gateway.last)
    assert (said.key, said.session) == (KEY, None)
    assert said.bind == bound("PUT", "/a b", "x=%C3%A4+y", b"hello")
    assert FUNCTION_KEY.encode(KEY) not in str(gateway.requests)


@pytest.mark.usefixtures("project")
def test_the_raw_key_is_sent_on_purpose_only(run: Run, gateway: Server) -> None:
    run("invoke", "tested", "-d", "", "--raw")
    assert gateway.last.headers[KEY_HEADER.lower()] == FUNCTION_KEY.encode(KEY)
    assert "queue" in run("invoke", "tested", "-d", "", "--raw", "--async", status=3).stderr
    assert len(gateway.requests) == 1


@pytest.mark.usefixtures("project")
def test_an_address_of_the_projects_function_gets_a_token_too(run: Run, gateway: Server) -> None:
    run("invoke", f"{gateway.url}/function/tested.dev/x", "-d", "")
    assert token_in(gateway.last).bind == bound("POST", "/x")


def test_a_key_that_the_projects_file_does_not_know_is_of_another_function(
    project: Path, run: Run, gateway: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FUNCTION_KEY.encode(OWN)
    monkeypatch.setenv("KEY", other)
    run("invoke", f"{gateway.url}/function/tested", "-d", "", "--key-env", "KEY")
    assert gateway.last.headers[KEY_HEADER.lower()] == other
    write_sealed(project, sealed(KEY, OWN))
    run("invoke", f"{gateway.url}/function/tested", "-d", "", "--key-env", "KEY")
    assert token_in(gateway.last).key == OWN


def test_a_sealed_file_of_another_author_is_not_called_with(
    project: Path, run: Run, gateway: Server
) -> None:
    stack = project / "stack.yaml"
    other = AUTHOR_PUBLIC.encode(author_public(ONE))
    stack.write_text(stack.read_text().replace(AUTHOR, other))
    run("invoke", "tested", "-d", "", status=4)
    assert gateway.requests == []


def test_an_identity_opens_the_projects_file(
    project: Path, run: Run, gateway: Server, home: Path
) -> None:
    write_sealed(project, sealed(KEY, OWN, to=MINE))
    path = write_identity(project / "me.key")
    run("invoke", "tested", "-d", "", "--identity", str(path))
    assert token_in(gateway.last).key == OWN
    run("invoke", "tested", "-d", "")
    assert token_in(gateway.last).key == KEY
    (project / ".faas-seal" / "tested.key").unlink()
    write_identity(home / ".config" / "faas-seal" / "identity.key")
    run("invoke", "tested", "-d", "")
    assert token_in(gateway.last).key == OWN
    run("invoke", "tested", "-d", "", "--identity", "-", input=path.read_text())
    assert gateway.last.body == b""


@pytest.mark.usefixtures("project")
def test_an_asynchronous_call_has_a_token_for_a_day(run: Run, gateway: Server) -> None:
    callback = "https://me.example/done"
    result = run("invoke", "tested", "-d", "x", "--async", "--callback", callback)
    assert "call-1" in result.stderr
    assert gateway.last.path == "/async-function/tested"
    assert gateway.last.headers["x-callback-url"] == callback
    said = token_in(gateway.last)
    assert said.bind == bound("POST", "/", "", b"x")
    assert 86_000 < said.exp - time.time() <= 86_400
    run("invoke", f"{gateway.url}/function/tested/x", "-d", "x", "--async")
    assert gateway.last.path == "/async-function/tested/x"
    run("invoke", "tested", "-d", "x", "--async", "-m", "PUT", status=2)
    run("invoke", "tested", "-d", "x", "--async", "--sealed", status=2)
    run("invoke", "tested", "-d", "x", "--callback", callback, status=2)
    run("invoke", gateway.url, "--function", "tested", "--async", status=2)
    run("invoke", "http://[x", "--async", status=2)
    run("header", "http://[x", status=2)
    assert len(gateway.requests) == 2


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("path", ["a//b", "a%2541", "%3F"])
def test_a_path_that_would_not_arrive_is_refused(run: Run, gateway: Server, path: str) -> None:
    assert "no token can be made" in run("invoke", "tested", "--path", path, status=2).stderr
    assert gateway.requests == []


def test_a_body_is_not_sealed_where_no_transport_key_is_known(
    project: Path, run: Run, gateway: Server
) -> None:
    assert "transport key" in run("invoke", "tested", "--sealed", "--raw", status=2).stderr
    write_sealed(project, sealed(KEY, transport=None))
    assert "--author" in run("invoke", "tested", "--sealed", "-d", "", status=2).stderr
    assert gateway.requests == []


# Functions elsewhere.


def test_an_author_and_a_key_are_enough(direct: list[str], run: Run, home: Path) -> None:
    answer = run("invoke", *direct, "--path", "/x", "--query", "a=b", "-d", "hello").stdout
    assert json.loads(answer) == ["POST", "/x", {"a": "b"}, "hello"]
    assert (home / ".config" / "faas-seal" / "seen.json").exists()


def test_an_author_and_an_identity_are_enough(run: Run, tmp_path: Path, home: Path) -> None:
    with serve(ECHO, seed=SEED, transport=[ONE]) as function:
        push(function, sealed(function.function_key, OWN, to=MINE))
        address = f"http://127.0.0.1:{function.port}"
        words = [address, "--function", "tested", "--author", AUTHOR, "-d", "hello"]
        assert "--identity" in run("invoke", *words, status=3).stderr
        path = write_identity(tmp_path / "me.key")
        assert run("invoke", *words, "--identity", str(path)).stdout == "hello"
        write_identity(home / ".config" / "faas-seal" / "identity.key")
        assert run("invoke", *words).stdout == "hello"


def test_another_author_or_key_is_refused_before_the_call(
    direct: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = AUTHOR_PUBLIC.encode(author_public(MINE))
    said = run("invoke", *direct, "-d", "", "--author", other, status=4).stderr
    assert (
        f"{direct[0]} does not show a sealed file of the expected author: "
        f"the file is signed by {AUTHOR}" in said
    )
    assert f", expected {other}" in said
    assert "hint: is that the function's address, and --author its author's public key?" in said
    monkeypatch.setenv("KEY", FUNCTION_KEY.encode(os.urandom(32)))
    assert "is not sealed with the key" in run("invoke", *direct, "-d", "", status=3).stderr
    run("invoke", *direct, "-d", "", "--identity", "x", status=2)
    named = [direct[0], "--author", AUTHOR, "-d", "", "--key-env", "KEY"]
    assert "--function" in run("invoke", *named, status=2).stderr


# Sealed bodies.


def test_a_sealed_body_arrives_and_its_answer_is_opened(direct: list[str], run: Run) -> None:
    answer = run("invoke", *direct, "--sealed", "--path", "x", input="from a pipe").stdout
    assert json.loads(answer) == ["POST", "/x", {}, "from a pipe"]
    answer = run("invoke", *direct, "--sealed", "-m", "GET", "-d", "").stdout
    assert json.loads(answer) == ["GET", "/", {}, ""]


@pytest.mark.usefixtures("project")
def test_a_padded_body_arrives(direct: list[str], run: Run, gateway: Server) -> None:
    answer = run("invoke", *direct, "--pad", input="from a pipe").stdout
    assert json.loads(answer)[3] == "from a pipe"
    for body, padded in (("", 256), ("x", 256), ("x" * 3000, 4096)):
        run("invoke", "tested", "--pad", "-d", body, status=5)
        # The stream's header, the head's frame, the body's, and an empty one.
        assert len(gateway.last.body) == 24 + (21 + 256) + (21 + padded) + 21


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "size", [0, 1, 2, 256, 257, 65_535, 65_536, 65_537, 66_000, 70_000, 131_072, 200_000]
)
def test_a_padded_file_or_pipe_looks_like_the_same_bytes(
    gateway: Server, tmp_path: Path, size: int
) -> None:
    def sent(*options: str, stdin: int = subprocess.DEVNULL) -> int:
        with start("invoke", "tested", "--pad", *options, stdin=stdin) as called:
            called.communicate()
        assert called.returncode == 5  # the answer is not sealed
        return len(gateway.last.body)

    (tmp_path / "body").write_bytes(b"x" * size)
    with (tmp_path / "body").open("rb") as body:
        lengths = {sent(stdin=body.fileno())}
    if size <= 65_536:  # a pipe holds so much
        reading, writing = os.pipe()
        os.write(writing, b"x" * size)
        os.close(writing)
        lengths.add(sent(stdin=reading))
        os.close(reading)
    if size < 2**17:  # no argument is longer
        lengths.add(sent("-d", "x" * size))
    frames = [max(256, 1 << (size - 1).bit_length())]
    if size > 65_536:
        frames = [65_536] * -(-size // 65_536)
    assert lengths == {24 + sum(21 + each for each in (256, *frames, 0))}


def test_a_pipe_is_read_as_it_is_written() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin:
        pieces = invoke_command._arriving(stdin, b"a")
        assert next(pieces) == b"a"
        for piece in b"second", b"x", b"y" * 65_536:
            os.write(writing, piece)
            assert next(pieces) == piece
        os.write(writing, b"z" * 1000)
        os.write(writing, b"z" * 1000)
        os.close(writing)
        assert list(pieces) == [b"z" * 2000]


def test_the_status_inside_counts(direct: list[str], run: Run) -> None:
    result = run("invoke", *direct, "--sealed", "--path", "teapot", "-d", "", status=5)
    assert result.stdout == "no"
    assert "status is 418" in result.stderr
    assert "redirect" in run("invoke", *direct, "--sealed", "--path", "moved", status=5).stderr
    failed = run("invoke", *direct, "--sealed", "--path", "fail", "-d", "", status=5).stderr
    assert "The handler failed" in failed
    assert "hint: see what it has logged: faas-cli logs tested | faas-seal explain" in failed


def test_an_answer_that_breaks_off_is_an_error(direct: list[str], run: Run) -> None:
    result = run("invoke", *direct, "--sealed", "--path", "break", "-d", "", status=5)
    assert result.stdout == "begun"
    assert "ended early" in result.stderr
    assert "faas-cli logs tested | faas-seal explain" in result.stderr


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("content_type", ["text/plain", CONTENT_TYPE, "application/problem+json"])
@pytest.mark.parametrize("body", [b"", b"in clear", bytes(200)])
def test_an_answer_that_is_not_sealed_is_reported_as_one(
    run: Run, content_type: str, body: bytes
) -> None:
    with server(lambda _: Answer(200, {"Content-Type": content_type}, body)) as running:
        options = ["-d", "secret", "--gateway", running.url]
        result = run("invoke", "tested", "--sealed", *options, status=5)
    assert result.stdout == ""
    assert "nobody vouches for it" in result.stderr
    assert b"secret" not in running.last.body


@pytest.mark.usefixtures("project")
def test_an_error_that_nobody_vouches_for_says_which_it_may_be(run: Run) -> None:
    with server(lambda _: problem(UnknownKey)) as running:
        options = ["-d", "", "--gateway", running.url]
        result = run("invoke", "tested", "--sealed", *options, status=5)
    assert "nobody vouches for it (its status is 403, unknown-key)" in result.stderr
    assert "hint: faas-seal inspect tested" in result.stderr


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("cut", [-1, -21])
def test_an_answer_that_is_cut_is_printed_so_far_and_an_error(run: Run, cut: int) -> None:
    def answer(request: Request) -> Answer:
        session = token_in(request).session
        assert session is not None
        head = Head((("X-A", "b"),), 200)
        stream = b"".join(seal_pieces(response_key(session), head, [b"so far"]))
        return Answer(body=stream[:cut])

    with server(answer) as running:
        options = ["-d", "", "--gateway", running.url]
        result = run("invoke", "tested", "--sealed", *options, status=5)
    assert result.stdout == "so far"
    assert "ended early" in result.stderr


@pytest.mark.usefixtures("project")
def test_an_answer_to_another_call_is_not_sealed_for_this_one(run: Run) -> None:
    stream = b"".join(seal_pieces(request_key(bytes(32)), Head((), 200), [b"x"]))
    with server(lambda _: Answer(body=stream)) as running:
        options = ["-d", "", "--gateway", running.url]
        assert "vouches" in run("invoke", "tested", "--sealed", *options, status=5).stderr


@pytest.mark.parametrize("path", ["much", "copy"], ids=["one after the other", "at once"])
def test_a_body_of_any_size_each_way_takes_constant_memory(
    direct: list[str], tmp_path: Path, path: str
) -> None:
    body = tmp_path / "body"
    with body.open("wb") as file:
        file.truncate(PIECES * 65536)
    program = (
        # Not ru_maxrss, which begins with that of the process that has started this one.
        "import pathlib, sys\n"
        "from faas_seal.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    status = pathlib.Path('/proc/self/status').read_text()\n"
        "    print('peak', status.split('VmHWM:')[1].split()[0], file=sys.stderr)\n"
    )
    with body.open("rb") as given, (tmp_path / "answer").open("wb") as answer:
        done = subprocess.run(
            [sys.executable, "-c", program, "invoke", *direct, "--sealed", "--path", path],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=given,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "answer").stat().st_size >= PIECES * 65536
    assert int(done.stderr.split()[-1]) < 100_000  # KiB


# Headers for other clients.


def printed(run: Run, *arguments: str) -> KeyToken:
    output = run("header", *arguments).stdout
    assert output.startswith(f"{KEY_HEADER}: fsx1_")
    return open_header(output.split()[1])


@pytest.mark.usefixtures("project")
def test_a_header_is_for_one_request(run: Run, tmp_path: Path) -> None:
    assert printed(run, "tested").bind == bound("GET", "/")
    assert printed(run, "tested").key == KEY
    assert printed(run, "tested", "--path", "/a%20b?x=1").bind == bound("GET", "/a b", "x=1")
    found = printed(run, "tested", "-m", "delete", "--path", "x", "--query", "y=a b")
    assert found.bind == bound("DELETE", "/x", "y=a+b")
    (tmp_path / "body").write_bytes(b"body")
    found = printed(run, "tested", "--data-file", str(tmp_path / "body"))
    assert found.bind == bound("POST", "/", "", b"body")
    assert 290 < found.exp - time.time() <= 300
    address = "http://gateway.example/function/tested/x?y=1"
    assert printed(run, address).bind == bound("GET", "/x", "y=1")


@pytest.mark.usefixtures("project")
def test_a_header_may_be_for_any_request_and_live_longer(run: Run) -> None:
    for text, seconds in (("90s", 90), ("24h", 86_400), ("366d", 366 * 86_400)):
        found = printed(run, "tested", "--any-request", "--lifetime", text)
        assert found.bind is None
        assert seconds - 10 < found.exp - time.time() <= seconds
    for options in (
        ["--any-request", "--path", "x"],
        ["--any-request", "--lifetime", "367d"],
        ["--lifetime", "a day"],
        ["--lifetime", "0"],
        ["--lifetime", "9" * 400 + "h"],
        ["--path", "?x=1", "--query", "y=1"],
        ["--path", "a//b"],
        ["--raw", "--any-request"],
    ):
        run("header", "tested", *options, status=2)


@pytest.mark.usefixtures("project")
def test_a_lifetime_that_is_too_long_says_what_can_be_had(run: Run) -> None:
    assert printed(run, "tested", "--lifetime", "7d").bind is not None
    said = run("header", "tested", "--lifetime", "8d", status=2).stderr
    assert "a token for one request lives at least a second, and at most 7 days" in said
    assert "hint: --lifetime 7d, or --any-request, which lives up to 366d" in said
    said = run("header", "tested", "--any-request", "--lifetime", "367d", status=2).stderr
    assert "at most 366 days" in said
    assert "hint: --lifetime 366d" in said


@pytest.mark.usefixtures("project")
def test_one_call_asks_for_no_ticket(run: Run, gateway: Server) -> None:
    run("invoke", "tested", "-d", "")
    assert token_in(gateway.last).resume is None
    assert printed(run, "tested").resume is None


def test_a_function_that_shows_no_transport_key_gets_the_raw_key_on_purpose_only(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FUNCTION_KEY.encode(KEY)
    monkeypatch.setenv("KEY", text)
    lines = sealed(KEY, transport=None).lines
    with server(lambda _: Answer(body=lines)) as running:
        words = [f"{running.url}/function/tested", "--author", AUTHOR, "--key-env", "KEY"]
        for verb in (["invoke", "-d", ""], ["header"]):
            said = run(*verb, *words, status=3)
            assert "shows no transport key, so the key could only be sent raw" in said.stderr
            assert "--raw sends the key itself" in said.stderr
            assert text not in said.output
        run("invoke", "-d", "", "--sealed", *words, status=3)
        assert Search({"key": KEY}).in_bytes(str(running.requests).encode(), "requests") == set()
        run("invoke", "-d", "", *words, "--raw")
        assert Search({"key": KEY}).in_bytes(str(running.requests).encode(), "requests")
        assert run("header", *words, "--raw").stdout == f"{KEY_HEADER}: {text}\n"


def test_a_function_that_has_lost_its_transport_key_gets_no_raw_key(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", FUNCTION_KEY.encode(KEY))
    files = iter([sealed(KEY), sealed(KEY, created=6, transport=None)])

    def answer(asked: Request) -> Answer:
        if asked.path.endswith(DISCOVERY_PATH):
            return Answer(body=next(files).lines)
        return problem(UnknownKey)

    with server(answer) as running:
        words = [f"{running.url}/function/tested", "--author", AUTHOR, "--key-env", "KEY"]
        said = run("invoke", "-d", "", *words, status=3).stderr
        assert Search({"key": KEY}).in_bytes(str(running.requests).encode(), "requests") == set()
    assert "no longer has a transport key" in said
    assert "--raw sends the key itself" in said


@pytest.mark.usefixtures("project")
def test_a_header_holds_the_raw_key_on_purpose(run: Run) -> None:
    assert run("header", "tested", "--raw").stdout == f"{KEY_HEADER}: {FUNCTION_KEY.encode(KEY)}\n"


def test_a_header_opens_a_function_for_another_client(direct: list[str], run: Run) -> None:
    output = run("header", *direct, "--path", "x?a=b").stdout
    name, value = output.strip().split(": ")
    answer = requests.get(f"{direct[0]}/x?a=b", headers={name: value}, timeout=10)
    assert answer.json()[:3] == ["GET", "/x", {"a": "b"}]
    other = requests.get(f"{direct[0]}/x?a=c", headers={name: value}, timeout=10)
    assert other.json()["type"].endswith("token-mismatch")
