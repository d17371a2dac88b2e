"""The body of a request as a readable binary file."""

from __future__ import annotations

import io
from collections.abc import Iterator

from faas_sealed.formats.errors import SealError


class BodyStream(io.RawIOBase):
    """Reads the body as it arrives, and remembers how that failed.

    `failure` is the error of a body that broke off, was too slow or too large: it
    answers the request even where the handler has swallowed the exception.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._whole: bytes | None = None
        self.failure: SealError | None = None

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
        piece = bytes(self._rest or self._next())
        self._rest = memoryview(b"")
        if not piece:
            raise StopIteration
        return piece

    def whole(self) -> bytes:
        """Return all that is left of the body, the same each time; it can be read once more."""
        if self._whole is None:
            self._whole = b"".join(self)
            self._rest = memoryview(self._whole)
        return self._whole

    @property
    def length(self) -> int | None:
        """The length of what `whole` has returned, None if it was not asked yet."""
        return None if self._whole is None else len(self._whole)

    def _next(self) -> memoryview:
        if self.failure is not None:
            raise self.failure
        try:
            return memoryview(next(self._pieces, b""))
        except SealError as error:
            self.failure = error
            raise
