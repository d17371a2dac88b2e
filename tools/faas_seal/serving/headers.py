"""The headers of a call, as gateway, provider and watchdog pass them on to the function.

They do it in two ways, of which the `Accept` of the caller decides: as proxies of their own, or
as the one of Go's library, which does not wait for the end of an answer.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

from faas_seal.serving.heads import HeaderList, RequestHead

_OF_ONE_CONNECTION = frozenset(
    {
        "connection",
        "content-length",
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
_OF_ONE_RESPONSE = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
# What stands for a User-Agent that was not sent, and for an empty one.
_GATEWAY = "openfaas-ce-gateway/0.27.14"
_GO = "Go-http-client/1.1"
_EVENTS = "text/event-stream"
_LINES = "application/x-ndjson"
# How provider and watchdog see those before them.
_PROXIES = ("127.0.0.1", "127.0.0.1")


@dataclass(frozen=True)
class Forwarded:
    """The headers of a call: those that the function sees, and those to add to its answer.

    `unzips` says that a compressed answer is unpacked on its way: the gateway has asked for
    it, and not the caller.
    """

    call_id: str
    to_function: HeaderList = field(repr=False)
    to_client: HeaderList
    unzips: bool


def forward(head: RequestHead, client: tuple[str, int]) -> Forwarded:
    """Return the headers of a call from `client`, an address and a port, in Go's order.

    `Host` is among them where the function sees the caller's.
    """
    added = [("X-Start-Time", str(time.time_ns()))]
    call_id = head.get("X-Call-Id")
    if not call_id:
        call_id = str(uuid.uuid4())
        added.append(("X-Call-Id", call_id))
    events = _is_for_events(head)
    unzips = not (head.get("Accept-Encoding") or head.get("Range") or head.method == "HEAD")
    sorted_ones = [*added, ("X-Forwarded-For", _way(head, client))]
    dropped = _OF_ONE_CONNECTION | {"user-agent", "x-forwarded-for"}
    if unzips:
        dropped |= {"accept-encoding"}
        sorted_ones.append(("Accept-Encoding", "gzip"))
    if events:
        dropped |= head.tokens("Connection")
        sorted_ones += [("Te", "trailers")] if "trailers" in head.tokens("TE") else []
    elif not head.get("X-Forwarded-Host"):
        # For a caller that names no host, the provider says by which the gateway has called it.
        sorted_ones.append(("X-Forwarded-Host", head.host or _PROXIES[0]))
    passed = [(_canonical(name), v) for name, v in head.headers if name.lower() not in dropped]
    sorted_ones = sorted(passed + sorted_ones, key=lambda header: header[0])
    first = [("Host", head.host)] if events else []
    return Forwarded(call_id, first + _agent(head) + sorted_ones, added, unzips)


def is_stream(head: RequestHead) -> bool:
    """Tell whether provider and watchdog pass an answer on as it comes, without a deadline."""
    accept = head.get("Accept").lower()
    return _EVENTS in accept or _LINES in accept


def of_response(headers: HeaderList) -> HeaderList:
    """Return the headers of a function's answer that the caller sees, in their order."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_ONE_RESPONSE]


def _is_for_events(head: RequestHead) -> bool:
    """Tell whether the gateway itself uses the proxy of Go's library."""
    return head.get("Accept").startswith(_EVENTS)


def _way(head: RequestHead, client: tuple[str, int]) -> str:
    """Return X-Forwarded-For: as the caller has sent it, or with the addresses on the way."""
    sent = [value for value in head.all("X-Forwarded-For") if value]
    if _is_for_events(head):
        way = [*sent, client[0], *_PROXIES]
    else:
        way = sent or [f"{client[0]}:{client[1]}"]
        way += _PROXIES if is_stream(head) else ()
    return ", ".join(way)


def _agent(head: RequestHead) -> HeaderList:
    sent = head.all("User-Agent")
    if sent:
        return [("User-Agent", sent[0] or _GO)]
    return [] if _is_for_events(head) else [("User-Agent", _GATEWAY)]


def _canonical(name: str) -> str:
    """Return the name of a header as Go writes it."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
