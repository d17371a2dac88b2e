"""Answers as bytes of HTTP/1.1 (RFC 9112)."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from faas_sealed.formats.errors import SealError, problem
from faas_sealed.formats.wire import PROBLEM_TYPE, is_header

# A body of at most this size is sent together with its head.
JOINED_BYTES = 64 * 2**10

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
# The runtime decides about framing and the connection, whatever a handler says.
_OURS = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})


class BodyFailed(Exception):
    """The iterable that produces a body raised `cause`; part of the answer has been sent."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__()
        self.cause = cause


@dataclass
class Response:
    """An answer of a handler or the runtime. `body` is whole, or produced while it is sent."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterable[bytes] = b""

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError(f"status is {self.status}, expected 200 to 599")
        for name, value in self.headers:
            if not is_header(name, value):
                raise ValueError("a response header has a character that is not allowed")


def problem_of(error: type[SealError] | SealError, reference: str, trace: str = "") -> Response:
    """Return the answer that an error of the tree stands for."""
    headers = [("Content-Type", PROBLEM_TYPE), ("Cache-Control", "no-store"), *error.headers]
    return Response(error.status, headers, problem(error, reference, trace))


def problem_response(error: type[SealError], reference: str) -> bytes:
    """Return the bytes of an answer after which the connection closes."""
    response = problem_of(error, reference)
    assert isinstance(response.body, bytes)
    return _head(response, len(response.body), close=True) + response.body


def send(
    sock: socket.socket, response: Response, *, method: str, version: str, close: bool
) -> bool:
    """Send an answer; return whether the connection can carry another request.

    A body that is produced is sent piece by piece: in chunks or, to an HTTP/1.0 client,
    until the connection closes.
    """
    bodiless = method == "HEAD" or response.status in (204, 304)
    body = response.body
    if isinstance(body, bytes):
        head = _head(response, None if response.status in (204, 304) else len(body), close=close)
        if bodiless:
            sock.sendall(head)
        elif len(body) <= JOINED_BYTES:
            sock.sendall(head + body)
        else:
            sock.sendall(head)
            sock.sendall(body)
        return not close
    if bodiless:
        sock.sendall(_head(response, None, close=close))
        return not close
    chunked = version == "1.1"
    close = close or not chunked
    sock.sendall(_head(response, None, close=close, chunked=chunked))
    for piece in _produced(body):
        sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
    if chunked:
        sock.sendall(b"0\r\n\r\n")
    return not close


def _produced(body: Iterable[bytes]) -> Iterator[bytes]:
    pieces = iter(body)
    while True:
        try:
            piece = next(pieces)
        except StopIteration:
            return
        except BaseException as error:
            raise BodyFailed(error) from None
        if piece:
            yield piece


def _head(response: Response, length: int | None, *, close: bool, chunked: bool = False) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, '')}"]
    lines += [f"{name}: {value}" for name, value in response.headers if name.lower() not in _OURS]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif length is not None:
        lines.append(f"Content-Length: {length}")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
