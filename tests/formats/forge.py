"""Sealed files, tokens, tickets and zips made by hand, so that they can break any one rule.

Built on the second implementation, so that nothing here follows `faas_sealed`.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.formats.second import hpke
from tests.formats.second.suite import aead_seal, context, hkdf, salted_seal
from tests.formats.second.text import base64_encode
from tests.formats.second.ticket import confirmation

SEED = bytes(range(32))
CONTENT_KEY = bytes(range(32, 64))
FUNCTION_KEY = bytes(range(64, 96))
SALT = bytes(range(16))
TRANSPORT_SEED = bytes(range(96, 128))
IDENTITY_SEED = bytes(range(128, 160))
RESUME = bytes(range(224, 256))
RANDOM = bytes(range(32))
EXP = 1_800_000_000


def public(seed: bytes = SEED) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


@dataclass
class Draft:
    """A sealed file before it is signed. Change `header` or `ciphertext` at will."""

    bundle: bytes
    content_key: bytes = CONTENT_KEY
    function: str = "greet"
    seed: bytes = SEED
    header: dict[str, Any] = field(init=False)
    ciphertext: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.aad = context(self.function, public(self.seed))
        self.header = {
            "author": base64_encode(public(self.seed)),
            "commit": base64_encode(hkdf(self.content_key, "commit")),
            "created": 1_700_000_000,
            "expires": None,
            "function": self.function,
            "preload": [],
            "slots": [self.slot(FUNCTION_KEY)],
            "transport": None,
        }
        self.encrypt(self.aad)

    def encrypt(self, aad: bytes) -> None:
        self.set_ciphertext(aead_seal(hkdf(self.content_key, "payload"), self.bundle, aad))

    def set_ciphertext(self, ciphertext: bytes) -> None:
        self.ciphertext = ciphertext
        self.header["length"] = len(ciphertext)
        self.header["sha256"] = base64_encode(hashlib.sha256(ciphertext).digest())

    def slot(self, key: bytes, **changes: Any) -> dict[str, Any]:
        wrapped = aead_seal(hkdf(key, "slot", SALT), self.content_key, self.aad)
        return {
            "expires": None,
            "id": hkdf(key, "key id", length=8).hex(),
            "salt": base64_encode(SALT),
            "to": None,
            "wrapped": base64_encode(wrapped),
        } | changes

    def line(self) -> bytes:
        return json.dumps(self.header, sort_keys=True, separators=(",", ":")).encode()

    def file(self) -> bytes:
        return sign(self.line(), self.ciphertext, self.seed)


def grant(key: bytes = FUNCTION_KEY, seed: bytes = IDENTITY_SEED, info: bytes = b"") -> Any:
    """Return the `to` of a slot."""
    info = info or b"faas-seal/v1 grant\0" + context("greet", public())
    identity = hpke.public(seed)
    return {
        "id": hashlib.sha256(identity).digest()[:16].hex(),
        "sealed": base64_encode(hpke.seal(identity, key, info)),
    }


def token_line(**changes: Any) -> bytes:
    """Return the JSON of a key token, valid but for what `changes` replaces."""
    members = {"bind": None, "exp": EXP, "key": base64_encode(FUNCTION_KEY)}
    members |= {"resume": None, "session": None} | changes
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def token_text(line: bytes, seed: bytes = TRANSPORT_SEED, info: bytes = b"") -> str:
    """Seal any bytes as a key token."""
    info = info or b"faas-seal/v1 token\0" + context("greet", public())
    return "fsx1_" + base64_encode(hpke.seal(hpke.public(seed), line, info))


def ticket(
    key: bytes = FUNCTION_KEY,
    resume: bytes = RESUME,
    texp: int = EXP + 3600,
    seed: bytes = TRANSPORT_SEED,
    aad: bytes = b"",
) -> bytes:
    """Return a ticket, 104 bytes if `key` and `resume` have 32."""
    granted = key + resume + texp.to_bytes(8, "big")
    aad = aad or context("greet", public())
    return salted_seal(hkdf(seed, "ticket root"), "ticket", granted, aad, RANDOM)


def ticket_text(ticket: bytes, texp: int = EXP + 3600, resume: bytes = RESUME) -> str:
    """Return what `X-Function-Ticket` says of any bytes."""
    granted = texp.to_bytes(8, "big") + ticket
    return "fsxt1_" + base64_encode(granted + confirmation(resume, granted))


def resumed_content(
    flags: int = 0,
    bind: bytes = bytes(32),
    exp: int = EXP,
    session: bytes = bytes(32),
) -> bytes:
    return bytes([flags]) + bind + exp.to_bytes(8, "big") + session


def resumed_text(
    content: bytes, ticket: bytes, resume: bytes = RESUME, aad: bytes | None = None
) -> str:
    """Seal any bytes as a resumed token, with any ticket."""
    aad = context("greet", public()) + ticket if aad is None else aad
    return "fsxr1_" + base64_encode(ticket + salted_seal(resume, "resumed", content, aad, RANDOM))


def sign(header: bytes, ciphertext: bytes, seed: bytes = SEED) -> bytes:
    """Put a sealed file together around any header line."""
    signed = b"faas-seal/v1\n" + header + b"\n"
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signed)
    return signed + base64_encode(signature).encode() + b"\n" + ciphertext


@dataclass
class Entry:
    """One file of a zip. `both`, `local` and `directory` replace fields of its two headers."""

    name: str | bytes
    content: bytes = b""
    method: int = 8
    packed: bytes | None = None
    both: Mapping[str, int] = field(default_factory=dict)
    local: Mapping[str, int] = field(default_factory=dict)
    directory: Mapping[str, int] = field(default_factory=dict)
    local_name: bytes | None = None
    local_tail: bytes = b""
    directory_tail: bytes = b""
    before: bytes = b""
    after: bytes = b""


_LOCAL = {"needed": 2, "flags": 2, "method": 2, "time": 2, "date": 2, "crc": 4} | {
    "packed": 4,
    "size": 4,
    "name": 2,
    "extra": 2,
}
_DIRECTORY = {"by": 2} | _LOCAL | {"comment": 2, "disk": 2, "internal": 2, "external": 4, "at": 4}
_END = {"disk": 2, "first": 2, "here": 2, "total": 2, "size": 4, "at": 4, "comment": 2}


def zip_of(*entries: Entry, end: Mapping[str, int] | None = None) -> bytes:
    """Write a zip, valid but for what the entries and `end` replace."""
    body = directory = b""
    for entry in entries:
        name = entry.name if isinstance(entry.name, bytes) else entry.name.encode()
        packed = entry.packed
        if packed is None:
            packed = deflate(entry.content) if entry.method == 8 else entry.content
        body += entry.before
        fields = {
            "by": 0x0314,
            "needed": 20,
            "flags": 0 if name.isascii() else 0x800,
            "method": entry.method,
            "date": 33,
            "crc": zlib.crc32(entry.content),
            "packed": len(packed),
            "size": len(entry.content),
            "name": len(name),
            "external": 0o100644 << 16,
            "at": len(body),
        } | dict(entry.both)
        local_name = name if entry.local_name is None else entry.local_name
        body += b"PK\3\4" + _record(_LOCAL, fields | dict(entry.local)) + local_name
        body += entry.local_tail + packed + entry.after
        directory += b"PK\1\2" + _record(_DIRECTORY, fields | dict(entry.directory)) + name
        directory += entry.directory_tail
    fields = {"here": len(entries), "total": len(entries)}
    fields |= {"size": len(directory), "at": len(body)} | dict(end or {})
    return body + directory + b"PK\5\6" + _record(_END, fields)


def deflate(content: bytes, level: int = 9) -> bytes:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    return deflater.compress(content) + deflater.flush()


def _record(layout: Mapping[str, int], fields: Mapping[str, int]) -> bytes:
    letters = "".join({2: "H", 4: "L"}[size] for size in layout.values())
    return struct.pack(f"<{letters}", *(fields.get(name, 0) for name in layout))
