"""The bundle: a folder's files as one zip, and back.

The reader takes a strict subset of the zip format (APPNOTE.TXT 6.3): regular files
only, stored or deflated, in the order of the directory and with nothing between them,
no extra fields, comments, data descriptors, encryption or zip64. The reader never
believes the sizes that a zip states: it holds the bounds while it unpacks.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from itertools import pairwise

from faas_sealed.formats.errors import MalformedBundle

MAX_ENTRIES = 4096
MAX_BYTES = 64 * 2**20
MAX_NAME_BYTES = 255

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s4xHH4x3L4H2x2L")
_UTF8 = 0x800
_STORED, _DEFLATED = 0, 8
_UNIX = 3
_REGULAR_FILE = 0o100644 << 16


def pack(files: Mapping[str, bytes]) -> bytes:
    """Zip `files`, a mapping of relative names to contents.

    The same files give the same bytes, whatever their order. Raises MalformedBundle
    for a name or size that the format does not allow.
    """
    if len(files) > MAX_ENTRIES:
        raise MalformedBundle(f"{len(files)} files, at most {MAX_ENTRIES}")
    size = sum(map(len, files.values()))
    if size > MAX_BYTES:
        raise MalformedBundle(f"the files are {size} bytes, at most {MAX_BYTES}")
    for name in files:
        if fault := _name_fault(name):
            raise MalformedBundle(f"{fault}: {name!r}")
    _check_folders(files)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _REGULAR_FILE
            archive.writestr(entry, files[name])
    return output.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of a bundle by name, or raise MalformedBundle.

    The error's message repeats nothing of the bundle: the message may reach a log, and
    the bundle must not.
    """
    try:
        return _unpack(data)
    except (struct.error, zlib.error, UnicodeDecodeError):
        raise MalformedBundle("the bundle is damaged, or not a zip of the allowed form") from None


def _unpack(data: bytes) -> dict[str, bytes]:
    total, directory_at, end_at = _find_directory(data)
    files: dict[str, bytes] = {}
    at, local_at, room = directory_at, 0, MAX_BYTES
    for _ in range(total):
        magic, flags, method, crc, packed, size, name_length, *absent, attributes, offset = (
            _ENTRY.unpack_from(data, at)
        )
        name_at = at + _ENTRY.size
        raw_name = data[name_at : name_at + name_length]
        if magic != b"PK\1\2" or flags & ~_UTF8 or any(absent) or offset != local_at:
            raise MalformedBundle("an entry of the bundle has a form that is not allowed")
        if attributes != _REGULAR_FILE:
            raise MalformedBundle("an entry of the bundle is not a regular file")
        name = raw_name.decode("utf-8" if flags & _UTF8 else "ascii")
        if fault := _name_fault(name):
            raise MalformedBundle(fault)
        if name in files:
            raise MalformedBundle("the bundle has one name twice")
        # The entry's own header repeats the directory's fields from the third on.
        local = b"PK\3\4" + data[at + 6 : at + 32] + raw_name
        content_at = local_at + len(local)
        if data[local_at:content_at] != local:
            raise MalformedBundle("an entry of the bundle differs from the directory")
        content_end = content_at + packed
        if size > room:
            raise MalformedBundle("the bundle's entries are larger than the format allows")
        content = _inflate(data[content_at:content_end], method, size)
        if zlib.crc32(content) != crc:
            raise MalformedBundle("an entry of the bundle does not match its checksum")
        files[name] = content
        room -= size
        local_at = content_end
        at = name_at + name_length
    if local_at != directory_at or at != end_at:
        raise MalformedBundle("the bundle has bytes that belong to no entry")
    _check_folders(files)
    return files


def _find_directory(data: bytes) -> tuple[int, int, int]:
    """Return the number of entries, where the directory starts, and where it ends."""
    end_at = len(data) - _END.size
    if end_at < 0:
        raise MalformedBundle("the bundle is too short to be a zip")
    magic, disk, first_disk, here, total, size, directory_at, comment = _END.unpack_from(
        data, end_at
    )
    if magic != b"PK\5\6" or disk or first_disk or here != total or comment:
        raise MalformedBundle("the bundle does not end as a zip does")
    if total > MAX_ENTRIES or directory_at + size != end_at:
        raise MalformedBundle("the bundle's directory has the wrong size")
    return total, directory_at, end_at


def _inflate(content: bytes, method: int, size: int) -> bytes:
    if method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflater.decompress(content, size + 1)
        if not inflater.eof or inflater.unused_data:
            raise MalformedBundle("an entry of the bundle does not end where it says")
    elif method != _STORED:
        raise MalformedBundle("an entry of the bundle is neither stored nor deflated")
    if len(content) != size:
        raise MalformedBundle(f"an entry of the bundle is not the {size} bytes it says")
    return content


def _name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a file, without repeating it."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "a name is not Unicode text"
    if length > MAX_NAME_BYTES:
        return f"a name is longer than {MAX_NAME_BYTES} bytes"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "a name is not relative and plain"
    if "\\" in name or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        return "a name has a backslash or a control character"
    return None


def _check_folders(names: Iterable[str]) -> None:
    """Refuse a name that is a file and a folder at once."""
    # No name has a zero byte. With one in place of each "/", sorting puts the name of a
    # file right before the names in a folder of the same name.
    ordered = sorted(name.replace("/", "\0") for name in names)
    if any(after.startswith(f"{name}\0") for name, after in pairwise(ordered)):
        raise MalformedBundle("a name is a file and a folder at once")
