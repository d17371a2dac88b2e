"""A client's request body, taken out of its framing (RFC 9112, section 6) as it arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from io import BufferedIOBase

from faas_sealed.formats.errors import MalformedBody, MalformedRequest

PIECE_BYTES = 64 * 1024
_LINE_BYTES = 4096
_TRAILER_LINES = 100


def request_body(headers: Message, stream: BufferedIOBase) -> Iterator[bytes] | None:
    """Return the body in pieces of at most 64 KiB, or None if the request has no body.

    Raises MalformedRequest if the headers do not settle its length. The iterator raises
    MalformedBody if the body breaks its framing or ends early.
    """
    codings = headers.get_all("Transfer-Encoding", [])
    lengths = set(headers.get_all("Content-Length", []))
    if codings:
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise MalformedRequest("the length of the body is ambiguous")
        return _chunked(stream)
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not re.fullmatch("[0-9]{1,18}", length):
        raise MalformedRequest("Content-Length is not one number")
    return _sized(stream, int(length)) if int(length) else None


def _sized(stream: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length:
        try:
            piece = stream.read1(min(length, PIECE_BYTES))
        except OSError:
            piece = b""
        if not piece:
            raise MalformedBody("the body ended early")
        length -= len(piece)
        yield piece


def _chunked(stream: BufferedIOBase) -> Iterator[bytes]:
    while True:
        size, _, _extensions = _line(stream).partition(b";")
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size.strip(b" \t")):
            raise MalformedBody("a chunk has no size")
        if not (length := int(size, 16)):
            break
        yield from _sized(stream, length)
        if _line(stream):
            raise MalformedBody("a chunk is longer than its size")
    for _ in range(_TRAILER_LINES):
        if not _line(stream):
            return
    raise MalformedBody("too many trailer lines")


def _line(stream: BufferedIOBase) -> bytes:
    try:
        line = stream.readline(_LINE_BYTES)
    except OSError:
        line = b""
    if not line.endswith(b"\n"):
        raise MalformedBody("the body ended early")
    return line.rstrip(b"\r\n")
