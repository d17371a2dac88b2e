"""Finds needles in bytes, and in the compressed streams that lie in them."""

from __future__ import annotations

import bz2
import lzma
import mmap
import re
import struct
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from faas_sealed.formats.errors import SealError

from faas_seal.scan.needles import Needle, needles

WORD = 8
BLOCK = 2**16
OVERLAP = 2**14
MAX_DEPTH = 4
# More than this out of one stream is refused: what is not searched counts as not found.
MAX_UNPACKED = 2**30

_ZIP_HEADER = struct.Struct("<4s22xHH")
# Small, as an error costs what the same piece has held before it.
_PIECE = 2**10


class Incomplete(SealError):
    """Something could not be searched to its end: that nothing was found says nothing."""


@dataclass(frozen=True, order=True)
class Hit:
    """A canary that was found; `place` tells where, for a person."""

    place: str
    canary: str
    form: str

    def __str__(self) -> str:
        return f"{self.canary} as {self.form} in {self.place}"


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class Search:
    """Looks for all canaries at once.

    `canaries` maps names to values: text, or bytes that are no text. A needle of at
    least 15 bytes covers an aligned word of eight, wherever it lies. So the words of
    the data are looked up in one set, which takes the same time for any number of
    needles, and only where one is found the needle itself is looked for.
    """

    def __init__(self, canaries: Mapping[str, str | bytes]) -> None:
        self.canaries = dict(canaries)
        self._by_word: dict[int, set[Needle]] = defaultdict(set)
        for name, value in canaries.items():
            for needle in needles(name, value):
                for at in range(WORD):
                    word = int.from_bytes(needle.run[at : at + WORD], sys.byteorder)
                    self._by_word[word].add(needle)
        self._words = frozenset(self._by_word)
        self._clean: set[int] = set()

    def without(self, *names: str) -> Search:
        """Return a search for the other canaries."""
        return Search({name: v for name, v in self.canaries.items() if name not in names})

    def in_bytes(self, data: bytes | mmap.mmap, place: str, depth: int = 0) -> set[Hit]:
        """Search bytes and, at most four deep, what is compressed in them."""
        hits = {Hit(place, needle.canary, needle.form) for needle in self._found(data)}
        for at, content in _streams(data):
            if content and depth == MAX_DEPTH:
                raise Incomplete(f"{place} is compressed more than {MAX_DEPTH} times")
            hits |= self.in_bytes(content, f"{place} > stream at {at}", depth + 1)
        return hits

    def in_memory(self, data: bytes, place: str) -> set[Hit]:
        """Search the memory of a process, but for what was searched before and had nothing.

        Processes that are forked, and a process at another time, are mostly the same.
        Blocks overlap, so that no needle is cut, and of a stream at least its beginning seen.
        """
        hits: set[Hit] = set()
        for at in range(0, len(data), BLOCK):
            block = data[at : at + BLOCK + OVERLAP]
            digest = hash(block)
            if digest not in self._clean:
                found = self.in_bytes(block, place)
                hits |= found
                if not found:
                    self._clean.add(digest)
        return hits

    def _found(self, data: bytes | mmap.mmap) -> Iterator[Needle]:
        whole = len(data) // WORD * WORD
        for at in range(0, whole, BLOCK):
            end = min(at + BLOCK, whole)
            with memoryview(data)[at:end] as aligned, aligned.cast("Q") as words:
                present = self._words.intersection(words)
            for needle in set().union(*(self._by_word[word] for word in present)):
                reach = len(needle.run)
                if data.find(needle.run, max(0, at - reach), end + reach) >= 0:
                    yield needle


_ZIP_ENTRY = b"PK\3\4"
_STREAMS: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b\x08": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    **{b"x" + flags: zlib.decompressobj for flags in (b"\x01", b"\x5e", b"\x9c", b"\xda")},
    _ZIP_ENTRY: lambda: zlib.decompressobj(-zlib.MAX_WBITS),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}


def _streams(data: bytes | mmap.mmap) -> Iterator[tuple[int, bytes]]:
    """Yield where a compressed stream starts, and what comes out of it, even if it breaks off."""
    for magic, make in _STREAMS.items():
        for match in re.finditer(re.escape(magic), data):
            at = match.start()
            start = _content_of_entry(data, at) if magic == _ZIP_ENTRY else at
            content = _decompress(make(), data, start)
            if content:
                yield at, content


def _content_of_entry(data: bytes | mmap.mmap, at: int) -> int:
    """Return where the content of a zip's entry starts (APPNOTE.TXT 6.3, section 4.3.7)."""
    header = data[at : at + _ZIP_HEADER.size].ljust(_ZIP_HEADER.size, b"\0")
    _, name_length, extra_length = _ZIP_HEADER.unpack(header)
    return at + _ZIP_HEADER.size + int(name_length) + int(extra_length)


def _decompress(decompressor: _Decompressor, data: bytes | mmap.mmap, start: int) -> bytes:
    content = bytearray()
    for at in range(start, len(data), _PIECE):
        try:
            content += decompressor.decompress(data[at : at + _PIECE])
        except (zlib.error, lzma.LZMAError, OSError, EOFError):
            break
        if len(content) > MAX_UNPACKED:
            raise Incomplete(f"a stream at {start} is longer than {MAX_UNPACKED} bytes")
        if decompressor.eof:
            break
    return bytes(content)


def report(hits: Iterable[Hit]) -> str:
    """Return one line for each hit."""
    return "\n".join(map(str, sorted(hits)))
