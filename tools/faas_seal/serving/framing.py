"""Bodies of requests and responses, taken out of their framing (RFC 9112, section 6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedIOBase

from faas_sealed.formats.errors import MalformedBody, MalformedRequest

from faas_seal.serving.heads import RequestHead, ResponseHead, get
from faas_seal.serving.refusals import CodingNotImplemented

PIECE_BYTES = 64 * 1024
_LINE_BYTES = 4096
_TRAILER_LINES = 100


def request_body(head: RequestHead, stream: BufferedIOBase) -> Iterator[bytes] | None:
    """Return the body in pieces of at most 64 KiB, or None if the request has no body.

    Raises MalformedRequest or CodingNotImplemented if the headers do not settle its length.
    The iterator raises MalformedBody if the body breaks its framing or ends early.
    """
    # HTTP/1.0 knows no codings. In HTTP/1.1 a coding overrules Content-Length, in Go too.
    codings = head.all("Transfer-Encoding") if head.minor else []
    if codings:
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise CodingNotImplemented("the body has a coding that the gateway does not know")
        return _chunked(stream)
    length = _length(head.all("Content-Length"))
    if length is None:
        raise MalformedRequest("Content-Length is not one number")
    return _sized(stream, length) if length else None


def response_body(head: ResponseHead, stream: BufferedIOBase) -> tuple[Iterator[bytes], bool]:
    """Return the body in pieces of at most 64 KiB, and whether the connection survives it.

    Raises MalformedBody where `request_body` does, and if the headers do not settle its length.
    """
    if get(head.headers, "Transfer-Encoding").lower() == "chunked":
        return _chunked(stream), True
    lengths = [value for name, value in head.headers if name.lower() == "content-length"]
    if not lengths:
        return _until_the_end(stream), False
    length = _length(lengths)
    if length is None:
        raise MalformedBody("Content-Length is not one number")
    return _sized(stream, length), True


def _length(values: list[str]) -> int | None:
    """Return the one number that all values of Content-Length are, 0 for none, None for others."""
    different = set(values) or {"0"}
    value = different.pop()
    return None if different or not re.fullmatch("[0-9]{1,18}", value) else int(value)


def _until_the_end(stream: BufferedIOBase) -> Iterator[bytes]:
    while piece := stream.read1(PIECE_BYTES):
        yield piece


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
        size = _line(stream).rstrip(b" \t").partition(b";")[0]
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
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
