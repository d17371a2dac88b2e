"""Tickets, and the resumed tokens that are made with them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from tests.formats.second.suite import Refused, context, hkdf, salted_open
from tests.formats.second.text import base64_decode


@dataclass(frozen=True)
class Resumed:
    """A resumed token, opened, and what was found on the way."""

    key: bytes
    exp: int
    bind: bytes | None
    session: bytes | None
    root: bytes
    resume: bytes
    texp: int


def confirmation(resume: bytes, granted: bytes) -> bytes:
    return hkdf(resume, "ticket confirm", granted, 16)


def accept_ticket(text: str, resume: bytes, now: float) -> tuple[bytes, int]:
    """Return a ticket of 104 bytes and its texp, as a client takes them from an answer."""
    data = base64_decode(text[6:]) if text.startswith("fsxt1_") else None
    if data is None or len(data) != 128:
        raise Refused("ignored")
    texp, ticket, confirm = data[:8], data[8:112], data[112:]
    if not hmac.compare_digest(confirmation(resume, texp + ticket), confirm):
        raise Refused("ignored")
    if int.from_bytes(texp, "big") - now > 3660:
        raise Refused("ignored")
    return ticket, int.from_bytes(texp, "big")


def read_resumed(text: str, seed: bytes, function: str, author: bytes) -> Resumed:
    """Return what a resumed token says; `seed` is the transport seed."""
    data = base64_decode(text[6:]) if text.startswith("fsxr1_") else None
    if data is None or len(data) != 209:
        raise Refused("malformed-key")
    ticket, sealed = data[:104], data[104:]
    aad, root = context(function, author), hkdf(seed, "ticket root")
    granted = salted_open(root, "ticket", ticket, aad)
    if granted is None:
        raise Refused("malformed-key")
    key, resume, texp = granted[:32], granted[32:64], int.from_bytes(granted[64:], "big")
    content = salted_open(resume, "resumed", sealed, aad + ticket)
    if content is None:
        raise Refused("malformed-key")
    flags, bind, exp, session = content[0], content[1:33], content[33:41], content[41:]
    absent = bytes(32)
    allowed = {0: (bind, session) == (absent, absent), 1: session == absent, 3: True}
    if not allowed.get(flags) or not int.from_bytes(exp, "big") <= texp < 2**53:
        raise Refused("malformed-key")
    return Resumed(
        key=key,
        exp=int.from_bytes(exp, "big"),
        bind=bind if flags & 1 else None,
        session=session if flags & 2 else None,
        root=root,
        resume=resume,
        texp=texp,
    )
