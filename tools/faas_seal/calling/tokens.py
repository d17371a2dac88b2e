"""Key tokens as callers make them: out of a verified header, for one request."""

from __future__ import annotations

import hashlib
import math
import time

from faas_sealed.formats.errors import FunctionExpired, MalformedFile
from faas_sealed.formats.header import Header
from faas_sealed.formats.token import KeyToken, check_path, request_binding, seal_token

from faas_seal.calling.addresses import Destination
from faas_seal.errors import UsageError

LIFETIME = 5 * 60  # seconds
QUEUE_LIFETIME = 24 * 60 * 60
LONGEST_LIFETIME = 366 * 24 * 60 * 60


def make_token(
    header: Header,
    function_key: bytes,
    *,
    bind: bytes | None,
    lifetime: float = LIFETIME,
    session: bytes | None = None,
) -> str:
    """Return a key token `fsx1_…` of `function_key` (32 bytes) for the function of a header.

    The header must have been verified. `bind` is what `bind_request` returns for the one request
    of the token, or None if the token is for any request. `lifetime` is in seconds. `session`
    (32 bytes) is the secret of sealed bodies, or None if bodies travel in clear. Raises
    FunctionExpired, UsageError if the function has no transport key or the lifetime is not
    allowed, and MalformedFile if the header's transport key is malformed.
    """
    now = int(time.time())
    if not 0 < lifetime <= LONGEST_LIFETIME:
        raise UsageError("a token lives at least a second, and at most a year")
    if header.transport is None:
        raise UsageError(
            f"{header.function} is sealed without a transport key, so it takes no key tokens"
        )
    if header.expires is not None and now >= header.expires:
        raise FunctionExpired
    token = KeyToken(function_key, now + math.ceil(lifetime), bind, session)
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
