"""The response of a runtime, read from its connection as it comes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from http import HTTPStatus
from io import BufferedIOBase
from typing import cast

from faas_sealed.formats.errors import MalformedBody

from faas_seal.serving.framing import PIECE_BYTES, response_body
from faas_seal.serving.heads import HeaderList, MalformedHead, get, read_response_head
from faas_seal.serving.runtime_connections import RuntimeConnection

BODYLESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class BrokenResponse(Exception):
    """A response that breaks the rules of HTTP/1.1, or ends early."""


class RuntimeResponse:
    """A response whose head has been read. `length` is Content-Length, or None.

    `keeps_connection` says whether the connection can carry another request after the body.
    The constructor raises ConnectionResetError if the runtime has closed the connection without
    a byte, and BrokenResponse.
    """

    def __init__(self, connection: RuntimeConnection, method: str, *, unzips: bool) -> None:
        self._file = cast(BufferedIOBase, connection.makefile("rb"))
        try:
            self._read_head(method, unzips)
        except BaseException:
            self.close()
            raise

    def _read_head(self, method: str, unzips: bool) -> None:
        try:
            head = read_response_head(self._file)
            while head is not None and head.status < HTTPStatus.OK:
                head = read_response_head(self._file)
        except MalformedHead as error:
            raise BrokenResponse from error
        if head is None:
            raise ConnectionResetError
        self.status = head.status
        self.reason = head.reason
        self.headers: HeaderList = head.headers
        self.length: str | None = get(head.headers, "Content-Length") or None
        self._body: Iterator[bytes] = iter(())
        self.keeps_connection = True
        if method != "HEAD" and head.status not in BODYLESS:
            try:
                self._body, self.keeps_connection = response_body(head, self._file)
            except MalformedBody as error:
                raise BrokenResponse from error
            if unzips and get(head.headers, "Content-Encoding").lower() == "gzip":
                self._body = _unzipped(self._body)
                self.length = None
                self.headers = [
                    (name, value)
                    for name, value in head.headers
                    if name.lower() not in ("content-encoding", "content-length")
                ]
        if get(head.headers, "Connection").lower() == "close":
            self.keeps_connection = False

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes; raise BrokenResponse if it breaks off."""
        try:
            yield from self._body
        except (MalformedBody, zlib.error) as error:
            raise BrokenResponse from error

    def close(self) -> None:
        self._file.close()


def _unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what gzip members (RFC 1952) hold, at most 64 KiB at a time."""
    member = None
    for piece in pieces:
        rest = piece
        while True:
            if member is None or (member.eof and rest):
                member = zlib.decompressobj(wbits=31)
            unpacked = member.decompress(rest, PIECE_BYTES)
            rest = member.unused_data or member.unconsumed_tail
            if unpacked:
                yield unpacked
            elif not rest:
                break
    if member is not None and not member.eof:
        raise MalformedBody("the packed body ended early")
