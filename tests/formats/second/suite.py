"""The suite: HKDF, AEAD and SALTED; and how what it refuses is named."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Refused(Exception):
    """What the protocol does not allow, by the reason of docs/protocol.md."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def hkdf(key: bytes, info: str, salt: bytes = b"", length: int = 32) -> bytes:
    return rfc5869(key, b"faas-seal/v1 " + info.encode(), salt, length)


def rfc5869(key: bytes, info: bytes, salt: bytes, length: int) -> bytes:
    return expand(hmac.digest(salt or bytes(32), key, "sha256"), info, length)


def expand(extracted: bytes, info: bytes, length: int) -> bytes:
    output = block = b""
    while len(output) < length:
        counter = bytes([len(output) // 32 + 1])
        block = hmac.digest(extracted, block + info + counter, "sha256")
        output += block
    return output[:length]


def aead_seal(key: bytes, plaintext: bytes, aad: bytes, nonce: bytes = bytes(12)) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag


def aead_open(key: bytes, sealed: bytes, aad: bytes, nonce: bytes = bytes(12)) -> bytes | None:
    if len(sealed) < 16:
        return None
    decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, sealed[-16:])).decryptor()
    decryptor.authenticate_additional_data(aad)
    try:
        return decryptor.update(sealed[:-16]) + decryptor.finalize()
    except InvalidTag:
        return None


def salted_seal(key: bytes, info: str, plaintext: bytes, aad: bytes, random: bytes) -> bytes:
    """Encrypt with a salt that is made of 32 random bytes and of the message."""
    salt = hkdf(key, info + " salt", random + hashlib.sha256(aad).digest() + plaintext, 16)
    return salt + aead_seal(hkdf(key, info, salt), plaintext, aad)


def salted_open(key: bytes, info: str, sealed: bytes, aad: bytes) -> bytes | None:
    return aead_open(hkdf(key, info, sealed[:16]), sealed[16:], aad)


def context(function: str, author: bytes) -> bytes:
    return b"%s\x00%s" % (function.encode(), author)
