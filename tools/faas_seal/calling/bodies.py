"""Sealed bodies: a request is sealed, and its response is shown as if it had come in clear."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import requests
from faas_sealed.formats.errors import MalformedBody
from faas_sealed.formats.keys import SESSION
from faas_sealed.formats.stream import (
    CHUNK_BYTES,
    CONTENT_TYPE,
    Head,
    Opener,
    decode_head,
    request_key,
    response_key,
    seal_pieces,
)
from faas_sealed.formats.wire import KEY_HEADER
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.exceptions import ProtocolError

from faas_seal.calling.cookies import cookies_in
from faas_seal.calling.problems import Problem, problem_in
from faas_seal.errors import UnexpectedAnswer, UnsealedAnswer, UsageError

# These are for the connection, the gateway and the watchdog, which cannot read what is sealed.
_OUTSIDE = frozenset(
    name.lower()
    for name in (KEY_HEADER, "Connection", "Content-Length", "Expect", "Host", "Transfer-Encoding")
)
# These are for the gateway, the watchdog and the handler: they travel in clear and sealed.
_BOTH = frozenset({"accept", "x-call-id", "x-callback-url", "x-timeout"})


class CallResponse(requests.Response):
    """The response to a request that carried a function key; no redirect is followed.

    `session` belongs to an asynchronous call with a sealed body: `fss1_…`, a secret with which
    `read_answer` opens what the callback brings. It is an empty string for any other call.
    """

    session = ""
    # `requests` follows a redirect where these say so. Key and body are for one address.
    is_redirect = False
    is_permanent_redirect = False

    @classmethod
    def of(cls, response: requests.Response, session: bytes | None = None) -> CallResponse:
        """Return `response` as a CallResponse that keeps `session` (32 bytes), if one is given."""
        made = cls()
        made.__dict__.update(response.__dict__)
        made.session = "" if session is None else SESSION.encode(session)
        return made

    def __getstate__(self) -> Any:
        """Return what a pickle holds: not the hooks of the request, which know its secrets."""
        state: Any = super().__getstate__()
        state["request"] = self.request.copy()
        state["request"].hooks = default_hooks()
        return state


def seal_request(request: requests.PreparedRequest, session: bytes, *, pad: bool = False) -> None:
    """Seal headers and body of a request in place, for a session (32 bytes).

    A body of bytes becomes one of bytes; any other is read and sealed piece by piece as it is
    sent. With `pad`, the length that is sent says little about the body's; of an iterator, it
    tells the pieces and how long they are, roughly. Raises UsageError for headers that do not fit.
    """
    inside, outside = [], CaseInsensitiveDict[str]()
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if name.lower() in _OUTSIDE | _BOTH:
            outside[name] = text
        # The length of a compressed answer would tell what is in it.
        if name.lower() not in _OUTSIDE | {"accept-encoding"}:
            inside.append((name, text))
    outside.pop("Content-Length", None)
    outside.pop("Transfer-Encoding", None)
    outside.update({"Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity"})
    outside["User-Agent"] = "faas-seal"
    head, pieces = Head(tuple(inside)), _pieces(request.body)
    stream = seal_pieces(request_key(session), head, pieces, pad=pad)
    try:
        first = next(stream)
    except ValueError as error:
        raise UsageError(f"the headers cannot be sealed: {error}") from None
    request.headers = outside
    if request.body is None or isinstance(request.body, bytes):
        request.body = first + b"".join(stream)
        request.headers["Content-Length"] = str(len(request.body))
    else:
        request.body = chain((first,), stream)  # type: ignore[assignment]  # as `requests` has it
        request.headers["Transfer-Encoding"] = "chunked"


def open_answer(response: requests.Response, session: bytes) -> CallResponse:
    """Return the response that travelled sealed inside `response`. Its body opens as it is read.

    Reading a body that is cut short or altered raises ChunkedEncodingError, as for a body in
    clear that is cut short. Raises UnsealedAnswer for anything but the sealed answer of this
    session (32 bytes).
    """
    problem = problem_in(response)
    if problem is not None:
        raise _unsealed(response, problem)
    stream = _AnswerStream(response.iter_content(CHUNK_BYTES), session)
    try:
        head = stream.head()
    except MalformedBody:
        response.close()
        raise _unsealed(response) from None
    assert head.status is not None
    opened = CallResponse.of(response)
    opened.status_code = head.status
    opened.reason = http.client.responses.get(head.status, "")
    opened.headers = CaseInsensitiveDict()
    for name, value in head.headers:
        before = opened.headers.get(name)
        opened.headers[name] = value if before is None else f"{before}, {value}"
    opened.cookies = cookies_in(head.headers, response.request)
    opened.encoding = get_encoding_from_headers(opened.headers)
    opened.raw = _OpenedBody(response, stream)
    return opened


def read_answer(
    pieces: Iterable[bytes], session: str
) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
    """Return status, headers and body of the sealed answer to an asynchronous call.

    `pieces` are the callback's body, divided in any way. `session` is the `session` of the
    CallResponse to the call, `fss1_…`. The body opens as it is read.

    Raises MalformedKey for a text that is no session. Raises UnexpectedAnswer for anything but
    the whole and unaltered answer of that session: at once if the headers are wrong, and if the
    body is wrong, while it is read.
    """
    stream = _AnswerStream(pieces, SESSION.decode(session))
    try:
        head = stream.head()
    except MalformedBody as error:
        raise _not_of_session(error) from None
    assert head.status is not None
    return head.status, list(head.headers), _body_of(stream)


def _body_of(stream: _AnswerStream) -> Iterator[bytes]:
    try:
        while piece := stream.read():
            yield piece
    except MalformedBody as error:
        raise _not_of_session(error) from None


def _not_of_session(error: MalformedBody) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"this is not the whole, unaltered answer of that session: {error}")


def _unsealed(response: requests.Response, problem: Problem | None = None) -> UnsealedAnswer:
    said = f", {problem.error.reason}" if problem else ""
    message = (
        "the answer is not sealed, so nobody vouches for it "
        f"(its status is {response.status_code}{said})"
    )
    if problem is None:
        return UnsealedAnswer(message, status=response.status_code)
    return UnsealedAnswer(
        message,
        status=response.status_code,
        error=problem.error,
        reference=problem.reference,
        trace=problem.trace,
    )


class _AnswerStream:
    """A sealed answer that arrives in pieces: its head first, and then its body."""

    def __init__(self, pieces: Iterable[bytes], session: bytes) -> None:
        self._arriving = iter(pieces)
        self._opener = Opener(response_key(session))
        self._waiting = b""
        self._ended = False

    def head(self) -> Head:
        """Wait for the head and return it, or raise MalformedBody."""
        while self._opener.head is None:
            try:
                self._waiting += self._next()
            except MalformedBody:
                if self._opener.head is None:
                    raise
                # The head is authentic; reading the body raises again.
        return decode_head(self._opener.head, response=True)

    def read(self, most: int = CHUNK_BYTES) -> bytes:
        """Return the next bytes of the body, or b"" at its end. Raises MalformedBody."""
        while not self._waiting and not self._ended:
            self._waiting = self._next()
        piece, self._waiting = self._waiting[:most], self._waiting[most:]
        return piece

    def _next(self) -> bytes:
        piece = next(self._arriving, None)
        if piece is None:
            self._opener.finish()
            self._ended = True
            return b""
        return b"".join(self._opener.feed(piece))


class _OpenedBody(io.RawIOBase):
    """The body of a sealed answer as the `raw` of a response, opened as it arrives."""

    def __init__(self, response: requests.Response, stream: _AnswerStream) -> None:
        self._response = response
        self._stream = stream

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield the body as it arrives, in pieces of at most `amt` bytes."""
        while piece := self.read(amt or CHUNK_BYTES):
            yield piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._stream.read(len(buffer))
        except MalformedBody as error:
            self._response.close()
            raise ProtocolError(f"the sealed answer is cut short or altered: {error}") from None
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._response.close()
        super().close()

    def release_conn(self) -> None:
        """Give up the connection; `requests` calls this once it has read all."""
        self._response.close()


def whole_chunks(read: Callable[[int], Any], begin: bytes = b"") -> Iterator[bytes]:
    """Yield `begin` and what `read` returns, up to an empty piece, in pieces of CHUNK_BYTES.

    The last piece is what is left. Raises UsageError if `read` returns text.
    """
    chunk = begin
    while True:
        if len(chunk) >= CHUNK_BYTES:
            yield chunk
            chunk = b""
        piece = read(CHUNK_BYTES - len(chunk))
        if not piece:
            break
        chunk += _binary(piece)
    if chunk:
        yield chunk


def _pieces(body: Any) -> Iterator[bytes]:
    if body is None or isinstance(body, bytes):
        yield body or b""
        return
    if not hasattr(body, "read"):
        pieces: Iterable[Any] = body
    elif hasattr(body, "seekable") and body.seekable():
        pieces = whole_chunks(body.read)
    else:  # it may be alive: nothing is held back
        pieces = iter(lambda: body.read(CHUNK_BYTES), b"")
    for piece in pieces:
        yield _binary(piece)


def _binary(piece: Any) -> bytes:
    if isinstance(piece, str):
        raise UsageError("the body comes as text", hint='give bytes: open files with mode "rb"')
    return bytes(piece)
