"""Routes: the function that a request's path leads to, and the path that the function sees.

Gateway, provider and watchdog each take the path apart and put it together again. So
`%2541` arrives as `A`, `%3F` begins a query, and `//` is redirected. The local gateway does
the same, so that a function meets no surprise when it is deployed.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from faas_sealed.formats.errors import MalformedRequest

# Go does not escape these in a path (net/url, mode encodePath), nor unreserved characters.
_SAFE = "$&+,/:;=@"
_ROUTE = re.compile(rb"/(async-function|function)/([-\w.]+)(/.*)?", re.ASCII)


@dataclass(frozen=True)
class Route:
    """The destination of a request. Exactly one of `name`, `redirect` and `system` is set.

    `name` is the function's, `target` the request target that the function sees (origin
    form), and `background` says that the call is asynchronous. `system` is a path that the
    gateway answers itself, `redirect` the path that the client should request instead.
    """

    name: str = ""
    target: str = ""
    background: bool = False
    system: str = ""
    redirect: str = ""


def route(target: str) -> Route:
    """Return the destination of a request target in origin form (RFC 9112, section 3.2.1).

    Raises MalformedRequest if the gateway could not read it.
    """
    path, _, query = target.partition("?")
    decoded = _decode(path)
    if not _ROUTE.fullmatch(decoded) or _clean(decoded) != decoded:
        return _elsewhere(decoded, query)
    # Now the provider reads the URL that the gateway has made of it.
    path, query = _read_joined(decoded, query)
    decoded = _decode(path)
    found = _ROUTE.fullmatch(decoded)
    if not found or _clean(decoded) != decoded:
        return _elsewhere(decoded, query)
    seen = _with_query(_encode(found[3] or b"/"), query)
    return Route(name=found[2].decode(), target=seen, background=found[1] == b"async-function")


def _elsewhere(path: bytes, query: str) -> Route:
    clean = _clean(path)
    if clean != path:
        return Route(redirect=_with_query(_encode(clean), query))
    return Route(system=_encode(path))


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _decode(path: str) -> bytes:
    if re.search("%(?![0-9A-Fa-f]{2})", path):
        raise MalformedRequest("the path has a % that begins no escape")
    return unquote_to_bytes(path.encode("latin-1"))


def _encode(path: bytes) -> str:
    return quote_from_bytes(path, safe=_SAFE)


def _clean(path: bytes) -> bytes:
    clean = posixpath.normpath(b"/" + path.lstrip(b"/"))
    return clean + b"/" if path.endswith(b"/") and clean != b"/" else clean


def _read_joined(path: bytes, query: str) -> tuple[str, str]:
    """Return path and query as a URL parser finds them in a decoded path and a query, joined."""
    url = _with_query(path.decode("latin-1"), query)
    if re.search(r"[\x00-\x1f\x7f]", url):
        raise MalformedRequest("the path has a control character")
    path_again, _, query_again = url.partition("#")[0].partition("?")
    return path_again, query_again
