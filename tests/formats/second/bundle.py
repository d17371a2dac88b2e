"""Bundles."""

from __future__ import annotations

import re
import struct
import zlib

from tests.formats.second.suite import Refused


def read_bundle(data: bytes) -> dict[str, bytes]:
    """Read the entries from the front; the rest must be the directory that they imply."""
    files: dict[str, bytes] = {}
    directory = b""
    at, left = 0, 64 * 1024 * 1024
    rest = _directory_at(data)
    while at < rest:
        local = data[at : at + 30]
        if local[:4] != b"PK\x03\x04" or len(local) < 30:
            raise Refused("malformed-bundle")
        flags, method = struct.unpack("<HH", local[6:10])
        crc, packed, size, name_length, extra = struct.unpack("<IIIHH", local[14:30])
        raw_name = data[at + 30 : at + 30 + name_length]
        start = at + 30 + name_length
        content = data[start : start + packed]
        if flags not in (0, 0x800) or extra or start + packed > rest or size > left:
            raise Refused("malformed-bundle")
        name = _file_name(raw_name, flags)
        if name in files:
            raise Refused("malformed-bundle")
        files[name] = _content(content, method, size)
        if zlib.crc32(files[name]) != crc:
            raise Refused("malformed-bundle")
        place = rest + len(directory)
        directory += b"PK\x01\x02" + data[place + 4 : place + 6] + local[4:30] + bytes(4)
        directory += data[place + 36 : place + 38] + b"\x00\x00\xa4\x81" + at.to_bytes(4, "little")
        directory += raw_name
        left -= size
        at = start + packed
    count = struct.pack("<HH", len(files), len(files)) if len(files) <= 4096 else b""
    end = b"PK\x05\x06" + bytes(4) + count + struct.pack("<II", len(directory), rest) + bytes(2)
    folders = {name[:at] for name in files for at, c in enumerate(name) if c == "/"}
    if at != rest or data[rest:] != directory + end or folders & set(files):
        raise Refused("malformed-bundle")
    return files


def _directory_at(data: bytes) -> int:
    if len(data) < 22 or int.from_bytes(data[-12:-10], "little") > 4096:
        raise Refused("malformed-bundle")
    return int.from_bytes(data[-6:-2], "little")


def _file_name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags else "ascii")
    except UnicodeDecodeError:
        raise Refused("malformed-bundle") from None
    forbidden = re.search(r"[\x00-\x1f\x7f-\x9f\\]|^/|//|/$|^$|(^|/)\.\.?(/|$)", name)
    if forbidden or len(raw) > 255:
        raise Refused("malformed-bundle")
    return name


def _content(content: bytes, method: int, size: int) -> bytes:
    if method == 8:
        inflater = zlib.decompressobj(-15)
        try:
            content = inflater.decompress(content, size + 1)
        except zlib.error:
            raise Refused("malformed-bundle") from None
        if not inflater.eof or inflater.unused_data:
            raise Refused("malformed-bundle")
    if method not in (0, 8) or len(content) != size:
        raise Refused("malformed-bundle")
    return content
