"""The bundle: a folder's files as one zip, and back.

The reader takes a strict subset of the zip format (APPNOTE.TXT 6.3): files only,
stored or deflated, in the order of the directory and with nothing between them, no
extra fields, comments, data descriptors, encryption or zip64. What a zip says of its
sizes is never believed: the bounds hold while unpacking.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from faas_sealed.formats.errors import MalformedBundle

MAX_ENTRIES = 4096
MAX_BYTES = 64 * 2**20
MAX_NAME_BYTES = 255

_END = struct.Struct("<4s4H2LH")
_DIRECTORY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_UTF8 = 0x800
_STORED, _DEFLATED = 0, 8


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
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            _check_name(name)
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return output.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of a bundle by name, or raise MalformedBundle."""
    try:
        return _unpack(data)
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise MalformedBundle(f"the bundle is not a zip of the allowed form: {error}") from None


def _unpack(data: bytes) -> dict[str, bytes]:
    end_at = len(data) - _END.size
    if end_at < 0:
        raise MalformedBundle("the bundle is too short to be a zip")
    magic, disk, start_disk, here, total, size, directory_at, comment = _END.unpack_from(
        data, end_at
    )
    if magic != b"PK\5\6" or disk or start_disk or here != total or comment:
        raise MalformedBundle("the bundle does not end as a zip does")
    if total > MAX_ENTRIES or directory_at + size != end_at:
        raise MalformedBundle("the bundle's directory has the wrong size")
    files: dict[str, bytes] = {}
    at, local_at, room = directory_at, 0, MAX_BYTES
    for _ in range(total):
        fields = _DIRECTORY.unpack_from(data, at)
        flags, method, crc, packed, unpacked, name_length = (
            fields[3],
            fields[4],
            *fields[7:11],
        )
        raw_name = data[at + _DIRECTORY.size : at + _DIRECTORY.size + name_length]
        if (
            fields[0] != b"PK\1\2"
            or flags & ~_UTF8
            or any(fields[11:14])  # extra field, comment, disk
            or fields[16] != local_at
        ):
            raise MalformedBundle("an entry of the bundle has a form that is not allowed")
        name = raw_name.decode("utf-8" if flags & _UTF8 else "ascii")
        _check_name(name)
        if name in files:
            raise MalformedBundle("the bundle has one name twice")
        content_at = _check_local(data, local_at, fields, raw_name)
        content_end = content_at + packed
        if content_end > directory_at or unpacked > room:
            raise MalformedBundle("the bundle's entries are larger than the format allows")
        content = _inflate(data[content_at:content_end], method, unpacked)
        if zlib.crc32(content) != crc:
            raise MalformedBundle("an entry of the bundle does not match its checksum")
        files[name] = content
        room -= unpacked
        local_at = content_end
        at += _DIRECTORY.size + name_length
    if local_at != directory_at or at != end_at:
        raise MalformedBundle("the bundle has bytes that belong to no entry")
    return files


def _check_local(data: bytes, at: int, directory: tuple[int, ...], raw_name: bytes) -> int:
    """Compare an entry's own header with the directory; return where its content starts."""
    fields = _LOCAL.unpack_from(data, at)
    name_at = at + _LOCAL.size
    if (
        fields[0] != b"PK\3\4"
        or fields[1:10] != directory[2:11]
        or fields[10] != 0
        or data[name_at : name_at + len(raw_name)] != raw_name
    ):
        raise MalformedBundle("an entry of the bundle differs from the directory")
    return name_at + len(raw_name)


def _inflate(content: bytes, method: int, size: int) -> bytes:
    if method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflater.decompress(content, size + 1)
        if not inflater.eof or inflater.unused_data:
            raise MalformedBundle("an entry of the bundle is longer than it says")
    elif method != _STORED:
        raise MalformedBundle("an entry of the bundle is neither stored nor deflated")
    if len(content) != size:
        raise MalformedBundle(f"an entry of the bundle is not the {size} bytes it says")
    return content


def _check_name(name: str) -> None:
    if len(name.encode()) > MAX_NAME_BYTES:
        raise MalformedBundle(f"a name is longer than {MAX_NAME_BYTES} bytes")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise MalformedBundle(f"a name is not relative and plain: {name!r}")
    if "\\" in name or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        raise MalformedBundle(f"a name has a backslash or a control character: {name!r}")
