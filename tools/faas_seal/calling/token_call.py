"""One call with what is known of its function: the token that goes, and the answer that comes."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import requests
from faas_sealed.formats.errors import MalformedKey, RawKeyRefused, UnknownKey
from faas_sealed.formats.header import Header
from faas_sealed.formats.stream import SESSION_BYTES
from faas_sealed.formats.wire import KEY_HEADER

from faas_seal.calling.addresses import destination
from faas_seal.calling.bodies import Answer, open_answer, seal_request
from faas_seal.calling.problems import problem_in
from faas_seal.calling.tokens import (
    LIFETIME,
    QUEUE_LIFETIME,
    bind_request,
    make_token,
    no_body,
)
from faas_seal.errors import UsageError

if TYPE_CHECKING:
    from faas_seal.calling.auth import FunctionKey

_PIECE_BYTES = 2**16
# What a function answers to who knows what was true before.
_OUTDATED = (UnknownKey, MalformedKey, RawKeyRefused)


class TokenCall:
    """A prepared request of `requests`, from its key token to its answer.

    Keeps the request in clear, so that it can be made once more if the function has
    changed since it was looked at.
    """

    def __init__(self, key: FunctionKey, request: requests.PreparedRequest) -> None:
        self._key = key
        self._body: Any = _whole(request.body)
        self._position = _position(self._body)
        self._headers = request.headers.copy()
        self._session: bytes | None = None
        self._queued = False

    def begin(self, request: requests.PreparedRequest, function: Header) -> None:
        """Present the key in `request`, and take its answer."""
        self._present(request, function)
        request.register_hook("response", self._answered)  # type: ignore[no-untyped-call]

    def _present(self, request: requests.PreparedRequest, function: Header) -> None:
        request.body = self._body
        request.headers = self._headers.copy()
        self._session = None
        if function.transport is None:
            self._key.present_raw(request)
            return
        to = destination(request.url or "", function.function, self._key.address)
        self._queued = to.queued
        digest = no_body()
        if self._key.sealed_body:
            if request.method == "HEAD":
                raise UsageError(
                    "a HEAD has no answer that could come sealed",
                    hint="make this call without sealed bodies",
                )
            self._session = os.urandom(SESSION_BYTES)
        else:
            digest = _digest(self._body, self._position)
        bind = bind_request(request.method or "", to, digest)
        lifetime = self._key.lifetime or (QUEUE_LIFETIME if to.queued else LIFETIME)
        token = make_token(
            function, self._key.secret, bind=bind, lifetime=lifetime, session=self._session
        )
        if self._session is not None:
            seal_request(request, self._session)
        request.headers[KEY_HEADER] = token

    def _answered(self, response: requests.Response, **settings: Any) -> Answer:
        """Return the answer as the caller shall see it; a hook of `requests`."""
        problem = problem_in(response)
        if problem and problem.error in _OUTDATED and self._rewind():
            function = self._key.look_again()
            if function is not None:
                response = self._again(response, function, settings)
        if self._session is None or self._queued:
            return Answer.of(response, self._session)
        return open_answer(response, self._session)

    def _again(
        self, response: requests.Response, function: Header, settings: dict[str, Any]
    ) -> requests.Response:
        response.close()
        request = response.request.copy()
        self._present(request, function)
        request.prepare_content_length(request.body)
        again: requests.Response = response.connection.send(request, **settings)
        again.elapsed += response.elapsed
        return again

    def _rewind(self) -> bool:
        """Tell whether the body can be sent once more, and go back to its beginning."""
        if self._position is not None:
            self._body.seek(self._position)
        return self._position is not None or self._body is None or isinstance(self._body, bytes)


def _whole(body: Any) -> Any:
    """Return a body as bytes if it is all there, and else as it is: a file, or an iterator."""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytearray | memoryview) else body


def _position(body: Any) -> int | None:
    """Return where a file that can be rewound stands, or None for any other body."""
    try:
        return int(body.tell()) if body.seekable() else None
    except (AttributeError, OSError):
        return None


def _digest(body: Any, position: int | None) -> bytes:
    """Return the SHA-256 of a body, read from `position` on where that is one."""
    if body is None or isinstance(body, bytes):
        return hashlib.sha256(body or b"").digest()
    if position is None:
        raise UsageError(
            "a token is bound to its body, and this one cannot be read before it is sent",
            hint="read it into bytes, or seal it as it is sent: sealed_body=True",
        )
    digest = hashlib.sha256()
    while piece := body.read(_PIECE_BYTES):
        if isinstance(piece, str):
            raise UsageError("the body is a file in text mode", hint='open it with mode "rb"')
        digest.update(piece)
    body.seek(position)
    return digest.digest()
