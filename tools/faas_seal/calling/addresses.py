"""Addresses of functions: which function one names, and whether others can read what goes there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from faas_seal.errors import UsageError

_PORTS = {"http": 80, "https": 443}
_BEHIND_GATEWAY = re.compile(
    r".*?/(?P<queue>async-)?function/(?P<name>[^/.]+)(\.[^/]*)?(?P<path>/.*)?"
)
_QUEUE = re.compile(r"/async-function(/|$)")


@dataclass(frozen=True)
class Destination:
    """The place in a function that a request goes to.

    `path` and `query` are as they are sent. `queued` says whether the request goes through the
    gateway's queue. `address` is that of the function itself, as origin and path.
    """

    path: str
    query: str
    queued: bool
    address: str = ""


def function_in(url: str) -> str:
    """Return the name of the function that `url` names behind a gateway, or an empty string."""
    found = _BEHIND_GATEWAY.fullmatch(urlsplit(url).path)
    return found["name"] if found else ""


def base_address(url: str) -> str:
    """Return the address for synchronous calls to the function that `url` leads to.

    A path inside the function is cut off. If `url` names no function, nothing is cut off.
    """
    parts = urlsplit(url)
    found = _BEHIND_GATEWAY.fullmatch(parts.path)
    path = parts.path
    if found:
        path = path[: found.start("path")] if found["path"] else path
        path = path.replace("/async-function/", "/function/", 1)
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"


def destination(url: str, function: str, base: str = "") -> Destination:
    """Return the place in `function` that a request to `url` goes to.

    `base` is the function's own address, where that is not `…/function/NAME`. A `url` that is
    neither below `base` nor of that form leads straight to the function: its whole path is
    inside. Raises UsageError for the address of another function.
    """
    parts, own = urlsplit(url), urlsplit(base)
    prefix = own.path.rstrip("/")
    if base and origin(url) == origin(base) and f"{parts.path}/".startswith(f"{prefix}/"):
        queued = bool(_QUEUE.search(prefix))
        address = _server(url) + prefix
        return Destination(parts.path[len(prefix) :] or "/", parts.query, queued, address)
    found = _BEHIND_GATEWAY.fullmatch(parts.path)
    if found is None:
        return Destination(parts.path or "/", parts.query, queued=False, address=_server(url))
    if found["name"] != function:
        raise UsageError(f"the key is for {function}, but the address names {found['name']}")
    path = found["path"] or ""
    address = _server(url) + parts.path.removesuffix(path)
    return Destination(path or "/", parts.query, bool(found["queue"]), address)


def check_address(url: str) -> None:
    """Raise UsageError unless `url` is the address of an HTTP server."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine:
        raise UsageError(
            f"{url!r} is not an address", hint="https://gateway.example/function/greet is one"
        )


def is_queue(url: str) -> bool:
    """Tell whether a request to `url` goes into the gateway's queue."""
    return bool(_QUEUE.search(urlsplit(url).path))


def in_clear(url: str) -> bool:
    """Tell whether a request to `url` crosses a network unencrypted."""
    return urlsplit(url).scheme != "https" and not is_loopback(url)


def is_loopback(url: str) -> bool:
    """Tell whether `url` leads to this machine."""
    name = host(url)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port (RFC 6454, section 4)."""
    parts = urlsplit(url)
    return parts.scheme, host(url), parts.port or _PORTS.get(parts.scheme)


def _server(url: str) -> str:
    scheme, name, port = origin(url)
    return f"{scheme}://{name}:{port}"


def host(url: str) -> str:
    """Return the host in `url`, or an empty string."""
    return urlsplit(url).hostname or ""
