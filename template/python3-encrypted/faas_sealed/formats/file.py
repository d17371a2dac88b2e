"""The sealed file: three lines of text, signed, then ciphertext.

faas-seal/v1 LF
header LF          canonical JSON
signature LF       base64 Ed25519 over the two lines above
ciphertext         to the end of the file
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from faas_sealed.formats.encoding import (
    MAX_INTEGER,
    base64_decode,
    base64_encode,
    json_decode,
    json_encode,
)
from faas_sealed.formats.errors import FunctionExpired, MalformedFile, UnknownKey, WrongSignature
from faas_sealed.formats.keys import HPKE_PUBLIC_KEY_BYTES, author_public, key_id
from faas_sealed.formats.primitives import (
    ID_BYTES,
    KEY_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    aead_open,
    aead_seal,
    context,
    hkdf,
)

MAGIC = b"faas-seal/v1"
MAX_HEADER_BYTES = 2**20
MAX_SLOTS = 256
SIGNATURE_BYTES = 64
WRAPPED_BYTES = KEY_BYTES + TAG_BYTES
GRANT_BYTES = 1120 + KEY_BYTES + TAG_BYTES

_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LIBRARY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ID = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}")


@dataclass(frozen=True)
class Grant:
    """A function key sealed to the identity `id` (16 hexadecimal digits)."""

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
class Recipient:
    """Who shall open a sealed file: a function key (32 bytes), until when, and whose it is."""

    function_key: bytes = field(repr=False)
    expires: int | None = None
    to: Grant | None = None


@dataclass(frozen=True)
class Header:
    """What a sealed file says of itself, in clear and signed. Times are in seconds."""

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


@dataclass(frozen=True)
class SealedFile:
    """A sealed file whose signature has been verified."""

    header: Header
    lines: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    def serialise(self) -> bytes:
        return self.lines + self.ciphertext

    def content_key(self, function_key: bytes, now: float) -> bytes:
        """Return the content key (32 bytes) that `function_key` unwraps at the time `now`.

        Raises FunctionExpired, or UnknownKey for any reason why the key does not open
        this file. The commitment is compared before anything is decrypted with the
        content key, so that no two keys open one file to two programs.
        """
        if self.header.expires is not None and now >= self.header.expires:
            raise FunctionExpired
        wanted = key_id(function_key)
        for slot in self.header.slots:
            if slot.id == wanted:
                break
        else:
            raise UnknownKey
        if slot.expires is not None and now >= slot.expires:
            raise UnknownKey
        try:
            key = aead_open(
                hkdf(function_key, b"slot", salt=slot.salt), slot.wrapped, self.header.context
            )
        except ValueError:
            raise UnknownKey from None
        if not hmac.compare_digest(hkdf(key, b"commit"), self.header.commit):
            raise UnknownKey
        return key

    def bundle(self, content_key: bytes) -> bytes:
        """Decrypt the bundle, or raise MalformedFile."""
        try:
            return aead_open(hkdf(content_key, b"payload"), self.ciphertext, self.header.context)
        except ValueError as error:
            raise MalformedFile(str(error)) from None


def seal(
    bundle: bytes,
    *,
    function: str,
    seed: bytes,
    recipients: Iterable[Recipient],
    created: int,
    expires: int | None = None,
    transport: bytes | None = None,
    preload: Iterable[str] = (),
) -> SealedFile:
    """Encrypt `bundle` under a new content key for all `recipients`, and sign it.

    `seed` is the author's signing seed (32 bytes), `transport` the function's transport
    public key (1,216 bytes), `preload` the names of libraries to import before a request
    arrives. Raises MalformedFile for what the format does not allow.
    """
    author = author_public(seed)
    content_key = os.urandom(KEY_BYTES)
    aad = context(function, author)
    ciphertext = aead_seal(hkdf(content_key, b"payload"), bundle, aad)
    header = Header(
        function=function,
        author=author,
        created=created,
        expires=expires,
        transport=transport,
        preload=tuple(sorted(set(preload))),
        commit=hkdf(content_key, b"commit"),
        length=len(ciphertext),
        sha256=hashlib.sha256(ciphertext).digest(),
        slots=tuple(
            sorted((_wrap(content_key, aad, r) for r in recipients), key=lambda slot: slot.id)
        ),
    )
    signed = MAGIC + b"\n" + _serialise_header(header) + b"\n"
    signature = SigningKey(seed).sign(signed).signature
    data = signed + base64_encode(signature).encode("ascii") + b"\n" + ciphertext
    return verify(data, author)


def _wrap(content_key: bytes, aad: bytes, recipient: Recipient) -> Slot:
    salt = os.urandom(SALT_BYTES)
    wrapping_key = hkdf(recipient.function_key, b"slot", salt=salt)
    return Slot(
        id=key_id(recipient.function_key),
        salt=salt,
        wrapped=aead_seal(wrapping_key, content_key, aad),
        expires=recipient.expires,
        to=recipient.to,
    )


def verify(data: bytes, author: bytes) -> SealedFile:
    """Return the sealed file in `data` if `author` (public key, 32 bytes) signed it.

    The signature is verified before the header is parsed. Raises WrongSignature for
    another author or an altered header or ciphertext, MalformedFile for another form.
    """
    magic, header_line, signature_line, ciphertext = _split(data)
    if magic != MAGIC:
        raise MalformedFile("this is not a sealed file: its first line is not faas-seal/v1")
    signed = magic + b"\n" + header_line + b"\n"
    try:
        signature = base64_decode(signature_line.decode("ascii"))
        if len(signature) != SIGNATURE_BYTES:
            raise ValueError
    except ValueError:
        raise MalformedFile("the signature is malformed") from None
    try:
        VerifyKey(author).verify(signed, signature)
    except BadSignatureError:
        raise WrongSignature("the file is altered, or signed by another author") from None
    try:
        header = _parse_header(header_line)
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedFile(f"the header is malformed: {error}") from None
    if header.author != author:
        raise WrongSignature("the header names another author than the one who signed it")
    if header.length != len(ciphertext):
        raise WrongSignature(f"the ciphertext is {len(ciphertext)} bytes, expected {header.length}")
    if header.sha256 != hashlib.sha256(ciphertext).digest():
        raise WrongSignature("the ciphertext is altered")
    return SealedFile(header, signed + signature_line + b"\n", ciphertext)


def claimed_author(data: bytes) -> bytes:
    """Return the public key that a sealed file names as its author's. Nothing is verified."""
    try:
        return _fixed(json_decode(_split(data)[1])["author"], KEY_BYTES, "author")
    except (KeyError, TypeError, ValueError):
        raise MalformedFile("the header is malformed") from None


