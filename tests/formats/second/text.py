"""Base64, text forms of keys, and sealed traces."""

from __future__ import annotations

import hashlib

from tests.formats.second.suite import Refused, context, hkdf, salted_open

LENGTHS = {
    "fsk1_": 32,
    "fsa1_": 32,
    "fsap1_": 32,
    "fst1_": 32,
    "fstp1_": 1216,
    "fsi1_": 32,
    "fss1_": 32,
    "fsip1_": 1216,
}

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def base64_decode(text: str) -> bytes | None:
    if len(text) % 4 == 1 or any(character not in BASE64 for character in text):
        return None
    bits = "".join(f"{BASE64.index(character):06b}" for character in text)
    whole = len(bits) // 8 * 8
    if "1" in bits[whole:]:
        return None
    return int(bits[:whole] or "0", 2).to_bytes(whole // 8, "big")


def base64_encode(data: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 6)
    return "".join(BASE64[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


def parse_key(prefix: str, text: str) -> bytes:
    data = base64_decode(text[len(prefix) :]) if text.startswith(prefix) else None
    if data is None or len(data) != LENGTHS[prefix] + 4:
        raise Refused("malformed-key")
    key = data[:-4]
    if data[-4:] != hashlib.sha256(prefix.encode() + key).digest()[:4]:
        raise Refused("malformed-key")
    return key


def key_text(prefix: str, key: bytes) -> str:
    checksum = hashlib.sha256(prefix.encode() + key).digest()[:4]
    return prefix + base64_encode(key + checksum)


def read_trace(text: str, content_key: bytes, function: str, author: bytes) -> str:
    data = base64_decode(text[5:]) if text.startswith("fse1_") else None
    if data is None or not 40 <= len(data) <= 40 + 16384:
        raise Refused("malformed-trace")
    trace = salted_open(content_key, "trace", data[8:], context(function, author))
    if trace is None or data[:8] != hkdf(content_key, "commit")[:8]:
        raise Refused("malformed-trace")
    try:
        return trace.decode()
    except UnicodeDecodeError:
        raise Refused("malformed-trace") from None
