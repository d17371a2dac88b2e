"""Tickets, and the resumed tokens that a caller makes with one.

Opening a key token takes a post-quantum decapsulation. The answer to it can bring a ticket: the
function key, sealed by the function to itself. With it the caller makes the next tokens, which
cost no more than AES. A ticket opens nothing without the secret `resume`, which its caller
alone knows, and it authorises nothing by itself: the function key comes out of it at each call,
and is judged as ever.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from faas_sealed.formats.encoding import MAX_INTEGER, base64_decode, base64_encode
from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.primitives import (
    KEY_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    hkdf,
    salted_open,
    salted_seal,
)
from faas_sealed.formats.token import (
    CLOCK_SKEW_SECONDS,
    DIGEST_BYTES,
    RESUME_BYTES,
    SESSION_BYTES,
    KeyToken,
)

TICKET_PREFIX = "fsxt1_"
RESUMED_PREFIX = "fsxr1_"
TICKET_LIFETIME = 60 * 60  # seconds

_TIME_BYTES = 8
_CONFIRM_BYTES = 16
TICKET_BYTES = SALT_BYTES + KEY_BYTES + RESUME_BYTES + _TIME_BYTES + TAG_BYTES  # 104

_BIND, _SESSION = 1, 2


@dataclass(frozen=True)
class Ticket:
    """A ticket as its caller keeps it: 104 bytes that only the function reads, and their secret.

    `resume` is that secret (32 bytes). `texp` is the time until which the ticket is good, in
    seconds since the epoch.
    """

    sealed: bytes = field(repr=False)
    resume: bytes = field(repr=False)
    texp: int


def ticket_root(seed: bytes) -> bytes:
    """Return the key (32 bytes) of the tickets of a transport seed (32 bytes)."""
    return hkdf(seed, b"ticket root")


def grant_ticket(root: bytes, key: bytes, resume: bytes, texp: int, context: bytes) -> str:
    """Return `fsxt1_…`: a ticket for a function key, and the proof that it is for `resume`.

    `root` is the `ticket_root`; it, `key` and `resume` are 32 bytes each. `texp` is in seconds
    since the epoch. `context` is CTX. Raises ValueError for values that the format does not allow.
    """
    if len(key) != KEY_BYTES or not 0 <= texp <= MAX_INTEGER:
        raise ValueError(f"a ticket holds a function key of {KEY_BYTES} bytes and a time")
    end = texp.to_bytes(_TIME_BYTES, "big")
    ticket = salted_seal(root, b"ticket", key + resume + end, context)
    return TICKET_PREFIX + base64_encode(end + ticket + _confirm(resume, end + ticket))


def accept_ticket(text: str, resume: bytes, now: float) -> Ticket:
    """Return the ticket in `fsxt1_…`, if the function made it for `resume` (32 bytes).

    `now` is in seconds since the epoch. Raises ValueError for anything else: a ticket that is
    not confirmed, or that is good for longer than a function grants.
    """
    if not text.startswith(TICKET_PREFIX):
        raise ValueError(f"the text does not start with {TICKET_PREFIX}")
    data = base64_decode(text[len(TICKET_PREFIX) :])
    if len(data) != _TIME_BYTES + TICKET_BYTES + _CONFIRM_BYTES:
        raise ValueError(f"the ticket has the wrong length: {len(data)} bytes")
    granted, confirm = data[:-_CONFIRM_BYTES], data[-_CONFIRM_BYTES:]
    if not hmac.compare_digest(confirm, _confirm(resume, granted)):
        raise ValueError("the ticket is altered, or for another caller")
    texp = int.from_bytes(granted[:_TIME_BYTES], "big")
    if texp > now + TICKET_LIFETIME + CLOCK_SKEW_SECONDS:
        raise ValueError("the ticket is good for longer than a function grants")
    return Ticket(granted[_TIME_BYTES:], resume, texp)


def _confirm(resume: bytes, granted: bytes) -> bytes:
    return hkdf(resume, b"ticket confirm", salt=granted, length=_CONFIRM_BYTES)


def seal_resumed(
    ticket: Ticket, exp: int, context: bytes, *, bind: bytes | None, session: bytes | None = None
) -> str:
    """Return `fsxr1_…`, a token for one request that presents the function key of a ticket.

    `exp`, `bind` and `session` are those of a KeyToken, `context` is CTX. Raises ValueError for
    values that the format does not allow.
    """
    if not 0 <= exp <= ticket.texp:
        raise ValueError("the token lives longer than its ticket")
    plaintext = (
        bytes([(bind is not None) * _BIND | (session is not None) * _SESSION])
        + _field(bind, DIGEST_BYTES, "bind")
        + exp.to_bytes(_TIME_BYTES, "big")
        + _field(session, SESSION_BYTES, "session")
    )
    _parse(plaintext, bytes(KEY_BYTES), ticket.texp)
    sealed = salted_seal(ticket.resume, b"resumed", plaintext, context + ticket.sealed)
    return RESUMED_PREFIX + base64_encode(ticket.sealed + sealed)


def _field(value: bytes | None, length: int, name: str) -> bytes:
    if value is not None and len(value) != length:
        raise ValueError(f"{name} is {len(value)} bytes, expected {length}")
    return bytes(length) if value is None else value


def open_resumed(text: str, root: bytes, context: bytes) -> KeyToken:
    """Return the token in `fsxr1_…`, or raise MalformedKey without repeating any of it.

    `root` is the `ticket_root` (32 bytes) of the seed whose tickets are taken, `context` is CTX.
    As with `open_token`, the token may have expired, or be for another request.
    """
    if not text.startswith(RESUMED_PREFIX):
        raise MalformedKey(f"resumed token expected: the text does not start with {RESUMED_PREFIX}")
    try:
        data = base64_decode(text[len(RESUMED_PREFIX) :])
        ticket, sealed = data[:TICKET_BYTES], data[TICKET_BYTES:]
        content = salted_open(root, b"ticket", ticket, context)
        key, resume = content[:KEY_BYTES], content[KEY_BYTES : KEY_BYTES + RESUME_BYTES]
        texp = int.from_bytes(content[KEY_BYTES + RESUME_BYTES :], "big")
        return _parse(salted_open(resume, b"resumed", sealed, context + ticket), key, texp)
    except ValueError as error:
        raise MalformedKey(f"the resumed token does not open: {error}") from None


def _parse(plaintext: bytes, key: bytes, texp: int) -> KeyToken:
    if len(plaintext) != 1 + DIGEST_BYTES + _TIME_BYTES + SESSION_BYTES:
        raise ValueError(f"the content is {len(plaintext)} bytes")
    flags = plaintext[0]
    bind = plaintext[1 : 1 + DIGEST_BYTES]
    exp = int.from_bytes(plaintext[1 + DIGEST_BYTES : -SESSION_BYTES], "big")
    session = plaintext[-SESSION_BYTES:]
    if flags not in (0, _BIND, _BIND | _SESSION):
        raise ValueError("the flags are none that are allowed")
    if (not flags & _BIND and any(bind)) or (not flags & _SESSION and any(session)):
        raise ValueError("a field that is absent is not zero")
    if not exp <= texp <= MAX_INTEGER:
        raise ValueError("the token lives longer than its ticket, or the ticket for ever")
    return KeyToken(
        key,
        exp,
        bind if flags & _BIND else None,
        session if flags & _SESSION else None,
    )
