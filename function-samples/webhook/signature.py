"""The signature of an event: `t=SECONDS,v1=HEX`, an HMAC-SHA256 over time, dot and body."""

from __future__ import annotations

import hashlib
import hmac
import re

# Agreed upon with the provider. Sealed, it needs no store of secrets.
SECRET = b"whsec_6f0d5a1b9e3c4477a2d8f1e05b3c9a76"
# How far an event's time may be off: longer is a gift to who has recorded one.
TOLERANCE_SECONDS = 300

_FORM = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


class Refused(Exception):
    """An event that is not believed; the message is for the sender."""


def sign(body: bytes, now: float) -> str:
    """Return what the provider sends in `X-Signature`."""
    return f"t={int(now)},v1={_mac(str(int(now)), body)}"


def verify(header: str, body: bytes, now: float) -> None:
    """Raise Refused unless `header` is a signature of `body` that is not too old."""
    match = _FORM.fullmatch(header)
    if match is None:
        raise Refused("X-Signature is missing or malformed")
    if not hmac.compare_digest(match[2], _mac(match[1], body)):
        raise Refused("the signature does not match")
    if abs(now - int(match[1])) > TOLERANCE_SECONDS:
        raise Refused("the event is too old")


def _mac(time: str, body: bytes) -> str:
    return hmac.new(SECRET, time.encode() + b"." + body, hashlib.sha256).hexdigest()
