"""The heads of requests and responses, read as Go's net/http reads them.

That is what gateway, provider and watchdog are written with. All text is latin-1, as the bytes
were.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BufferedIOBase
from urllib.parse import urlsplit

from faas_sealed.formats.errors import MalformedRequest

from faas_seal.serving.refusals import HeadTooLong, VersionNotSupported

# Names and values, in their order. A name may occur more than once.
HeaderList = list[tuple[str, str]]

# Go's DefaultMaxHeaderBytes, and the slack that its server adds.
MAX_REQUEST_HEAD = 2**20 + 4096
# The limit of Go's client.
MAX_RESPONSE_HEAD = 10 * 2**20

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
# A tab is allowed in a value.
_NOT_IN_VALUE = re.compile(r"[\0-\x08\x0a-\x1f\x7f]")
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
_HOST = re.compile(r"[!$%&'()*+,\-.:;=\[\]_~0-9A-Za-z]*")
_STATUS = re.compile(r"HTTP/1\.[01] ([1-9][0-9]{2})(?: (.*))?")


class MalformedHead(Exception):
    """A head that breaks the rules of HTTP/1.1, or ends early."""


class LongHead(MalformedHead):
    """A head of more bytes than are taken."""


@dataclass(frozen=True)
class RequestHead:
    """Request line and headers.

    `target` is in origin form, or `*`. `host` is the one of the target, or else of the header
    Host, which is not among `headers`. `minor` is the number after `HTTP/1.`.
    """

    method: str
    target: str
    host: str
    minor: int
    headers: HeaderList = field(repr=False)

    @property
    def keep_alive(self) -> bool:
        """Whether the client may send another request on this connection."""
        options = self.tokens("Connection")
        return "close" not in options if self.minor else "keep-alive" in options

    def all(self, name: str) -> list[str]:
        """Return all values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return get(self.headers, name)

    def tokens(self, name: str) -> set[str]:
        """Return the items of a header that is a list, in lower case."""
        return {item.strip().lower() for item in ",".join(self.all(name)).split(",")}


@dataclass(frozen=True)
class ResponseHead:
    """Status line and headers."""

    status: int
    reason: str
    headers: HeaderList = field(repr=False)


def get(headers: Iterable[tuple[str, str]], name: str) -> str:
    """Return the first value of a header, or an empty string."""
    return next((value for key, value in headers if key.lower() == name.lower()), "")


def read_request_head(stream: BufferedIOBase) -> RequestHead | None:
    """Read a head, or return None if the client has closed the connection before it.

    Raises HeadTooLong, VersionNotSupported or MalformedRequest.
    """
    try:
        lines = _read_lines(stream, MAX_REQUEST_HEAD)
        return _request_head(lines) if lines else None
    except LongHead:
        raise HeadTooLong("request line and headers have more than 1 MiB") from None
    except MalformedHead as error:
        raise MalformedRequest(str(error)) from None


def read_response_head(stream: BufferedIOBase) -> ResponseHead | None:
    """Read a head, or return None if the connection ends before it. Raises MalformedHead."""
    lines = _read_lines(stream, MAX_RESPONSE_HEAD)
    if not lines:
        return None
    found = _STATUS.fullmatch(lines[0])
    if not found:
        raise MalformedHead("the status line is not HTTP/1.1 STATUS REASON")
    return ResponseHead(int(found[1]), found[2] or "", _headers(lines[1:]))


def _read_lines(stream: BufferedIOBase, most: int) -> list[str]:
    """Return the lines up to the empty one, without their ends; [] if there is not one byte."""
    lines: list[str] = []
    while True:
        line = stream.readline(most + 1)
        most -= len(line)
        if most < 0:
            raise LongHead
        if not line and not lines:
            return []
        if not line.endswith(b"\n"):
            raise MalformedHead("the head ended early")
        text = line[:-1].removesuffix(b"\r").decode("latin-1")
        if not text and lines:
            return lines
        lines.append(text)


def _request_head(lines: list[str]) -> RequestHead:
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.partition(" ")
    spoken = _VERSION.fullmatch(version)
    if not _TOKEN.fullmatch(method) or not spoken:
        raise MalformedHead("the first line is not METHOD TARGET HTTP/1.1")
    if spoken[1] != "1":
        raise VersionNotSupported("only HTTP/1.1 and HTTP/1.0 are spoken here")
    headers = _headers(lines[1:])
    hosts = [value for name, value in headers if name.lower() == "host"]
    minor = int(spoken[2])
    if len(hosts) > 1 or (minor and not hosts) or not all(map(_HOST.fullmatch, hosts)):
        raise MalformedHead("there is not one header Host with a name in it")
    named, target = _origin_form(target)
    return RequestHead(
        method=method,
        target=target,
        host=named or "".join(hosts),
        minor=minor,
        headers=[(name, value) for name, value in headers if name.lower() != "host"],
    )


def _headers(lines: list[str]) -> HeaderList:
    """Return names and values; a line that begins with a space goes on with the one before."""
    fields: list[tuple[str, list[str]]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t"):
            if not fields:
                raise MalformedHead("the first header begins with a space")
            fields[-1][1].append(line.strip(" \t"))
        elif colon and _TOKEN.fullmatch(name):
            fields.append((name, [value.strip(" \t")]))
        else:
            raise MalformedHead("a line of the headers is not a header")
    headers = [(name, " ".join(values).strip(" ")) for name, values in fields]
    if any(_NOT_IN_VALUE.search(value) for _, value in headers):
        raise MalformedHead("a header has a control character")
    return headers


def _origin_form(target: str) -> tuple[str, str]:
    """Return the host that a target names, if it does, and the target without it."""
    if _CONTROL.search(target):
        raise MalformedHead("the request target has a control character")
    if target.startswith("/") or target == "*":
        return "", target
    try:
        parts = urlsplit(target)
    except ValueError:
        raise MalformedHead("the request target is not a URL") from None
    if not parts.scheme or not parts.netloc:
        raise MalformedHead("the request target is neither a path nor a URL")
    path = parts.path or "/"
    return parts.netloc, f"{path}?{parts.query}" if parts.query else path
