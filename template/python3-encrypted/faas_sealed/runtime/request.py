"""One request read from a blocking socket: HTTP/1.1 (RFC 9112), by peeking.

Bytes are looked at first (MSG_PEEK) and taken only when they are known to belong to
this request. So nothing of a following request ever lies in a worker, and an idle
connection can be handed back at any time. waitress parses the head and decodes the body;
the reading is ours.
"""

from __future__ import annotations

import fcntl
import re
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver

from faas_sealed.formats.errors import (
    BodyTooLarge,
    MalformedBody,
    MalformedRequest,
    SealError,
    SlowRequest,
)

MAX_HEAD = 64 * 2**10
MAX_CHUNK_LINE = 256
PIECE = 64 * 2**10

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_LIMIT = 2**62
# As plain integers: combining the enumeration's members costs more than the call.
_DONTWAIT = int(socket.MSG_DONTWAIT)
_PEEK = int(socket.MSG_PEEK)

_ADJUSTMENTS = Adjustments(max_request_header_size=MAX_HEAD + 1, max_request_body_size=_NO_LIMIT)


class Disconnected(Exception):
    """The peer went away before its request was whole; nobody is left to answer."""


class Wire:
    """A connection, waited on until a deadline.

    `on_wait` is called once, before the first time that nothing is there to read.
    `deadline` is in seconds of CLOCK_MONOTONIC.
    """

    def __init__(self, sock: socket.socket, on_wait: Callable[[], None] | None = None) -> None:
        self.socket = sock
        self.deadline = 0.0
        self._on_wait = on_wait

    def wait_quietly(self, deadline: float) -> None:
        """From now on wait until `deadline`, and tell nobody."""
        self.deadline = deadline
        self._on_wait = None

    def available(self) -> int:
        """Return how many bytes lie unread in the socket (ioctl SIOCINQ, see tcp(7))."""
        count: int = struct.unpack("i", fcntl.ioctl(self.socket, termios.FIONREAD, b"\0" * 4))[0]
        return count

    def glance(self, size: int = MAX_HEAD) -> bytes:
        """Return at most `size` bytes that lie there, without taking them or waiting."""
        try:
            return self.socket.recv(size, _PEEK | _DONTWAIT)
        except BlockingIOError:
            return b""
        except OSError:
            raise Disconnected from None

    def peek(self) -> bytes:
        """Return bytes without taking them; wait until there is one."""
        return self._receive(PIECE, _PEEK)

    def take(self, size: int) -> bytes:
        """Take at most `size` bytes; wait until there is one."""
        return self._receive(size, 0)

    def take_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.take(size - len(data))
        return data

    def _receive(self, size: int, flags: int) -> bytes:
        while True:
            try:
                data = self.socket.recv(size, flags | _DONTWAIT)
            except BlockingIOError:
                self._wait()
                continue
            except OSError:
                raise Disconnected from None
            if not data:
                raise Disconnected
            return data

    def _wait(self) -> None:
        if self._on_wait is not None:
            on_wait, self._on_wait = self._on_wait, None
            on_wait()
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        if not poller.poll(max(0.0, self.deadline - time.monotonic()) * 1000):
            raise SlowRequest


