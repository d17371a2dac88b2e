"""The search of tars as streams, with the tars in them: an image, its layers, their files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable
from typing import IO, BinaryIO, Protocol, cast

from faas_seal.scan.compressed import MAX_UNPACKED, ZSTANDARD, Incomplete
from faas_seal.scan.findings import Findings
from faas_seal.scan.search import Search

# The first bytes of a file, which tell its kind.
HEAD = 512
_TAR_MAGIC_AT = 257
_COMPRESSED: dict[re.Pattern[bytes], Callable[[IO[bytes]], IO[bytes]]] = {
    re.compile(rb"\x1f\x8b\x08"): lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    re.compile(rb"BZh[1-9]1AY&SY"): lambda file: cast(IO[bytes], bz2.BZ2File(file)),
    re.compile(rb"\xfd7zXZ\0"): lambda file: cast(IO[bytes], lzma.LZMAFile(file)),  # noqa: SIM115
}
_BROKEN = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError)
# A larger piece would be copied again for every 512-byte header; a smaller one would mean too
# many reads.
_PIECE = 2**14


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Source:
    """A file that tarfile reads, whose last bytes can be read again."""

    def __init__(self, file: _Readable, advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance
        self._read = 0
        self._last = b""

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(size)
        self._read += len(piece)
        self._last = self._last[-2 * HEAD :] + piece
        self._advance(len(piece))
        return piece

    def rest(self, start: int) -> bytes:
        """Return everything from `start` on, whether tarfile has just read it or not."""
        last = self._last[len(self._last) - (self._read - start) :]
        return last + self._file.read(MAX_UNPACKED)


def in_stream(search: Search, file: BinaryIO, place: str, findings: Findings) -> None:
    """Search a seekable file. If it is a tar, compressed or not, search the files in it."""
    head = file.read(HEAD)
    file.seek(0)
    if is_tar(head):
        in_tar(search, file, place, findings)
        return
    whole = True
    if (opened := _opened(head, file)) is not None:
        if _begins_tar(opened):
            in_tar(search, opened, place, findings)
            return
        whole = _is_whole(opened)
    file.seek(0)
    content = file.read(MAX_UNPACKED + 1)
    if len(content) > MAX_UNPACKED:
        raise Incomplete(f"{place} is longer than {MAX_UNPACKED} bytes")
    findings.hits |= search.in_bytes(content, place)
    if not whole:
        raise Incomplete(f"{place} is damaged or cut off: it does not unpack to its end")
    if head.startswith(ZSTANDARD):
        raise Incomplete(
            f"{place} is compressed with Zstandard, which is not known here",
            hint="unpack it first: zstd -d",
        )


def in_tar(
    search: Search,
    file: _Readable,
    place: str,
    findings: Findings,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Search names and contents in a tar that can be read only once, from its start.

    Raises Incomplete if it breaks off.
    """
    source = _Source(file, advance)
    try:
        # In this mode tarfile needs only `read`.
        stream = cast(IO[bytes], source)
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_PIECE) as archive:
            for member in archive:
                _member(search, archive, member, f"{place} > {member.name}", findings)
            ended_at = archive.offset
        rest = source.rest(ended_at)
    except _BROKEN as error:
        raise Incomplete(f"{place} cannot be read as a tar: {error}") from None
    # tarfile takes a header that it cannot read for the end. POSIX ends a tar with zeros, and
    # a file can go on behind them.
    findings.hits |= search.in_bytes(rest, f"{place} > behind its last file")
    if len(rest) < HEAD or any(rest[:HEAD]):
        raise Incomplete(f"{place} cannot be read as a tar: it breaks off at byte {ended_at}")
    if len(rest) >= MAX_UNPACKED:
        raise Incomplete(f"{place} is longer than {MAX_UNPACKED} bytes behind its last file")


def _member(
    search: Search, archive: tarfile.TarFile, member: tarfile.TarInfo, place: str, found: Findings
) -> None:
    told = (member.name, member.linkname, member.uname, member.gname, *member.pax_headers.values())
    names = "\0".join(map(str, told)).encode("utf-8", "surrogateescape")
    found.hits |= search.in_bytes(names, f"the name of {place}")
    content = archive.extractfile(member) if member.isfile() else None
    if content is None:
        return
    head = cast(io.BufferedReader, content).peek(HEAD)[:HEAD]
    with found.noting(place):
        if is_tar(head):
            in_tar(search, content, place, found)
        elif member.size > MAX_UNPACKED:
            raise Incomplete(f"{place} is longer than {MAX_UNPACKED} bytes")
        else:
            in_stream(search, io.BytesIO(content.read()), place, found)


def is_tar(head: bytes) -> bool:
    return head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar"


def is_compressed(head: bytes) -> bool:
    return head.startswith(ZSTANDARD) or any(magic.match(head) for magic in _COMPRESSED)


def _opened(head: bytes, file: BinaryIO) -> IO[bytes] | None:
    """Return the content of a compressed file, or None for another file."""
    file.seek(0)
    return next((open_(file) for magic, open_ in _COMPRESSED.items() if magic.match(head)), None)


def _begins_tar(file: IO[bytes]) -> bool:
    try:
        head = file.read(HEAD)
        file.seek(0)
    except _BROKEN:
        return False
    return is_tar(head)


def _is_whole(file: IO[bytes]) -> bool:
    try:
        while file.read(2**20):
            pass
    except _BROKEN:
        return False
    return True
