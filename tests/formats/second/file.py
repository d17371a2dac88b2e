"""Sealed files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.formats.second import hpke
from tests.formats.second.header import HEADER, read_json
from tests.formats.second.suite import Refused, aead_open, context, hkdf
from tests.formats.second.text import base64_decode


@dataclass(frozen=True)
class Opened:
    """A sealed file, opened, and what was computed on the way."""

    header: dict[str, Any]
    key_id: str
    wrapping_key: bytes
    content_key: bytes
    payload_key: bytes
    bundle: bytes


def read_file(data: bytes, author: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a sealed file and its ciphertext."""
    header, ciphertext = _read_header(data, author)
    digest = base64_decode(header["sha256"])
    if header["length"] != len(ciphertext) or digest != hashlib.sha256(ciphertext).digest():
        raise Refused("wrong-signature")
    return header, ciphertext


def _read_header(data: bytes, author: bytes) -> tuple[dict[str, Any], bytes]:
    lines = data.split(b"\n", 3)
    if len(lines) != 4 or lines[0] != b"faas-seal/v1" or len(lines[1]) > 1_048_576:
        raise Refused("malformed-file")
    signature = base64_decode(lines[2].decode("latin-1"))
    if signature is None or len(signature) != 64:
        raise Refused("malformed-file")
    try:
        Ed25519PublicKey.from_public_bytes(author).verify(signature, b"%s\n%s\n" % (*lines[:2],))
    except InvalidSignature:
        raise Refused("wrong-signature") from None
    header = read_json(lines[1])
    if not HEADER(header):
        raise Refused("malformed-file")
    if base64_decode(header["author"]) != author:
        raise Refused("wrong-signature")
    return header, lines[3]


def read_lines(data: bytes, author: bytes) -> dict[str, Any]:
    """Return the header in three lines that no ciphertext follows."""
    header, rest = _read_header(data, author)
    if rest:
        raise Refused("malformed-file")
    return header


def granted_key(header: dict[str, Any], identity: bytes, now: int) -> bytes:
    """Return the function key in the first slot for the identity with this seed."""
    name = hashlib.sha256(hpke.public(identity)).digest()[:16].hex()
    slots = [slot for slot in header["slots"] if slot["to"] and slot["to"]["id"] == name]
    slots = [slot for slot in slots if slot["expires"] is None or slot["expires"] > now]
    info = b"faas-seal/v1 grant\0"
    info += context(header["function"], base64_decode(header["author"]) or b"")
    for slot in slots[:1]:
        key = hpke.open_sealed(identity, base64_decode(slot["to"]["sealed"]) or b"", info)
        if key is not None and hkdf(key, "key id", length=8).hex() == slot["id"]:
            return key
    raise Refused("unknown-key")


def open_file(data: bytes, author: bytes, key: bytes, now: int) -> Opened:
    header, ciphertext = read_file(data, author)
    if header["expires"] is not None and header["expires"] <= now:
        raise Refused("function-expired")
    aad = context(header["function"], author)
    key_id = hkdf(key, "key id", length=8).hex()
    slots = {slot["id"]: slot for slot in header["slots"]}
    slot = slots.get(key_id)
    if slot is None or (slot["expires"] is not None and slot["expires"] <= now):
        raise Refused("unknown-key")
    wrapping_key = hkdf(key, "slot", base64_decode(slot["salt"]) or b"")
    content_key = aead_open(wrapping_key, base64_decode(slot["wrapped"]) or b"", aad)
    if content_key is None or base64_decode(header["commit"]) != hkdf(content_key, "commit"):
        raise Refused("unknown-key")
    payload_key = hkdf(content_key, "payload")
    bundle = aead_open(payload_key, ciphertext, aad)
    if bundle is None:
        raise Refused("malformed-file")
    return Opened(header, key_id, wrapping_key, content_key, payload_key, bundle)