class Request:
    """The head of a request, and its body still on the wire.

    `headers` maps upper-case names with underscores to values, as WSGI has them;
    repeated headers are joined with a comma. `path` and `query` are latin-1 text.
    """

    def __init__(self, wire: Wire, max_body: int) -> None:
        self._wire = wire
        self._max_body = max_body
        head = _read_head(wire)
        parser = HTTPRequestParser(_ADJUSTMENTS)
        parser.received(head)
        if parser.error is not None or parser.empty or parser.version not in ("1.0", "1.1"):
            raise MalformedRequest
        self.method: str = parser.command
        self.path: str = parser.path
        self.query: str = parser.query
        self.version: str = parser.version
        self.headers: dict[str, str] = parser.headers
        self.keep_alive = self.version == "1.1" and not parser.connection_close
        # Two framings of one body are how requests are smuggled (RFC 9112, section 6.3).
        if "TRANSFER_ENCODING" in self.headers or (
            parser.chunked and "CONTENT_LENGTH" in self.headers
        ):
            raise MalformedRequest
        self._decoder = parser.body_rcv
        self._length: int = parser.content_length
        self._expects_continue: bool = parser.expect_continue
        self._begun = False

    @property
    def body_read(self) -> bool:
        return self._decoder is None or self._decoder.completed

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it arrives, once, at most 64 KiB at a time.

        Raises BodyTooLarge as soon as that is known, MalformedBody, SlowRequest.
        """
        decoder = self._decoder
        if decoder is None:
            return
        if self._length > self._max_body:
            raise BodyTooLarge
        self._begun = True
        if self._expects_continue and not self._wire.available():
            self._wire.socket.sendall(_CONTINUE)
        decoder.buf = decoded = _Decoded()
        while not decoder.completed:
            try:
                self._wire.take_exactly(decoder.received(self._wire.peek()))
            except Disconnected:
                raise MalformedBody from None
            if decoder.error is not None:
                raise MalformedBody
            if isinstance(decoder, ChunkedReceiver):
                if len(decoder.control_line) > MAX_CHUNK_LINE or len(decoder.trailer) > MAX_HEAD:
                    raise MalformedBody
                if decoded.total + decoder.chunk_remainder > self._max_body:
                    raise BodyTooLarge
            yield from decoded.take()

    def skip_body(self) -> bool:
        """Tell whether the body is read; one that lies there untouched is, here."""
        if not self.body_read and not self._begun and self._lies_whole():
            try:
                for _ in self.pieces():
                    pass
            except SealError:
                return False
        return self.body_read

    def _lies_whole(self) -> bool:
        if isinstance(self._decoder, ChunkedReceiver):
            return _end_of_chunks(self._wire.glance(), 0) is not None
        return self._wire.available() >= self._length


class _Decoded:
    """Where waitress's decoders put what they decode, in place of a temporary file."""

    def __init__(self) -> None:
        self.total = 0
        self._pieces: list[bytes] = []

    def append(self, piece: bytes) -> None:
        self.total += len(piece)
        self._pieces.append(piece)

    def take(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def __len__(self) -> int:
        return self.total


def _read_head(wire: Wire) -> bytes:
    head = b""
    while True:
        seen = wire.peek()
        if not head:
            # A blank line before the request line is to be ignored (RFC 9112, section 2.2).
            blank = len(seen) - len(seen.lstrip(b"\r\n"))
            if blank:
                wire.take_exactly(blank)
                continue
        start = max(0, len(head) - 3)
        end = (head + seen).find(b"\r\n\r\n", start)
        if end >= 0:
            taken = wire.take_exactly(end + 4 - len(head))
            return head + taken
        head += wire.take_exactly(len(seen))
        if len(head) > MAX_HEAD:
            raise MalformedRequest


def lies_whole(wire: Wire) -> bool:
    """Tell whether a whole request lies in the socket, without taking any of it.

    A request that is not, or cannot be judged by a look at its first 64 KiB, is left
    to a worker that holds nothing yet.
    """
    seen = wire.glance()
    end = seen.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = seen[:end].lower()
    if b"\r\ntransfer-encoding:" in head:
        return _end_of_chunks(seen, end + 4) is not None
    length = re.search(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?:\r\n|$)", head)
    return end + 4 + (int(length[1]) if length else 0) <= wire.available()


def _end_of_chunks(data: bytes, at: int) -> int | None:
    """Return where a chunked body that starts at `at` ends, or None if it does not."""
    while True:
        end = data.find(b"\r\n", at)
        match = _CHUNK_SIZE.fullmatch(data, at, end) if end >= 0 else None
        if not match:
            return None
        size = int(match[1], 16)
        if size == 0:
            finish = data.find(b"\r\n\r\n", end)
            return None if finish < 0 else finish + 4
        at = end + 2 + size + 2
