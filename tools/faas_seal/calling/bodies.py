"""Bodies that travel sealed: the request's, and the answer's as if it had come in clear."""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterable, Iterator
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
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.exceptions import ProtocolError

from faas_seal.calling.problems import Problem, problem_in
from faas_seal.errors import UnexpectedAnswer, UsageError

# Of the connection, or for gateway and watchdog, which never see what is inside.
_OUTSIDE = frozenset(
    name.lower()
    for name in (KEY_HEADER, "Connection", "Content-Length", "Expect", "Host", "Transfer-Encoding")
)
_BOTH = frozenset({"accept", "x-call-id", "x-callback-url", "x-timeout"})


class Unvouched(UnexpectedAnswer):
    """An answer that is no stream of this call: anyone on the way may have written it.

    `problem` is what it says, where it is an error of the runtime.
    """

    def __init__(self, response: requests.Response, problem: Problem | None = None) -> None:
        said = f", {problem.error.reason}" if problem else ""
        super().__init__(
            "the answer is not sealed, so that nobody vouches for it "
            f"(its status is {response.status_code}{said})"
        )
        self.problem = problem


class Answer(requests.Response):
    """An answer to a request that is for one address only: no redirect is followed.

    `session` is that of an asynchronous call with a sealed body, `fss1_…`: a secret, with
    which `read_answer` opens what the callback brings. Else it is an empty string.
    """

    session = ""
    # `requests` follows where these say so; status and Location are there for the caller.
    is_redirect = False
    is_permanent_redirect = False

    @classmethod
    def of(cls, response: requests.Response, session: bytes | None = None) -> Answer:
        """Return the same answer, with a session (32 bytes) if it is to be kept."""
        answer = cls()
        answer.__dict__.update(response.__dict__)
        answer.session = "" if session is None else SESSION.encode(session)
        return answer


def seal_request(request: requests.PreparedRequest, session: bytes) -> None:
    """Seal headers and body of a request in place, for a session (32 bytes).

    A body of bytes stays one, any other is read piece by piece as it is sent. Raises
    UsageError for headers that do not fit.
    """
    inside, outside = [], CaseInsensitiveDict[str]()
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if name.lower() in _OUTSIDE | _BOTH:
            outside[name] = text
        # What is sealed is not compressed, so that nobody learns from its length.
        if name.lower() not in _OUTSIDE | {"accept-encoding"}:
            inside.append((name, text))
    outside.pop("Content-Length", None)
    outside.pop("Transfer-Encoding", None)
    outside.update({"Content-Type": CONTENT_TYPE, "Accept-Encoding": "identity"})
    outside["User-Agent"] = "faas-seal"
    stream = seal_pieces(request_key(session), Head(tuple(inside)), _pieces(request.body))
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


def open_answer(response: requests.Response, session: bytes) -> Answer:
    """Return the answer that travelled sealed in `response`; its body opens as it is read.

    A body that is cut short or altered raises ChunkedEncodingError, as one that is cut
    short in clear does. Raises Unvouched for what is no stream of the session.
    """
    problem = problem_in(response)
    if problem is not None:
        raise Unvouched(response, problem)
    answer = Answer.of(response)
    body = OpenedBody(response, session)
    try:
        head = body.head()
    except MalformedBody:
        response.close()
        raise Unvouched(response) from None
    assert head.status is not None
    answer.status_code = head.status
    answer.reason = http.client.responses.get(head.status, "")
    answer.headers = CaseInsensitiveDict()
    for name, value in head.headers:
        before = answer.headers.get(name)
        answer.headers[name] = value if before is None else f"{before}, {value}"
    answer.encoding = get_encoding_from_headers(answer.headers)
    answer.raw = body
    return answer


def read_answer(
    pieces: Iterable[bytes], session: str
) -> tuple[int, list[tuple[str, str]], Iterator[bytes]]:
    """Return status, headers and body of a sealed answer that was not waited for.

    `pieces` are what a callback has brought, `session` is that of the answer to the
    call, `fss1_…`. The body opens as it is read, and raises UnexpectedAnswer where it is
    cut short or altered, as does what is no answer of that session.
    """
    opener = Opener(response_key(SESSION.decode(session)))
    arriving = iter(pieces)

    def opened() -> Iterator[list[bytes]]:
        try:
            for piece in arriving:
                yield opener.feed(piece)
            opener.finish()
        except MalformedBody as error:
            raise UnexpectedAnswer(
                f"this is no answer of that session, whole and unaltered: {error}"
            ) from None

    coming, begin = opened(), []
    while opener.head is None:
        begin += next(coming)
    head = decode_head(opener.head, response=True)
    assert head.status is not None
    return head.status, list(head.headers), chain(begin, chain.from_iterable(coming))


class OpenedBody(io.RawIOBase):
    """The body in a sealed answer: `raw` of a response, opened as it arrives."""

    def __init__(self, response: requests.Response, session: bytes) -> None:
        self._response = response
        self._opener = Opener(response_key(session))
        self._arriving = response.iter_content(CHUNK_BYTES)
        self._waiting = b""

    def head(self) -> Head:
        """Wait for the head of the answer and return it, or raise MalformedBody."""
        while self._opener.head is None:
            piece = next(self._arriving, None)
            if piece is None:
                raise MalformedBody("the answer ended before its head")
            try:
                self._waiting += b"".join(self._opener.feed(piece))
            except MalformedBody:
                if self._opener.head is None:
                    raise
                # The head is authentic; the next read raises again.
        return decode_head(self._opener.head, response=True)

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield the body as it arrives, in pieces of at most `amt` bytes."""
        while piece := self.read(amt or CHUNK_BYTES):
            yield piece

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._waiting:
                piece = next(self._arriving, None)
                if piece is None:
                    self._opener.finish()
                    return 0
                self._waiting = b"".join(self._opener.feed(piece))
        except MalformedBody as error:
            self._response.close()
            raise ProtocolError(f"the sealed answer is cut short or altered: {error}") from None
        size = min(len(buffer), len(self._waiting))
        buffer[:size] = self._waiting[:size]
        self._waiting = self._waiting[size:]
        return size

    def close(self) -> None:
        self._response.close()
        super().close()

    def release_conn(self) -> None:
        """Give up the connection; `requests` calls this once it has read all."""
        self._response.close()


def _pieces(body: Any) -> Iterator[bytes]:
    if body is None or isinstance(body, bytes):
        yield body or b""
        return
    pieces = iter(lambda: body.read(CHUNK_BYTES), b"") if hasattr(body, "read") else body
    for piece in pieces:
        if isinstance(piece, str):
            raise UsageError("the body comes as text", hint='give bytes: open files with mode "rb"')
        yield bytes(piece)
