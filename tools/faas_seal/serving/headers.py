"""The headers of a call, on their way from one connection to the next."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message

from faas_sealed.formats.errors import MalformedRequest
from faas_sealed.formats.wire import is_header

# Names and values, in their order. A name may occur more than once.
HeaderList = list[tuple[str, str]]

# These describe one connection (RFC 9110, section 7.6.1). Each connection frames the body anew.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def end_to_end(message: Message, *also_dropped: str) -> HeaderList:
    """Return the headers of `message` that pass beyond this connection, in their order."""
    named = ",".join(message.get_all("Connection", []))
    dropped = {name.strip().lower() for name in named.split(",")}
    dropped |= _HOP_BY_HOP | set(also_dropped)
    return [(name, value) for name, value in message.items() if name.lower() not in dropped]


def check(message: Message) -> None:
    """Raise MalformedRequest if a header would not arrive as the client sent it."""
    broken = any(not is_header(name, value) for name, value in message.items())
    # Python's parser takes a line that is not a header for the beginning of a body.
    if message.defects or message.get_payload() or broken:
        raise MalformedRequest("a line of the headers is not a header")


@dataclass(frozen=True)
class Forwarded:
    """The headers of a call: those that the function sees, and those to add to its answer."""

    call_id: str
    to_function: HeaderList = field(repr=False)
    to_client: HeaderList


def forward(message: Message, client: tuple[str, int]) -> Forwarded:
    """Return the headers of a call from `client`, an address and a port, with the gateway's own."""
    sent = end_to_end(message, "host")
    added = [("X-Start-Time", str(time.time_ns()))]
    call_id = get(sent, "X-Call-Id")
    if not call_id:
        call_id = str(uuid.uuid4())
        added.append(("X-Call-Id", call_id))
    forwarded = sent + added
    for name, value in (
        ("X-Forwarded-Host", message.get("Host", "")),
        ("X-Forwarded-For", f"{client[0]}:{client[1]}"),
    ):
        if value and not get(sent, name):
            forwarded.append((name, value))
    return Forwarded(call_id, forwarded, added)


def get(headers: Iterable[tuple[str, str]], name: str) -> str:
    """Return the first value of a header, or an empty string."""
    return next((value for key, value in headers if key.lower() == name.lower()), "")
