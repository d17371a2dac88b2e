"""The body of a request as a readable binary file."""

from __future__ import annotations

import io
from collections.abc import Iterator

from faas_sealed.formats.errors import SealError


class BodyStream(io.RawIOBase):
    """Reads the body as it arrives, and remembers its failure.

    `failure` is the error of a body that broke off, was too slow or too large. The request is
    answered with this error even where the handler has swallowed the exception. `length` is the
    size of the body in bytes if it was fetched, and None otherwise.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.failure: SealError | None = None
        self.length: int | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = self._next()
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def __next__(self) -> bytes:
        """Return the next piece of the body as it came, not a line."""
        piece = self._rest or self._next()
        self._rest = memoryview(b"")
        if not piece:
            raise StopIteration
        whole = piece.obj
        return whole if isinstance(whole, bytes) and len(whole) == len(piece) else bytes(piece)

    def readall(self) -> bytes:
        return b"".join(self)

    def fetch(self) -> bytes:
        """Wait for the whole body, and return it; the stream can be read as before."""
        whole = self.readall()
        self._rest = memoryview(whole)
        self.length = len(whole)
        return whole

    def _next(self) -> memoryview:
        if self.failure is not None:
            raise self.failure
        try:
            return memoryview(next(self._pieces, b""))
        except SealError as error:
            self.failure = error
            raise
