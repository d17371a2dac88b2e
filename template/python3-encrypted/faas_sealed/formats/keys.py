"""Text forms of keys and identities, and their ids."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from nacl.signing import SigningKey

from faas_sealed.formats.encoding import base64_decode, base64_encode
from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.primitives import ID_BYTES, KEY_BYTES, hkdf

CHECKSUM_BYTES = 4
IDENTITY_ID_BYTES = 16
HPKE_PUBLIC_KEY_BYTES = 1216


@dataclass(frozen=True)
class TextForm:
    """How one kind of key is written: prefix, then base64 of bytes and checksum.

    The checksum tells a damaged key from a wrong one. The prefix tells people and
    secret scanners what they look at.
    """

    prefix: str
    noun: str
    length: int = KEY_BYTES

    def encode(self, key: bytes) -> str:
        """Return the text form of `key`, or raise ValueError for a wrong length."""
        if len(key) != self.length:
            raise ValueError(f"{self.noun} is {len(key)} bytes, expected {self.length}")
        return self.prefix + base64_encode(key + self._checksum(key))

    def decode(self, text: str) -> bytes:
        """Return the bytes of a text form; raise MalformedKey without repeating it."""
        if not text.startswith(self.prefix):
            raise self._malformed(f"expected: the text does not start with {self.prefix}")
        try:
            data = base64_decode(text[len(self.prefix) :])
        except ValueError as error:
            raise self._malformed(f"is damaged: {error}") from None
        key, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
        if len(key) != self.length:
            raise self._malformed(f"is {len(key)} bytes, expected {self.length}")
        if checksum != self._checksum(key):
            raise self._malformed("is damaged: its checksum does not match")
        return key

    def _malformed(self, problem: str) -> MalformedKey:
        hint = f"copy it anew and whole, from {self.prefix} to its end"
        return MalformedKey(f"{self.noun} {problem}", hint=hint)

    def _checksum(self, key: bytes) -> bytes:
        return hashlib.sha256(self.prefix.encode("ascii") + key).digest()[:CHECKSUM_BYTES]


FUNCTION_KEY = TextForm("fsk1_", "function key")
AUTHOR_SEED = TextForm("fsa1_", "author's signing key")
AUTHOR_PUBLIC = TextForm("fsap1_", "author's public key")
TRANSPORT_SEED = TextForm("fst1_", "transport secret")
TRANSPORT_PUBLIC = TextForm("fstp1_", "transport public key", HPKE_PUBLIC_KEY_BYTES)
IDENTITY_SEED = TextForm("fsi1_", "identity")
IDENTITY_PUBLIC = TextForm("fsip1_", "identity's public key", HPKE_PUBLIC_KEY_BYTES)
SESSION = TextForm("fss1_", "session of one call")

TEXT_FORMS = (
    FUNCTION_KEY,
    AUTHOR_SEED,
    AUTHOR_PUBLIC,
    TRANSPORT_SEED,
    TRANSPORT_PUBLIC,
    IDENTITY_SEED,
    IDENTITY_PUBLIC,
    SESSION,
)


def key_lines(text: str) -> list[str]:
    """Return the lines of a key file or secret that are neither empty nor comments (`#`)."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def key_id(function_key: bytes) -> str:
    """Return the id of a function key: 16 hexadecimal digits that do not reveal it."""
    return hkdf(function_key, b"key id", length=ID_BYTES).hex()


def identity_id(public: bytes) -> str:
    """Return the id of an identity, 32 hexadecimal digits, from its public key (1,216 bytes).

    It is longer than a key id, because whoever makes identities could try until two of them
    have the same short one.
    """
    if len(public) != HPKE_PUBLIC_KEY_BYTES:
        raise ValueError(f"public key is {len(public)} bytes, expected {HPKE_PUBLIC_KEY_BYTES}")
    return hashlib.sha256(public).digest()[:IDENTITY_ID_BYTES].hex()


def author_public(seed: bytes) -> bytes:
    """Return the Ed25519 public key (32 bytes) of an author's seed (RFC 8032, section 5.1.5)."""
    return bytes(SigningKey(seed).verify_key)
