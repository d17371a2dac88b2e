"""Compressed streams within bytes: found by how they begin, and unpacked."""

from __future__ import annotations

import bz2
import lzma
import mmap
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from faas_sealed.formats.errors import SealError

# A stream with more content than this is refused, so that its rest is not taken for clean.
MAX_UNPACKED = 2**30
ZSTANDARD = b"\x28\xb5\x2f\xfd"

# Small, because an error loses everything that its piece has given.
_PIECE = 2**10
# The header of a zip's entry (APPNOTE.TXT 6.3, section 4.3.7).
_ZIP_ENTRY = b"PK\3\4"
_ZIP_HEADER = struct.Struct("<4sHHH16xHH")
_DEFLATE, _DEFLATE64, _LZMA, _ZSTANDARD, _PPMD = 8, 9, 14, 93, 98
# Zips put a shorter header before LZMA than the standard library expects.
_LZMA_IN_ZIP = struct.Struct("<HH5s")
_UNKNOWN_SIZE = b"\xff" * 8


class Incomplete(SealError):
    """A place that could not be searched to its end. Finding nothing there proves nothing."""


class _Refused(Exception):
    """The reason why a stream is not unpacked, without its place, which the caller adds."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def streams(data: bytes | mmap.mmap, place: str) -> Iterator[tuple[int, bytes]]:
    """Yield the start and the content of each compressed stream, even if it breaks off.

    Raises Incomplete for content longer than MAX_UNPACKED, and for a compression that the
    standard library does not know.
    """
    for magic, take in _STREAMS.items():
        for match in re.finditer(re.escape(magic), data):
            try:
                content = take(data, match.start())
            except _Refused as error:
                raise Incomplete(f"{place} > stream at {match.start()} {error}") from None
            if content:
                yield match.start(), content


def _zip_entry(data: bytes | mmap.mmap, at: int) -> bytes:
    """Return the content of a zip's entry, or b"" if that is plain or found as another stream."""
    header = data[at : at + _ZIP_HEADER.size]
    if len(header) < _ZIP_HEADER.size:
        return b""
    _, _, flags, method, name_length, extra_length = _ZIP_HEADER.unpack(header)
    start = at + _ZIP_HEADER.size + name_length + extra_length
    if method == _DEFLATE:
        return _decompress(zlib.decompressobj(-zlib.MAX_WBITS), data, start)
    if method == _LZMA:
        before = data[start : start + _LZMA_IN_ZIP.size]
        if len(before) < _LZMA_IN_ZIP.size:
            return b""
        alone = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
        try:
            alone.decompress(_LZMA_IN_ZIP.unpack(before)[2] + _UNKNOWN_SIZE)
        except lzma.LZMAError:
            return b""
        return _decompress(alone, data, start + _LZMA_IN_ZIP.size)
    # An encrypted entry gives nothing away.
    if method in (_DEFLATE64, _ZSTANDARD, _PPMD) and not flags & 1 and 0 < name_length < 1024:
        raise _Refused(f"is a zip of a compression that is not known here, number {method}")
    return b""


def _decompress(decompressor: _Decompressor, data: bytes | mmap.mmap, start: int) -> bytes:
    content = bytearray()
    for at in range(start, len(data), _PIECE):
        try:
            content += decompressor.decompress(data[at : at + _PIECE])
        except (zlib.error, lzma.LZMAError, OSError, EOFError):
            break
        if len(content) > MAX_UNPACKED:
            raise _Refused(f"is longer than {MAX_UNPACKED} bytes")
        if decompressor.eof:
            break
    return bytes(content)


def _taken_by(make: Callable[[], _Decompressor]) -> Callable[[bytes | mmap.mmap, int], bytes]:
    return lambda data, start: _decompress(make(), data, start)


_STREAMS: dict[bytes, Callable[[bytes | mmap.mmap, int], bytes]] = {
    b"\x1f\x8b\x08": _taken_by(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16)),
    **{
        b"x" + flags: _taken_by(zlib.decompressobj)
        for flags in (b"\x01", b"\x5e", b"\x9c", b"\xda")
    },
    _ZIP_ENTRY: _zip_entry,
    b"BZh": _taken_by(bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": _taken_by(lzma.LZMADecompressor),
}