def _split(data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    end_of_magic = data.find(b"\n", 0, len(MAGIC) + 1)
    end_of_header = data.find(b"\n", end_of_magic + 1, end_of_magic + MAX_HEADER_BYTES + 2)
    end_of_signature = data.find(b"\n", end_of_header + 1, end_of_header + 2 * SIGNATURE_BYTES)
    if not 0 <= end_of_magic < end_of_header < end_of_signature:
        raise MalformedFile("this is not a sealed file: it does not begin with its three lines")
    return (
        data[:end_of_magic],
        data[end_of_magic + 1 : end_of_header],
        data[end_of_header + 1 : end_of_signature],
        data[end_of_signature + 1 :],
    )


# The header's JSON. Members that are named here, all of them, and no others.


def _serialise_header(header: Header) -> bytes:
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
                    "to": slot.to and {"id": slot.to.id, "sealed": base64_encode(slot.to.sealed)},
                    "wrapped": base64_encode(slot.wrapped),
                }
                for slot in header.slots
            ],
            "transport": header.transport and base64_encode(header.transport),
        }
    )
    if len(line) > MAX_HEADER_BYTES:
        raise MalformedFile(f"the header is {len(line)} bytes, at most {MAX_HEADER_BYTES}")
    return line


def _parse_header(line: bytes) -> Header:
    members = _members(
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
        function=_text(members["function"], _DNS_LABEL, "function"),
        author=_fixed(members["author"], KEY_BYTES, "author"),
        created=_integer(members["created"], "created"),
        expires=_time(members["expires"]),
        transport=None
        if transport is None
        else _fixed(transport, HPKE_PUBLIC_KEY_BYTES, "transport"),
        preload=preload,
        commit=_fixed(members["commit"], KEY_BYTES, "commit"),
        length=_integer(members["length"], "length"),
        sha256=_fixed(members["sha256"], 32, "sha256"),
        slots=slots,
    )


def _parse_slot(value: object) -> Slot:
    members = _members(value, "expires id salt to wrapped")
    to = members["to"]
    return Slot(
        id=_text(members["id"], _ID, "id"),
        salt=_fixed(members["salt"], SALT_BYTES, "salt"),
        wrapped=_fixed(members["wrapped"], WRAPPED_BYTES, "wrapped"),
        expires=_time(members["expires"]),
        to=None if to is None else _parse_grant(to),
    )


def _parse_grant(value: object) -> Grant:
    members = _members(value, "id sealed")
    return Grant(
        id=_text(members["id"], _ID, "id"),
        sealed=_fixed(members["sealed"], GRANT_BYTES, "sealed"),
    )


def _members(value: object, names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or sorted(value) != names.split():
        raise ValueError(f"expected exactly the members {names}")
    return value


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is not a list")
    return value


def _text(value: object, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} has the wrong form")
    return value


def _fixed(value: object, length: int, name: str) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a string")
    data = base64_decode(value)
    if len(data) != length:
        raise ValueError(f"{name} is {len(data)} bytes, expected {length}")
    return data


def _integer(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise ValueError(f"{name} is not an integer from 0 to {MAX_INTEGER}")
    return value


def _time(value: object) -> int | None:
    return None if value is None else _integer(value, "expires")


def _increasing(names: Iterable[str], name: str) -> None:
    if sorted(set(names)) != list(names):
        raise ValueError(f"{name} are not sorted, or one is there twice")
