"""A client that sends bytes as they are, and reads answers one by one."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.support import Answer, Function, wait_until


class Cut(Exception):
    """The connection ended before an answer did. `head` and `body` are what had come."""

    def __init__(self, head: bytes, body: bytes) -> None:
        super().__init__(f"{len(head)} bytes of head, {len(body)} of body")
        self.head = head
        self.body = body


class Client:
    """One connection to a function."""

    def __init__(self, function: Function) -> None:
        self.socket = function.connect()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._function = function
        self._received = bytearray()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Close with RST in place of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(self, code: str) -> None:
        """Send Python for the handler to execute, and do not wait."""
        self.send(posted(self._function, code))

    def run(self, code: str) -> str:
        """Let the handler execute Python; return its `answer`."""
        self.post(code)
        answer = self.read()
        assert answer.status == 200, answer
        return answer.text

    def read(self, method: str = "POST") -> Answer:
        """Read one answer. Raises Cut where the connection ends too early."""
        head = self._until(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        answer = Answer(int(status), headers, b"")
        bodiless = method == "HEAD" or answer.status in (100, 204, 304)
        return answer if bodiless else Answer(answer.status, headers, self._body(head, answer))

    def pieces(self) -> Iterator[bytes]:
        """Read the head of a chunked answer, then yield each chunk as it arrives."""
        head = self._until(b"\r\n\r\n")
        assert b"\r\nTransfer-Encoding: chunked" in head
        while size := int(self._until(b"\r\n", head), 16):
            yield self._exactly(size, head)
            assert self._exactly(2, head) == b"\r\n"
        assert self._exactly(2, head) == b"\r\n"

    def ends(self) -> bool:
        """Wait for the next byte or the end; tell whether it was the end."""
        with suppress(ConnectionResetError):
            self._received += self.socket.recv(1)
        return not self._received

    def wait_taken(self) -> None:
        """Wait until a worker has taken all that was sent (proc(5), /proc/net/tcp)."""
        ports = f":{self.socket.getpeername()[1]:04X}", f":{self.socket.getsockname()[1]:04X}"

        def taken() -> bool:
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
                _, local, remote, _, queues = line.split()[:5]
                if (local[-5:], remote[-5:]) == ports:
                    return queues.endswith(":00000000")
            raise AssertionError("there is no such connection")

        wait_until(taken, "a worker takes what was sent")

    def _body(self, head: bytes, answer: Answer) -> bytes:
        length = answer.header("Content-Length")
        if length is not None:
            assert answer.header("Transfer-Encoding") is None
            return self._exactly(int(length), head)
        body = b""
        if answer.header("Transfer-Encoding") is None:
            assert answer.header("Connection") == "close"
            while self._more():
                pass
            return bytes(self._received)
        while size := int(self._until(b"\r\n", head, body), 16):
            body += self._exactly(size, head, body)
            assert self._exactly(2, head, body) == b"\r\n"
        assert self._exactly(2, head, body) == b"\r\n"
        return body

    def _until(self, mark: bytes, head: bytes = b"", body: bytes = b"") -> bytes:
        while mark not in self._received:
            if not self._more():
                raise Cut(head or bytes(self._received), body)
        found, _, self._received = self._received.partition(mark)
        return bytes(found)

    def _exactly(self, size: int, head: bytes, body: bytes = b"") -> bytes:
        while len(self._received) < size:
            if not self._more():
                raise Cut(head, body + self._received)
        found = bytes(self._received[:size])
        del self._received[:size]
        return found

    def _more(self) -> bool:
        try:
            data = self.socket.recv(2**20)
        except ConnectionResetError:
            return False
        self._received += data
        return bool(data)


@contextmanager
def connected(function: Function) -> Iterator[Client]:
    with closing(Client(function)) as client:
        yield client


@contextmanager
def several(function: Function, count: int) -> Iterator[list[Client]]:
    clients = [Client(function) for _ in range(count)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def posted(function: Function, code: str) -> bytes:
    """Return the bytes of a request that lets the handler of `program` execute Python."""
    body = code.encode()
    return function.head("/", "POST", body) + body


def run(function: Function, code: str) -> Answer:
    """Let the handler execute Python, on a connection of its own."""
    with connected(function) as client:
        client.post(code)
        return client.read()


def chunked(pieces: Iterable[bytes]) -> bytes:
    """Return a body as the watchdog sends it."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def reason(answer: Answer) -> str:
    """Return what a problem document says went wrong."""
    assert answer.header("Content-Type") == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status
    kind: str = document["type"]
    return kind.removeprefix("urn:faas-seal:error:")
