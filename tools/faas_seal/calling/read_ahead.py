"""Bodies that are read ahead, and are still there for who reads the response later."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any

import requests
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

_PIECE_BYTES = 2**14
_GZIP = 16 + zlib.MAX_WBITS


def short_body(response: requests.Response, most: int) -> bytes | None:
    """Return the body of a response, or None if it has more than `most` bytes.

    No more than that is read, or unpacked. A body in another coding than gzip comes as it is,
    and one that ends early is None; reading the response raises what it would have raised.
    """
    if getattr(response, "_content", False) is not False:  # `requests` has read it
        body: bytes | None = response.content
    else:
        if not isinstance(response.raw, _ReadAhead):
            response.raw = _ReadAhead(response, most)
        body = response.raw.unpacked(most)
    return body if body is not None and len(body) <= most else None


class _ReadAhead(HTTPResponse):
    """The `raw` of a response from which more than `most` bytes, or all, are read already."""

    def __init__(self, response: requests.Response, most: int) -> None:
        raw = response.raw
        rest = raw.stream(_PIECE_BYTES, decode_content=False)
        self._ahead: bytes | None = b""
        taken: list[bytes] = []
        try:
            while (
                sum(len(piece) for piece in taken) <= most
                and (piece := next(rest, None)) is not None
            ):
                taken.append(piece)
            self._ahead = b"".join(taken)
        except HTTPError as error:
            self._ahead = None
            rest = _raising(error)
        super().__init__(
            body=_Body(raw, chain(taken, rest)),
            headers=getattr(raw, "headers", None),
            status=response.status_code,
            reason=response.reason,
            preload_content=False,
            original_response=getattr(raw, "_original_response", None),
            request_method=response.request.method,
        )

    def unpacked(self, most: int) -> bytes | None:
        """Return what was read ahead, and at least a byte too much if there was too much."""
        if self._ahead is None or self.headers.get("Content-Encoding", "").lower() != "gzip":
            return self._ahead
        if len(self._ahead) > most:
            return None
        try:
            return zlib.decompressobj(_GZIP).decompress(self._ahead, most + 1)
        except zlib.error:
            return None


class _Body(io.RawIOBase):
    """The file from which urllib3 reads `pieces` of the body of `raw`."""

    def __init__(self, raw: Any, pieces: Iterator[bytes]) -> None:
        self._raw = raw
        self._pieces = pieces
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._waiting:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._waiting = piece
        taken = self._waiting[: len(buffer)]
        self._waiting = self._waiting[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _raising(error: Exception) -> Iterator[bytes]:
    raise error
    yield b""
