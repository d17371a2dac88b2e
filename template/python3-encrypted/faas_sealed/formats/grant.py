"""Grants: function keys sealed to the identities that may use them."""

from __future__ import annotations

from faas_sealed.formats import hpke
from faas_sealed.formats.errors import UnknownKey
from faas_sealed.formats.header import Grant
from faas_sealed.formats.keys import identity_id
from faas_sealed.formats.primitives import KEY_BYTES


def grant(function_key: bytes, identity: bytes, context: bytes) -> Grant:
    """Seal a function key (32 bytes) to the public key of an identity, for a slot's `to`.

    `context` is CTX, so that the grant is of use only for one function of one author.
    Raises ValueError for a key of another length, or an identity that is no public key.
    """
    if len(function_key) != KEY_BYTES:
        raise ValueError(f"function key is {len(function_key)} bytes, expected {KEY_BYTES}")
    sealed = hpke.seal(identity, function_key, b"grant", context)
    return Grant(id=identity_id(identity), sealed=sealed)


def open_grant(grant: Grant, identity: hpke.PrivateKey, context: bytes) -> bytes:
    """Return the function key (32 bytes) in `grant`, or raise UnknownKey."""
    try:
        key = identity.open(grant.sealed, b"grant", context)
    except ValueError:
        raise UnknownKey("the identity does not open this grant") from None
    if len(key) != KEY_BYTES:
        raise UnknownKey("the grant holds no function key")
    return key
