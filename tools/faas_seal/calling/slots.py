"""The slots of a sealed file: the one that a caller's key or identity opens."""

from __future__ import annotations

import time

from faas_sealed.formats.errors import UnknownKey
from faas_sealed.formats.grant import open_grant
from faas_sealed.formats.header import Header, Slot
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import identity_id, key_id


def has_slot(header: Header, function_key: bytes) -> bool:
    """Tell whether a function key (32 bytes) has a slot in a sealed file."""
    wanted = key_id(function_key)
    return any(slot.id == wanted for slot in header.slots)


def check_key(header: Header, function_key: bytes) -> bytes:
    """Return the function key (32 bytes) if it has a slot in a sealed file, or raise UnknownKey."""
    if not has_slot(header, function_key):
        raise UnknownKey(
            f"{header.function} is not sealed with the key {key_id(function_key)}",
            hint="is it a key of this function, and of this author?",
        )
    return function_key


def slot_of(header: Header, identity: PrivateKey) -> Slot | None:
    """Return the slot that is sealed to an identity and has not expired, or None."""
    wanted, now = identity_id(identity.public), time.time()
    for slot in header.slots:
        if slot.to and slot.to.id == wanted and (slot.expires is None or now < slot.expires):
            return slot
    return None


def key_for(header: Header, identity: PrivateKey) -> bytes:
    """Return the function key (32 bytes) that is sealed to an identity, or raise UnknownKey."""
    slot = slot_of(header, identity)
    if slot is None or slot.to is None:
        raise UnknownKey(
            f"{header.function} is not sealed to the identity {identity_id(identity.public)}",
            hint="ask its author to seal it to your public key, fsip1_…",
        )
    key = open_grant(slot.to, identity, header.context)
    if key_id(key) != slot.id:
        raise UnknownKey("the slot holds another key than it says")
    return key
