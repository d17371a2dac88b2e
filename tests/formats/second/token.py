"""Key tokens, and the requests that they are bound to."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from tests.formats.second import hpke
from tests.formats.second.header import TOKEN, read_json
from tests.formats.second.suite import Refused, context
from tests.formats.second.text import base64_decode


def read_token(text: str, seed: bytes, function: str, author: bytes) -> dict[str, Any]:
    """Return the members of a key token, as they stand in its JSON."""
    sealed = base64_decode(text[5:]) if text[:5] == "fsx1_" else None
    info = b"faas-seal/v1 token\0" + context(function, author)
    plaintext = None if sealed is None else hpke.open_sealed(seed, sealed, info)
    if plaintext is None:
        raise Refused("malformed-key")
    try:
        token: dict[str, Any] = read_json(plaintext)
    except Refused:
        raise Refused("malformed-key") from None
    if not TOKEN(token):
        raise Refused("malformed-key")
    if token["bind"] is None and (token["resume"], token["session"]) != (None, None):
        raise Refused("malformed-key")
    return token


def check_time(exp: int, bound: bool, now: float) -> None:
    """Judge `exp` of a key token or resumed token."""
    if exp - now > (7 if bound else 366) * 86_400 + 60:
        raise Refused("malformed-key")
    if now - exp >= 60:
        raise Refused("expired-token")


def token_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def decode_path(sent: str) -> str:
    """Return the path of a request, decoded once, without the forms that may not be."""
    if not re.fullmatch(r"(/([!-$&-~]|%[0-9A-Fa-f]{2})*)?", sent):
        raise Refused("token-mismatch")
    raw = re.sub(r"%(..)|(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], sent or "/")
    try:
        path = raw.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Refused("token-mismatch") from None
    if re.search(r"[\x00-\x1f\x7f-\x9f%?#]|//|/\.{1,2}(/|\Z)", path):
        raise Refused("token-mismatch")
    return path


def binding(method: str, path: str, query: bytes, body: bytes) -> bytes:
    if any(byte <= 0x20 or byte >= 0x7F or byte == 0x23 for byte in query):
        raise Refused("token-mismatch")
    digest = hashlib.sha256(b"faas-seal/v1 binding\n")
    for part in (method.encode(), path.encode(), query):
        digest.update(part)
        digest.update(b"\x0a")
    digest.update(hashlib.sha256(body).digest())
    return digest.digest()
