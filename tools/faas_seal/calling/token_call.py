"""One call with a key token: the request that goes, and the response that comes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import requests
from faas_sealed.formats.errors import MalformedKey, RawKeyRefused, UnknownKey
from faas_sealed.formats.stream import SESSION_BYTES
from faas_sealed.formats.wire import KEY_HEADER

from faas_seal.calling.addresses import destination
from faas_seal.calling.bodies import CallResponse, open_answer, seal_request
from faas_seal.calling.credential import Credential
from faas_seal.calling.problems import problem_in
from faas_seal.calling.raw_key import present_raw
from faas_seal.calling.tokens import (
    LIFETIME,
    QUEUE_LIFETIME,
    bind_request,
    make_token,
    no_body,
)
from faas_seal.errors import UsageError

_PIECE_BYTES = 2**16
# The answers of a function that has changed since its caller looked.
_OUTDATED = (UnknownKey, MalformedKey, RawKeyRefused)


class TokenCall:
    """A prepared request of `requests`, from its key token to its response.

    It keeps the request in clear, so that it can be made once more if the function has changed:
    `renew` asks the function, and returns its new credential, or None if it has not changed.
    """

    def __init__(
        self, request: requests.PreparedRequest, renew: Callable[[], Credential | None]
    ) -> None:
        self._renew = renew
        self._body: Any = _whole(request.body)
        self._position = _position(self._body)
        self._headers = request.headers.copy()
        self._session: bytes | None = None
        self._queued = False

    def begin(self, request: requests.PreparedRequest, credential: Credential) -> None:
        """Present the key in `request`, and take its response."""
        self._present(request, credential)
        request.register_hook("response", self._answered)  # type: ignore[no-untyped-call]

    def _present(self, request: requests.PreparedRequest, credential: Credential) -> None:
        request.body = self._body
        request.headers = self._headers.copy()
        self._session = None
        function = credential.function
        if function is None or function.transport is None:
            present_raw(request, credential.function_key)
            return
        to = destination(request.url or "", function.function, credential.address)
        self._queued = to.queued
        digest = no_body()
        if credential.sealed_body:
            if request.method == "HEAD":
                raise UsageError(
                    "a HEAD has no answer that could come sealed",
                    hint="make this call without sealed bodies",
                )
            self._session = os.urandom(SESSION_BYTES)
        else:
            digest = _digest(self._body, self._position)
        bind = bind_request(request.method or "", to, digest)
        lifetime = credential.lifetime or (QUEUE_LIFETIME if to.queued else LIFETIME)
        token = make_token(
            function, credential.function_key, bind=bind, lifetime=lifetime, session=self._session
        )
        if self._session is not None:
            seal_request(request, self._session)
        request.headers[KEY_HEADER] = token

    def _answered(self, response: requests.Response, **settings: Any) -> CallResponse:
        """Return the response as the caller is to see it; a hook of `requests`."""
        problem = problem_in(response)
        if problem and problem.error in _OUTDATED and self._rewind():
            credential = self._renew()
            if credential is not None:
                response = self._again(response, credential, settings)
        if self._session is None or self._queued:
            return CallResponse.of(response, self._session)
        return open_answer(response, self._session)

    def _again(
        self, response: requests.Response, credential: Credential, settings: dict[str, Any]
    ) -> requests.Response:
        response.close()
        request = response.request.copy()
        self._present(request, credential)
        request.prepare_content_length(request.body)
        again: requests.Response = response.connection.send(request, **settings)
        again.elapsed += response.elapsed
        return again

    def _rewind(self) -> bool:
        """Go back to the beginning of the body; tell whether it can be sent once more."""
        if self._position is not None:
            self._body.seek(self._position)
        return self._position is not None or self._body is None or isinstance(self._body, bytes)


def _whole(body: Any) -> Any:
    """Return a body as bytes if all of it is there; return a file or an iterator as it is."""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytearray | memoryview) else body


def _position(body: Any) -> int | None:
    """Return the position in a file that can be rewound, or None for any other body."""
    try:
        return int(body.tell()) if body.seekable() else None
    except (AttributeError, OSError):
        return None


def _digest(body: Any, position: int | None) -> bytes:
    """Return the SHA-256 of a body; a file is read from `position` on, and rewound to it."""
    if body is None or isinstance(body, bytes):
        return hashlib.sha256(body or b"").digest()
    if position is None:
        raise UsageError(
            "a token is bound to the body, and this body cannot be read before it is sent",
            hint="read it into bytes, or seal it as it is sent: sealed_body=True",
        )
    digest = hashlib.sha256()
    while piece := body.read(_PIECE_BYTES):
        if isinstance(piece, str):
            raise UsageError("the body is a file in text mode", hint='open it with mode "rb"')
        digest.update(piece)
    body.seek(position)
    return digest.digest()
