"""A request of HTTP/1.1 (RFC 9112), read from a blocking socket by peeking.

Bytes are looked at first (MSG_PEEK) and taken only when they are known to belong to
this request. So nothing of a following request ever lies in a worker, and an idle
connection can be handed back at any time. waitress parses the head and decodes the body;
the reading is ours.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Iterator

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver

from faas_sealed.formats.errors import (
    BodyTooLarge,
    HeadTooLarge,
    MalformedBody,
    MalformedRequest,
    SealError,
    SlowRequest,
)
from faas_sealed.runtime.shared.system import unread
from faas_sealed.runtime.worker.glance import (
    DONTWAIT,
    GLANCE_BYTES,
    PEEK,
    SETTLE_SECONDS,
    end_of_chunks,
    glance,
)

# The watchdog takes a head of 1 MiB and 4 KiB (Go's net/http), and adds headers of its own.
MAX_HEAD = 2**20 + 8 * 2**10
MAX_TRAILER = 64 * 2**10
MAX_CHUNK_LINE = 256
PIECE = 64 * 2**10

_FOLDED = re.compile(rb"\r\n[ \t]")
_ENCODING = re.compile(rb"\r\ntransfer-encoding:[ \t]*(.*?)[ \t]*(?=\r\n)", re.IGNORECASE)

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_LIMIT = 2**62

_ADJUSTMENTS = Adjustments(max_request_header_size=MAX_HEAD + 1, max_request_body_size=_NO_LIMIT)


class Disconnected(Exception):
    """The peer went away before its request was whole; nobody is left to answer."""


class Wire:
    """A connection, and the deadline until which a read from it waits.

    `on_wait` is called once: when SETTLE_SECONDS have passed since the first wait began, and
    there is nothing to read. `deadline` is in seconds of CLOCK_MONOTONIC.
    """

    def __init__(self, sock: socket.socket, on_wait: Callable[[], None] | None = None) -> None:
        self.socket = sock
        self.deadline = 0.0
        self._on_wait = on_wait
        self._settles_by = 0.0

    def wait_quietly(self, deadline: float) -> None:
        """From now on wait until `deadline`, and never call `on_wait`."""
        self.deadline = deadline
        self._on_wait = None

    def peek(self) -> bytes:
        """Return bytes without taking them; wait until there are any."""
        return self._receive(PIECE, PEEK)

    def take(self, size: int) -> bytes:
        """Take at most `size` bytes; wait until there are any."""
        return self._receive(size, 0)

    def take_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.take(size - len(data))
        return data

    def _receive(self, size: int, flags: int) -> bytes:
        while True:
            try:
                data = self.socket.recv(size, flags | DONTWAIT)
            except BlockingIOError:
                self._wait()
                continue
            except OSError:
                raise Disconnected from None
            if not data:
                raise Disconnected
            if time.monotonic() >= self.deadline:  # a peer that never pauses never makes us wait
                raise SlowRequest
            return data

    def _wait(self) -> None:
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        if self._on_wait is not None:
            self._settles_by = self._settles_by or time.monotonic() + SETTLE_SECONDS
            if poller.poll(_milliseconds_until(self._settles_by)):
                return
            on_wait, self._on_wait = self._on_wait, None
            on_wait()
        if not poller.poll(_milliseconds_until(self.deadline)):
            raise SlowRequest


def _milliseconds_until(when: float) -> float:
    return max(0.0, when - time.monotonic()) * 1000


class Request:
    """The head of a request, and its body still on the wire.

    `headers` maps upper-case names with underscores to values, as WSGI has them;
    repeated headers are joined with a comma. `uri` is the target as it was sent; it, `path`,
    percent-decoded, and `query` are latin-1 text. `max_body` bounds the body, in bytes.
    Raises HeadTooLarge, MalformedRequest, SlowRequest or Disconnected.
    """

    def __init__(self, wire: Wire, max_body: int) -> None:
        self._wire = wire
        self.max_body = max_body
        head = _read_head(wire)
        parser = HTTPRequestParser(_ADJUSTMENTS)
        try:
            parser.received(head if len(head) <= GLANCE_BYTES else _with_repeated_joined(head))
        except ValueError:  # a number with thousands of digits, brackets in the URI
            raise MalformedRequest from None
        if parser.error is not None or parser.empty or parser.version not in ("1.0", "1.1"):
            raise MalformedRequest
        self.method: str = parser.command
        self.uri: str = parser.request_uri
        self.path: str = parser.path or "/"
        self.query: str = parser.query
        self.version: str = parser.version
        self.headers: dict[str, str] = parser.headers
        self.chunked: bool = parser.chunked
        options = self.headers.get("CONNECTION", "").lower().replace(" ", "").split(",")
        self.keep_alive = self.version == "1.1" and "close" not in options
        # Requests are smuggled where two programs frame them differently
        # (RFC 9112, sections 5.2, 6.1 and 6.3).
        encodings = [encoding.lower() for encoding in _ENCODING.findall(head)]
        if (
            _FOLDED.search(head)
            or encodings not in ([], [b"chunked"])
            or "TRANSFER_ENCODING" in self.headers
            or (parser.chunked and "CONTENT_LENGTH" in self.headers)
        ):
            raise MalformedRequest
        self._decoder = parser.body_rcv
        self._length: int = parser.content_length
        self._expects_continue: bool = parser.expect_continue
        self._begun = False

    @property
    def body_read(self) -> bool:
        decoder = self._decoder
        return decoder is None or (decoder.completed and decoder.error is None)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it arrives, once, at most 64 KiB at a time.

        Raises MalformedBody or SlowRequest, and BodyTooLarge as soon as the excess is known.
        """
        decoder = self._decoder
        if decoder is None:
            return
        if self._length > self.max_body:
            raise BodyTooLarge
        self._begun = True
        if self._expects_continue and not unread(self._wire.socket):
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
                if len(decoder.control_line) > MAX_CHUNK_LINE or len(decoder.trailer) > MAX_TRAILER:
                    raise MalformedBody
                if decoded.total + decoder.chunk_remainder > self.max_body:
                    raise BodyTooLarge
            yield from decoded.take()

    def skip_body(self) -> bool:
        """Read the body if it lies untouched and whole in the socket; tell whether it is read."""
        if not self.body_read and not self._begun and self._lies_whole():
            try:
                for _ in self.pieces():
                    pass
            except SealError:
                return False
        return self.body_read

    def _lies_whole(self) -> bool:
        if isinstance(self._decoder, ChunkedReceiver):
            return end_of_chunks(glance(self._wire.socket), 0) is not None
        return unread(self._wire.socket) >= self._length


