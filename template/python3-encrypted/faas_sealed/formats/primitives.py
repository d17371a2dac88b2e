"""The suite of version 1. Nothing in it is negotiable.

HKDF-SHA256 (RFC 5869), AES-256-GCM (NIST SP 800-38D) and Ed25519 (RFC 8032).
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
TAG_BYTES = 16
SALT_BYTES = 16
ID_BYTES = 8

LABEL = b"faas-seal/v1 "

# An AEAD key here encrypts exactly one message, so that a fixed nonce is never
# used twice with one key.
NONCE = bytes(12)


def context(function: str, author: bytes) -> bytes:
    """Return CTX: the function's name, a zero byte, and the author's public key (32 bytes).

    It binds whatever is sealed to one function of one author.
    """
    return function.encode("ascii") + b"\0" + author


def hkdf(key: bytes, info: bytes, *, salt: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """Derive `length` bytes from a key of 32 bytes, for the purpose `info` under our label."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"key is {len(key)} bytes, expected {KEY_BYTES}")
    derivation = HKDF(SHA256(), length, salt=salt or None, info=LABEL + info)
    return derivation.derive(key)


def aead_seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt the one message of `key`; the result ends with a tag of 16 bytes."""
    return AESGCM(key).encrypt(NONCE, plaintext, aad)


def aead_open(key: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """Decrypt what `aead_seal` wrote, or raise ValueError."""
    try:
        return AESGCM(key).decrypt(NONCE, ciphertext, aad)
    except (InvalidTag, ValueError):
        raise ValueError("wrong key or altered ciphertext") from None


def salted_seal(key: bytes, info: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt one of many messages of `key` (32 bytes), each under a key derived with a salt.

    The result is the salt (16 bytes), and then what `aead_seal` returns. With a fixed nonce, a
    salt that comes twice for two messages is fatal. Therefore it depends on the message, too: a
    machine that repeats its random numbers, as one restored from a snapshot may, repeats at
    worst a message.
    """
    hedged = os.urandom(KEY_BYTES) + hashlib.sha256(aad).digest() + plaintext
    salt = hkdf(key, info + b" salt", salt=hedged, length=SALT_BYTES)
    return salt + aead_seal(hkdf(key, info, salt=salt), plaintext, aad)


def salted_open(key: bytes, info: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Decrypt what `salted_seal` wrote, or raise ValueError."""
    salt, ciphertext = sealed[:SALT_BYTES], sealed[SALT_BYTES:]
    return aead_open(hkdf(key, info, salt=salt), ciphertext, aad)
