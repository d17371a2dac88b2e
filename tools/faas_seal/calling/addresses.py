"""Addresses of functions: what they name, and who reads what goes there."""

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
    """Where a request goes in a function: `path` and `query` as sent, and whether by the queue."""

    path: str
    query: str
    queued: bool


def function_in(url: str) -> str:
    """Return the name of the function behind the gateway that `url` means, or an empty string."""
    found = _BEHIND_GATEWAY.fullmatch(urlsplit(url).path)
    return found["name"] if found else ""


def base_address(url: str) -> str:
    """Return the address of the function that `url` is of, without a path of its own.

    It is that of synchronous calls. An address that names no function is one itself.
    """
    parts = urlsplit(url)
    found = _BEHIND_GATEWAY.fullmatch(parts.path)
    path = parts.path
    if found:
        path = path[: found.start("path")] if found["path"] else path
        path = path.replace("/async-function/", "/function/", 1)
    return f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}"


def destination(url: str, function: str, base: str = "") -> Destination:
    """Return where in a function a request to `url` goes.

    `base` is the function's own address where that is another than `…/function/NAME`.
    An address that is neither is the function itself, its path all of the URL's. Raises
    UsageError for the address of another function.
    """
    parts, own = urlsplit(url), urlsplit(base)
    prefix = own.path.rstrip("/")
    if base and origin(url) == origin(base) and f"{parts.path}/".startswith(f"{prefix}/"):
        queued = bool(_QUEUE.search(prefix))
        return Destination(parts.path[len(prefix) :] or "/", parts.query, queued)
    found = _BEHIND_GATEWAY.fullmatch(parts.path)
    if found is None:
        return Destination(parts.path or "/", parts.query, queued=False)
    if found["name"] != function:
        raise UsageError(f"the key is one of {function}, and the address is of {found['name']}")
    return Destination(found["path"] or "/", parts.query, queued=bool(found["queue"]))


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
    """Tell whether `url` is on this machine."""
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


def host(url: str) -> str:
    """Return the host in `url`, or an empty string."""
    return urlsplit(url).hostname or ""
