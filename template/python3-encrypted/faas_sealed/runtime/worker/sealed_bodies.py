"""Sealed bodies: a request that arrives as a sealed stream, and the answer that leaves as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from faas_sealed.formats.errors import BodyTooLarge, MalformedBody
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
from faas_sealed.runtime.shared.responses import Response
from faas_sealed.runtime.worker.request import Request

# The body of an answer with one of these statuses would be dropped on the way.
_BODILESS = (204, 205, 304)
_OF_THE_WAY = "HOST|X_CALL_ID|X_FORWARDED_.*|X_START_TIME"
# What the handler sees of the headers outside: those that gateways, proxies and queues set.
# Whoever is on the way could put any other beside the sealed ones.
_OUTER = re.compile(f"{_OF_THE_WAY}|X_CALLBACK_URL|TRACEPARENT|TRACESTATE")
# Headers about the connection, the key and the way here: no sealed body can set these.
_OUTER_ONLY = re.compile(
    f"{_OF_THE_WAY}|CONNECTION|CONTENT_LENGTH|EXPECT|FORWARDED|TRANSFER_ENCODING"
    "|X_FUNCTION_KEY|X_REAL_IP"
)


class SealedRequest:
    """Opens the body of a request as it arrives.

    `session` is the token's (32 bytes); `max_body` bounds the plaintext, in bytes.
    """

    def __init__(self, request: Request, session: bytes, max_body: int) -> None:
        self._opener = Opener(request_key(session))
        # The wire carries more than the body: the head, padding, and the overhead of frames of
        # useful size.
        request.max_body += 3 * CHUNK_BYTES + max_body // 64
        self._arriving = request.pieces()
        self._max_body = max_body
        self._waiting: list[bytes] = []

    def take_head(self, request: Request) -> None:
        """Wait for the sealed head, and give the request its headers; raise MalformedBody."""
        while self._opener.head is None:
            if not self._feed():
                raise MalformedBody
        head = decode_head(self._opener.head, response=False)
        inner: dict[str, str] = {}
        for name, value in head.headers:
            key = name.upper().replace("-", "_")
            if not _OUTER_ONLY.fullmatch(key):
                value = value.encode().decode("latin-1")  # as WSGI has it
                inner[key] = f"{inner[key]}, {value}" if key in inner else value
        outer = {name: text for name, text in request.headers.items() if _OUTER.fullmatch(name)}
        request.headers = outer | inner

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it is opened; raise MalformedBody unless it ends as it should."""
        left = self._max_body
        more = True
        while more or self._waiting:
            while self._waiting:
                piece = self._waiting.pop(0)
                left -= len(piece)
                if left < 0:
                    raise BodyTooLarge
                yield piece
            more = self._feed()
        self._opener.finish()

    def _feed(self) -> bool:
        piece = next(self._arriving, None)
        if piece is None:
            return False
        self._waiting += self._opener.feed(piece)
        return True


def seal_response(response: Response, session: bytes, *, pad: bool) -> Response:
    """Return an answer that carries `response` as a stream sealed for the session (32 bytes).

    With `pad`, the stream is padded. Raises ValueError if the headers of `response` do not fit
    into a frame.
    """
    head = Head(tuple(response.headers), response.status)
    whole = isinstance(response.body, bytes)
    pieces: Iterable[bytes] = [response.body] if isinstance(response.body, bytes) else response.body
    stream = seal_pieces(response_key(session), head, pieces, pad=pad)
    return Response(
        200 if response.status in _BODILESS else response.status,
        [("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store")],
        b"".join(stream) if whole else chain((next(stream),), stream),
    )
