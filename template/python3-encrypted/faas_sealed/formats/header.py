"""The header of a sealed file: canonical JSON with exactly the members named here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from faas_sealed.formats.encoding import (
    base64_encode,
    json_decode,
    json_encode,
    read_fixed,
    read_integer,
    read_members,
)
from faas_sealed.formats.errors import MalformedFile
from faas_sealed.formats.hpke import OVERHEAD_BYTES
from faas_sealed.formats.keys import HPKE_PUBLIC_KEY_BYTES, IDENTITY_ID_BYTES
from faas_sealed.formats.primitives import ID_BYTES, KEY_BYTES, SALT_BYTES, TAG_BYTES, context

MAX_HEADER_BYTES = 2**20
MAX_SLOTS = 256
WRAPPED_BYTES = KEY_BYTES + TAG_BYTES
GRANT_BYTES = OVERHEAD_BYTES + KEY_BYTES

FUNCTION_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LIBRARY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
KEY_ID = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")
IDENTITY_ID = re.compile(rf"[0-9a-f]{{{2 * IDENTITY_ID_BYTES}}}")


@dataclass(frozen=True)
class Grant:
    """A function key sealed to the identity `id` (32 hexadecimal digits)."""

    id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class Slot:
    """The content key, wrapped for one function key.

    `expires` is in seconds since the epoch, or None.
    """

    id: str
    salt: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)
    expires: int | None = None
    to: Grant | None = None


@dataclass(frozen=True)
class Header:
    """A sealed file's description of itself, in clear and signed. Times are in seconds."""

    function: str
    author: bytes
    created: int
    expires: int | None
    transport: bytes | None = field(repr=False)
    preload: tuple[str, ...]
    commit: bytes = field(repr=False)
    length: int
    sha256: bytes = field(repr=False)
    slots: tuple[Slot, ...]

    @property
    def content_id(self) -> str:
        """The name of this content for people: 16 hexadecimal digits."""
        return self.commit[:ID_BYTES].hex()

    @property
    def context(self) -> bytes:
        return context(self.function, self.author)


def serialise_header(header: Header) -> bytes:
    """Return the header's line, without its line feed, or raise MalformedFile if it is too long."""
    line = json_encode(
        {
            "author": base64_encode(header.author),
            "commit": base64_encode(header.commit),
            "created": header.created,
            "expires": header.expires,
            "function": header.function,
            "length": header.length,
            "preload": list(header.preload),
            "sha256": base64_encode(header.sha256),
            "slots": [
                {
                    "expires": slot.expires,
                    "id": slot.id,
                    "salt": base64_encode(slot.salt),
                    "to": None
                    if slot.to is None
                    else {"id": slot.to.id, "sealed": base64_encode(slot.to.sealed)},
                    "wrapped": base64_encode(slot.wrapped),
                }
                for slot in header.slots
            ],
            "transport": None if header.transport is None else base64_encode(header.transport),
        }
    )
    if len(line) > MAX_HEADER_BYTES:
        raise MalformedFile(f"the header is {len(line)} bytes, at most {MAX_HEADER_BYTES}")
    return line


def parse_header(line: bytes) -> Header:
    """Return the header in `line`, which ends before its line feed, or raise MalformedFile."""
    try:
        return _parse(line)
    except ValueError as error:
        raise MalformedFile(f"the header is malformed: {error}") from None


def _parse(line: bytes) -> Header:
    members = read_members(
        json_decode(line),
        "author commit created expires function length preload sha256 slots transport",
    )
    slots = tuple(_parse_slot(value) for value in _list(members["slots"], "slots"))
    if not 1 <= len(slots) <= MAX_SLOTS:
        raise ValueError(f"{len(slots)} slots, expected 1 to {MAX_SLOTS}")
    _increasing([slot.id for slot in slots], "slots")
    preload = tuple(
        _text(value, _LIBRARY, "preload") for value in _list(members["preload"], "preload")
    )
    _increasing(preload, "preload")
    transport = members["transport"]
    return Header(
        function=_text(members["function"], FUNCTION_NAME, "function"),
        author=read_fixed(members["author"], KEY_BYTES, "author"),
        created=read_integer(members["created"], "created"),
        expires=_time(members["expires"]),
        transport=None
        if transport is None
        else read_fixed(transport, HPKE_PUBLIC_KEY_BYTES, "transport"),
        preload=preload,
        commit=read_fixed(members["commit"], KEY_BYTES, "commit"),
        length=read_integer(members["length"], "length"),
        sha256=read_fixed(members["sha256"], 32, "sha256"),
        slots=slots,
    )


def _parse_slot(value: object) -> Slot:
    members = read_members(value, "expires id salt to wrapped")
    to = members["to"]
    return Slot(
        id=_text(members["id"], KEY_ID, "id"),
        salt=read_fixed(members["salt"], SALT_BYTES, "salt"),
        wrapped=read_fixed(members["wrapped"], WRAPPED_BYTES, "wrapped"),
        expires=_time(members["expires"]),
        to=None if to is None else _parse_grant(to),
    )


def _parse_grant(value: object) -> Grant:
    members = read_members(value, "id sealed")
    return Grant(
        id=_text(members["id"], IDENTITY_ID, "id"),
        sealed=read_fixed(members["sealed"], GRANT_BYTES, "sealed"),
    )


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is not a list")
    return value


def _text(value: object, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} has the wrong form")
    return value


def _time(value: object) -> int | None:
    return None if value is None else read_integer(value, "expires")


def _increasing(names: Iterable[str], name: str) -> None:
    if sorted(set(names)) != list(names):
        raise ValueError(f"{name} are not sorted, or one is there twice")
