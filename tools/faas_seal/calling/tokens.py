"""Key tokens as callers make them: out of a verified header, for one request."""

from __future__ import annotations

import hashlib
import math
import time

from faas_sealed.formats.errors import FunctionExpired, MalformedFile
from faas_sealed.formats.header import Header
from faas_sealed.formats.token import (
    LONGEST_BOUND,
    LONGEST_UNBOUND,
    KeyToken,
    check_path,
    request_binding,
    seal_token,
)

from faas_seal.calling.addresses import Destination
from faas_seal.errors import LifetimeRefused, UsageError

LIFETIME = 5 * 60  # seconds
QUEUE_LIFETIME = 24 * 60 * 60


def check_lifetime(lifetime: float, *, bound: bool) -> None:
    """Raise LifetimeRefused for a lifetime, in seconds, that no token may have.

    A token that is `bound` is for one request.
    """
    longest = LONGEST_BOUND if bound else LONGEST_UNBOUND
    if not 0 < lifetime <= longest:
        raise LifetimeRefused(
            f"a token for {'one' if bound else 'any'} request lives at least a second, and at "
            f"most {longest // 86_400} days",
            bound=bound,
            longest=longest,
            hint=f"give a lifetime of 1 to {longest} seconds",
        )


def token_expiry(header: Header, lifetime: float, *, bound: bool) -> int:
    """Return the `exp` of a token for the function of a header, made now.

    `lifetime` is in seconds. Raises LifetimeRefused as `check_lifetime` does, and
    FunctionExpired.
    """
    check_lifetime(lifetime, bound=bound)
    now = int(time.time())
    if header.expires is not None and now >= header.expires:
        raise FunctionExpired
    return now + math.ceil(lifetime)


def make_token(
    header: Header,
    function_key: bytes,
    exp: int,
    *,
    bind: bytes | None,
    session: bytes | None = None,
    resume: bytes | None = None,
) -> str:
    """Return a key token `fsx1_…` of `function_key` (32 bytes) for the function of a header.

    The header must have been verified. `exp` is what `token_expiry` returns. `bind` is what
    `bind_request` returns for the one request of the token, or None if the token is for any
    request. `session` (32 bytes) is the secret of sealed bodies, or None if bodies travel in
    clear. `resume` (32 bytes) is the secret of the ticket that is asked for, or None. Only a
    token for one request has one of these two. Raises UsageError if the function has no
    transport key, and MalformedFile if that key is malformed.
    """
    assert bind is not None or (session is None and resume is None)
    if header.transport is None:
        raise UsageError(
            f"{header.function} is sealed without a transport key, so it takes no key tokens"
        )
    token = KeyToken(function_key, exp, bind, session, resume)
    try:
        return seal_token(token, header.transport, header.context)
    except ValueError:
        raise MalformedFile("the transport key in the sealed file is malformed") from None


def bind_request(method: str, to: Destination, body_sha256: bytes) -> bytes:
    """Return the 32 bytes that bind a token to one request.

    `body_sha256` is the digest of the body, or of no bytes if the body travels sealed. Raises
    UsageError for a request that would not arrive as it is sent.
    """
    if to.queued and method != "POST":
        raise UsageError(f"an asynchronous call is a POST, not a {method}")
    try:
        path = check_path(to.path)
        return request_binding(method, path, to.query.encode(), body_sha256)
    except ValueError as error:
        raise UsageError(
            f"no token can be made for this request: {error}",
            hint="put what the path cannot hold into the query or the body",
        ) from None


def no_body() -> bytes:
    """Return the SHA-256 of no bytes."""
    return hashlib.sha256().digest()
