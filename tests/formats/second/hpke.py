"""HPKE, out of ML-KEM-768, X25519 and hashes (RFC 9180, sections 5.1 and 6.1)."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tests.formats.second.suite import aead_open, aead_seal, expand

AES_256_GCM = 2
LABEL = bytes.fromhex("5c2e2f2f5e5c")  # \.//^\


def private(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = hashlib.shake_256(seed).digest(96)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def public(seed: bytes) -> bytes:
    mlkem, x25519 = private(seed)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def combine(mlkem_secret: bytes, x25519_secret: bytes, enc: bytes, public: bytes) -> bytes:
    secrets = mlkem_secret + x25519_secret
    return hashlib.sha3_256(secrets + enc[1088:] + public[1184:] + LABEL).digest()


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """Return a new shared secret, and what whoever has the seed gets it from."""
    mlkem_secret, enc = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
    ephemeral = X25519PrivateKey.generate()
    enc += ephemeral.public_key().public_bytes_raw()
    x25519_secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(public[1184:]))
    return combine(mlkem_secret, x25519_secret, enc, public), enc


def decapsulate(seed: bytes, enc: bytes) -> bytes | None:
    mlkem, x25519 = private(seed)
    try:
        x25519_secret = x25519.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
        mlkem_secret = mlkem.decapsulate(enc[:1088])
    except ValueError:  # a wrong length, or an X25519 secret of zeros
        return None
    return combine(mlkem_secret, x25519_secret, enc, public(seed))


def key_schedule(secret: bytes, info: bytes, aead: int = AES_256_GCM) -> tuple[bytes, bytes]:
    """Return the AEAD's key and nonce."""
    prefix = b"HPKE-v1HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x647A, 1, aead))

    def extract(salt: bytes, label: bytes, key: bytes) -> bytes:
        return hmac.digest(salt, prefix + label + key, "sha256")

    zeros = bytes(32)
    both = b"\0" + extract(zeros, b"psk_id_hash", b"") + extract(zeros, b"info_hash", info)
    extracted = extract(secret, b"secret", b"")
    key = expand(extracted, b"\0\x20" + prefix + b"key" + both, 32)
    return key, expand(extracted, b"\0\x0c" + prefix + b"base_nonce" + both, 12)


def seal(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    secret, enc = encapsulate(public)
    key, nonce = key_schedule(secret, info)
    return enc + aead_seal(key, plaintext, b"", nonce)


def open_sealed(seed: bytes, sealed: bytes, info: bytes) -> bytes | None:
    secret = decapsulate(seed, sealed[:1120])
    if secret is None:
        return None
    key, nonce = key_schedule(secret, info)
    return aead_open(key, sealed[1120:], b"", nonce)
