"""One call with a token: the request that goes, and the response that comes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import requests
from faas_sealed.formats.errors import (
    ExpiredToken,
    KeyRefused,
    MalformedKey,
    RawKeyRefused,
    SealError,
    UnknownKey,
)
from faas_sealed.formats.stream import SESSION_BYTES
from faas_sealed.formats.ticket import TICKET_LIFETIME, Ticket, seal_resumed
from faas_sealed.formats.token import RESUME_BYTES
from faas_sealed.formats.wire import KEY_HEADER, TICKET_HEADER

from faas_seal.calling.addresses import destination
from faas_seal.calling.bodies import CallResponse, open_answer, seal_request
from faas_seal.calling.cookies import drop_cookies
from faas_seal.calling.credential import Credential
from faas_seal.calling.problems import problem_in
from faas_seal.calling.raw_key import present_raw
from faas_seal.calling.tokens import (
    LIFETIME,
    QUEUE_LIFETIME,
    bind_request,
    make_token,
    no_body,
    token_expiry,
)
from faas_seal.errors import UsageError

_PIECE_BYTES = 2**16
# The answers to a resumed token whose ticket the function does not take, or no longer.
_USELESS_TICKET = (MalformedKey, UnknownKey, ExpiredToken)
# The answers of a function that has changed since its caller looked.
_OUTDATED = (UnknownKey, MalformedKey, RawKeyRefused)


@dataclass(frozen=True)
class _Presented:
    """The key as one request presents it: by `credential`, and perhaps with a `ticket`.

    `address` is the function's own. `session` (32 bytes) opens the answer, unless that comes
    later, because the call is `queued`. `resume` (32 bytes) is the secret of the ticket that was
    asked for.
    """

    credential: Credential
    address: str = ""
    queued: bool = False
    session: bytes | None = field(default=None, repr=False)
    resume: bytes | None = field(default=None, repr=False)
    ticket: Ticket | None = None


class TokenCall:
    """A prepared request of `requests`, from its token to its response.

    It keeps the request in clear, so that it can be made once more: with a key token if the
    function does not take the ticket, and with another credential if the function has changed.
    `renew` takes the credential that was refused, and returns another, or None if there is none.
    """

    def __init__(
        self,
        request: requests.PreparedRequest,
        renew: Callable[[Credential], Credential | None],
    ) -> None:
        self._renew = renew
        self._body: Any = _whole(request.body)
        self._position = _position(self._body)
        self._headers = request.headers.copy()

    def begin(self, request: requests.PreparedRequest, credential: Credential) -> None:
        """Present the key in `request`, and take its response."""
        answered = partial(self._answered, self._present(request, credential))
        request.register_hook("response", answered)  # type: ignore[no-untyped-call]

    def _present(
        self, request: requests.PreparedRequest, credential: Credential, *, resuming: bool = True
    ) -> _Presented:
        """Present the key in `request`; with a ticket only if `resuming`."""
        request.body = self._body
        request.headers = self._headers.copy()
        url = request.url or ""
        function = credential.function
        if function is None or function.transport is None:
            present_raw(request, credential.function_key)
            return _Presented(credential)
        to = destination(url, function.function, credential.address)
        session = _new_session(request) if credential.sealed_body else None
        digest = _digest(self._body, self._position) if session is None else no_body()
        bind = bind_request(request.method or "", to, digest)
        lifetime = credential.lifetime or (QUEUE_LIFETIME if to.queued else LIFETIME)
        exp = token_expiry(function, lifetime, bound=True)
        ticket = credential.kept.take(to.address, exp) if resuming and not to.queued else None
        # The answer of a queue comes to somebody else, and a ticket is good for an hour.
        asks = credential.tickets and not to.queued and lifetime < TICKET_LIFETIME
        resume = os.urandom(RESUME_BYTES) if asks and ticket is None else None
        if ticket is not None:
            token = seal_resumed(ticket, exp, function.context, bind=bind, session=session)
        else:
            own_key = credential.function_key
            token = make_token(function, own_key, exp, bind=bind, session=session, resume=resume)
        if session is not None:
            seal_request(request, session, pad=credential.pad)
        request.headers[KEY_HEADER] = token
        return _Presented(credential, to.address, to.queued, session, resume, ticket)

    def _answered(
        self, presented: _Presented, response: requests.Response, **settings: Any
    ) -> CallResponse:
        """Return the response as the caller is to see it; a hook of `requests`."""
        if presented.ticket is not None and _says(response, _USELESS_TICKET):
            presented.credential.kept.drop(presented.ticket)
            if self._rewind():
                credential = presented.credential
                response, presented = self._again(response, credential, settings, resuming=False)
        if _says(response, _OUTDATED) and self._rewind():
            renewed = self._renew(presented.credential)
            if renewed is not None:
                response, presented = self._again(response, renewed, settings)
        return _shown(response, presented)

    def _again(
        self,
        response: requests.Response,
        credential: Credential,
        settings: dict[str, Any],
        *,
        resuming: bool = True,
    ) -> tuple[requests.Response, _Presented]:
        """Make the request once more: the same but for its token, and the stream that it seals."""
        response.close()
        request = response.request.copy()
        sent = request.headers
        presented = self._present(request, credential, resuming=resuming)
        # Headers may have been added after the first token was made.
        sent[KEY_HEADER] = request.headers[KEY_HEADER]
        request.headers = sent
        request.prepare_content_length(request.body)
        again: requests.Response = response.connection.send(request, **settings)
        again.elapsed += response.elapsed
        return again, presented

    def _rewind(self) -> bool:
        """Go back to the beginning of the body; tell whether it can be sent once more."""
        if self._position is not None:
            self._body.seek(self._position)
        return self._position is not None or self._body is None or isinstance(self._body, bytes)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a prepared request holds the secrets of its call, and is not pickled")


def _shown(response: requests.Response, presented: _Presented) -> CallResponse:
    """Return the response as the caller is to see it, and keep the ticket that it brings."""
    # The runtime grants no ticket with a key that it refuses. If a handler answers so itself, a
    # ticket would have each such call made twice.
    refused = _says(response, (KeyRefused,))
    if presented.session is None or presented.queued:
        if presented.session is not None:
            drop_cookies(response)  # they would travel sealed in the calls that follow
        answer = CallResponse.of(response, presented.session)
    else:
        answer = open_answer(response, presented.session)
    text = answer.headers.pop(TICKET_HEADER, "")
    if presented.resume is not None and not refused:
        presented.credential.kept.keep(presented.address, text, presented.resume)
    return answer


def _says(response: requests.Response, errors: tuple[type[SealError], ...]) -> bool:
    """Tell whether a response is the problem document of one of some errors."""
    problem = problem_in(response)
    return problem is not None and issubclass(problem.error, errors)


def _new_session(request: requests.PreparedRequest) -> bytes:
    """Return the session (32 bytes) of a request with sealed bodies."""
    if request.method == "HEAD":
        raise UsageError(
            "a HEAD has no answer that could come sealed",
            hint="make this call without sealed bodies",
        )
    return os.urandom(SESSION_BYTES)


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
