"""Bodies as they arrive, answers as they are produced, and large ones of both."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.conftest import Gate, serve_program
from tests.runtime.processes import MAY_LOOK, descriptors, only_root_may_look, status, workers
from tests.runtime.wire import Client, chunked, connected, reason
from tests.support import Function, serve

CHUNKED = [("Transfer-Encoding", "chunked")]
MIB = 2**20
LARGE = 100 * MIB
STREAMING = {
    "handler.py": """\
import hashlib


def handle(event, context):
    if event.path == "/echo":
        return (piece for piece in event.stream)
    if event.path == "/upper":
        return (line.upper() for line in iter(event.stream.readline, b""))
    if event.path == "/first":
        return next(event.stream)
    if event.path == "/produce":
        return (bytes(2**16) for _ in range(int(event.query["pieces"])))
    if event.path == "/body":
        return str(len(event.body) + len(event.stream.read()))
    digest = hashlib.sha256()
    for piece in event.stream:
        digest.update(piece)
    return digest.hexdigest()
"""
}


@pytest.fixture(scope="module")
def streaming() -> Iterator[Function]:
    with serve(STREAMING, seal_max_body="200MiB") as function:
        yield function


def test_an_answer_reaches_the_client_as_it_is_produced(program: Function, gate: Gate) -> None:
    with connected(program) as client:
        client.post(gate.stream)
        pieces = client.pieces()
        assert next(pieces) == b"first"
        gate.wait_for(1)
        gate.open()
        assert list(pieces) == [b"second"]
        assert client.run("answer = 'alive'") == "alive"


def test_a_body_reaches_the_handler_as_it_arrives(streaming: Function) -> None:
    with connected(streaming) as client:
        client.send(streaming.head("/echo", "POST", headers=CHUNKED))
        pieces = client.pieces()
        for piece in (b"one", b"two", b"three"):
            client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            assert next(pieces) == piece
        client.send(b"0\r\n\r\n")
        assert list(pieces) == []
        assert client.ends()


def test_a_small_body_that_lies_there_is_streamed_all_the_same(streaming: Function) -> None:
    with connected(streaming) as client:
        client.send(streaming.head("/echo", "POST", headers=CHUNKED) + chunked([b"one", b"two"]))
        assert b"".join(client.pieces()) == b"onetwo"
    with connected(streaming) as client:
        client.send(streaming.head("/echo", "POST", b"a body") + b"a body")
        assert b"".join(client.pieces()) == b"a body"
    with connected(streaming) as client:
        client.send(streaming.head("/upper", "POST", b"a\nb\nc") + b"a\nb\nc")
        assert list(client.pieces()) == [b"A\n", b"B\n", b"C"]


def test_what_a_streaming_handler_leaves_is_not_the_next_request(streaming: Function) -> None:
    smuggled = streaming.head("/produce?pieces=1")
    body = bytes(2**17) + b"\r\n0\r\n\r\n" + smuggled
    with connected(streaming) as client:
        client.send(streaming.head("/first", "POST", headers=CHUNKED) + chunked([body]))
        answer = client.read()
        assert set(answer.body) == {0}
        assert answer.header("Connection") == "close"
        assert client.ends()


def test_whole_and_stream_are_the_same_bytes(streaming: Function) -> None:
    assert streaming.request("/body", method="POST", body=bytes(100_000)).body == b"100000"


def test_a_stream_that_breaks_off_is_said_to(streaming: Function) -> None:
    with connected(streaming) as client:
        client.send(streaming.head("/", "POST", headers=CHUNKED) + b"5\r\nhel")
        client.socket.shutdown(1)
        assert reason(client.read()) == "malformed-body"


def test_a_client_that_pauses_may_go_on(streaming: Function) -> None:
    with connected(streaming) as client:
        client.send(streaming.head("/", "POST", headers=CHUNKED))
        for byte in range(256):
            client.send(b"1\r\n%c\r\n" % byte)
            if byte % 50 == 0:
                client.wait_taken()
        client.send(b"0\r\n\r\n")
        assert client.read().text == hashlib.sha256(bytes(range(256))).hexdigest()


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_100_mib_come_in(streaming: Function, framing: str) -> None:
    piece = bytes(range(256)) * 4096
    with connected(streaming) as client:
        headers = CHUNKED if framing == "chunked" else [("Content-Length", str(LARGE))]
        client.send(streaming.head("/", "POST", headers=headers))
        digest = hashlib.sha256()
        with Watch(streaming) as watch:
            for _ in range(LARGE // len(piece)):
                digest.update(piece)
                client.send(piece if framing == "length" else chunked([piece])[:-5])
            client.send(b"" if framing == "length" else b"0\r\n\r\n")
            assert client.read().text == digest.hexdigest()
        watch.check()


def test_100_mib_go_out(streaming: Function) -> None:
    with connected(streaming) as client, Watch(streaming) as watch:
        client.send(streaming.head(f"/produce?pieces={LARGE // 2**16}"))
        assert sum(len(piece) for piece in client.pieces()) == LARGE
    watch.check()


def test_100_mib_go_through(streaming: Function) -> None:
    piece = bytes(range(256)) * 4096
    with connected(streaming) as client, Watch(streaming) as watch:
        client.send(streaming.head("/echo", "POST", headers=CHUNKED))
        sender = threading.Thread(target=send_pieces, args=(client, piece, LARGE // len(piece)))
        sender.start()
        assert sum(len(echoed) for echoed in client.pieces()) == LARGE
        sender.join()
    watch.check()


def test_100_mib_that_are_not_streamed_go_in_and_out_without_a_file() -> None:
    body = bytes(range(256)) * (LARGE // 256)
    with (
        serve_program(seal_max_body="100MiB") as function,
        connected(function) as client,
        Watch(function, of_workers=False) as watch,
    ):
        sender = threading.Thread(
            target=client.send, args=(function.head("/echo", "POST", body) + body,)
        )
        sender.start()
        assert client.read().body == body
        sender.join()
        watch.check()


def send_pieces(client: Client, piece: bytes, count: int) -> None:
    for _ in range(count):
        client.send(chunked([piece])[:-5])
    client.send(b"0\r\n\r\n")


class Watch:
    """Looks at the processes of a function while something large passes through them."""

    def __init__(self, function: Function, *, of_workers: bool = True) -> None:
        self._function = function
        self._of_workers = of_workers
        self.files: set[str] = set()
        self.peaks: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """No file was opened that has a name, and no process has held a body."""
        assert self.files == set()
        assert self.peaks["faas-acceptor"] < 60 * MIB
        if self._of_workers:
            assert self.peaks["faas-worker"] < 80 * MIB

    def _run(self) -> None:
        while True:
            for pid in (self._function.process.pid, *workers(self._function)):
                try:
                    self._look(pid)
                except (FileNotFoundError, ProcessLookupError, KeyError):  # it has just ended
                    continue
            if self._stop.wait(0.02):
                return

    def _look(self, pid: int) -> None:
        name = status(pid, "Name")
        peak = int(status(pid, "VmHWM").split()[0]) * 1024
        self.peaks[name] = max(peak, self.peaks.get(name, 0))
        for target in descriptors(pid).values() if MAY_LOOK else ():
            if Path(target.removesuffix(" (deleted)")).is_relative_to("/") and (
                not target.startswith(("/dev/null", "/memfd:faas-seal-", "/proc/"))
            ):
                self.files.add(target)


@only_root_may_look
def test_the_watch_would_see_a_file(tmp_path: Path, gate: Gate) -> None:
    code = f"file = open({str(tmp_path / 'file')!r}, 'w'); kept = b'x' * (100 * 2**20)\n{gate.code}"
    with serve_program() as function, connected(function) as client, Watch(function) as watch:
        client.post(code)
        gate.wait_for(1)
        gate.open()
        client.read()
    assert watch.files == {str(tmp_path / "file")}
    assert watch.peaks["faas-worker"] > LARGE
