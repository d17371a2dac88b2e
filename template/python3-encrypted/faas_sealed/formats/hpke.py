"""HPKE of version 1: base mode, single shot (RFC 9180, section 6.1).

KEM MLKEM768-X25519 (draft-ietf-hpke-pq, also known as X-Wing), HKDF-SHA256, AES-256-GCM.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.primitives import KEY_BYTES, LABEL, TAG_BYTES

MLKEM_SEED_BYTES = 64
MLKEM_PUBLIC_KEY_BYTES = 1184
ENC_BYTES = 1120
OVERHEAD_BYTES = ENC_BYTES + TAG_BYTES

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class PrivateKey:
    """The private half of a transport key or an identity.

    `public` is its public half, 1,216 bytes.
    """

    public: bytes

    def __init__(self, seed: bytes) -> None:
        """Expand a seed of 32 bytes (draft-connolly-cfrg-xwing-kem, section 5.2)."""
        if len(seed) != KEY_BYTES:
            raise ValueError(f"seed is {len(seed)} bytes, expected {KEY_BYTES}")
        expanded = hashlib.shake_256(seed).digest(MLKEM_SEED_BYTES + KEY_BYTES)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[MLKEM_SEED_BYTES:])
        self.public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)

    def open(self, sealed: bytes, purpose: bytes, context: bytes) -> bytes:
        """Return what `seal` sealed to this key for the same purpose and context.

        Raises ValueError for anything else.
        """
        try:
            return _SUITE.decrypt(sealed, self._key, _info(purpose, context))
        except (InvalidTag, ValueError):
            raise ValueError("wrong key or context, or altered ciphertext") from None


def seal(public: bytes, plaintext: bytes, purpose: bytes, context: bytes) -> bytes:
    """Encrypt to a public key; the result is 1,136 bytes longer than the plaintext.

    `context` is CTX. Raises ValueError if `public` is no public key.
    """
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_KEY_BYTES]),
            X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_KEY_BYTES:]),
        )
        return _SUITE.encrypt(plaintext, key, _info(purpose, context))
    except ValueError:
        raise ValueError("not a public key of MLKEM768-X25519") from None


def checked_public(public: bytes) -> bytes:
    """Return a public key (1,216 bytes), or raise MalformedKey if nothing can be sealed to it."""
    try:
        seal(public, b"", b"", b"")
    except ValueError as error:
        raise MalformedKey(f"the public key is damaged: {error}") from None
    return public


def _info(purpose: bytes, context: bytes) -> bytes:
    return LABEL + purpose + b"\0" + context