class _Decoded:
    """A buffer that waitress's decoders write to, in place of a temporary file."""

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
    head = bytearray()
    blank = 0
    while blank + len(head) <= MAX_HEAD:
        seen = wire.peek()
        if not head:
            # A blank line before the request line is to be ignored (RFC 9112, section 2.2).
            before = len(seen) - len(seen.lstrip(b"\r\n"))
            if before:
                blank += len(wire.take_exactly(before))
                continue
        last = bytes(head[-3:])
        end = (last + seen).find(b"\r\n\r\n")
        rest = len(seen) if end < 0 else end + 4 - len(last)
        if len(head) + rest > MAX_HEAD:
            break
        head += wire.take_exactly(rest)
        if end >= 0:
            return bytes(head)
    raise HeadTooLarge


def _with_repeated_joined(head: bytes) -> bytes:
    """Join the headers of one name, as waitress does.

    Waitress copies all that it has joined for each further header, which takes many seconds for
    a long head of short ones.
    """
    request_line, *lines = head.split(b"\r\n")
    values: dict[bytes, list[bytes]] = {}
    for line in lines[:-2]:
        name, colon, value = line.partition(b":")
        values.setdefault(name.upper() + colon, []).append(value.strip(b" \t"))
    joined = [name + b", ".join(each) for name, each in values.items()]
    return b"\r\n".join([request_line, *joined, b"", b""])
