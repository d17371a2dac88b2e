"""The key that a request presents: raw, or in a key token for this request alone."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from faas_sealed.formats.errors import MalformedKey, MissingKey, RawKeyRefused, TokenMismatch
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.token import TOKEN_PREFIX, KeyToken, open_token, request_binding
from faas_sealed.formats.wire import KEY_HEADER, MAX_KEY_HEADER
from faas_sealed.runtime.worker.request import Request

# As WSGI has it (PEP 3333).
_KEY_HEADER = KEY_HEADER.upper().replace("-", "_")


@dataclass
class Presented:
    """What a request presents: a function key in one of its forms, and what a token says of it.

    `bind` and `session` are the token's (32 bytes each), or None.
    """

    key: bytes = field(repr=False)
    bind: bytes | None = field(default=None, repr=False)
    session: bytes | None = field(default=None, repr=False)

    def take_key(self) -> bytes:
        """Return the function key, which is here no more when the handler looks around."""
        key, self.key = self.key, b""
        return key

    def check_request(self, request: Request, body: bytes) -> None:
        """Raise TokenMismatch unless this may be presented with that request and body."""
        if self.session is not None and request.method == "HEAD":  # its answer has no body
            raise TokenMismatch
        if self.bind is None:
            return
        try:
            bind = request_binding(
                request.method,
                request.path.encode("latin-1").decode(),
                request.query.encode("latin-1"),
                hashlib.sha256(body).digest(),
            )
        except ValueError:  # no client would have made a token for it
            raise TokenMismatch from None
        if not hmac.compare_digest(bind, self.bind):
            raise TokenMismatch


class KeyHeader:
    """Reads the key header as `docs/protocol.md` says, up to the token's expiry.

    `transport` are the private keys that a token may be sealed to, `accept` the forms
    that are taken (`raw`, `sealed`), `context` is CTX of the function.
    """

    def __init__(
        self, transport: Sequence[PrivateKey], accept: Collection[str], context: bytes
    ) -> None:
        self._transport = transport
        self._accept = accept
        self._context = context

    def take(self, request: Request, now: float, note: Callable[[str, bytes], None]) -> Presented:
        """Remove the key header from a request, and return what it presents at the time `now`.

        `note` is told form and function key as soon as they are known, be they refused.
        Raises MissingKey, MalformedKey, RawKeyRefused or ExpiredToken.
        """
        text = request.headers.pop(_KEY_HEADER, None)
        if text is None:
            raise MissingKey
        if len(text) > MAX_KEY_HEADER or "," in text:  # a comma: two headers, joined
            raise MalformedKey
        if text.startswith(TOKEN_PREFIX):
            token = self._open(text)
            note("sealed", token.key)
            token.check_time(now)
            return Presented(token.key, token.bind, token.session)
        key = FUNCTION_KEY.decode(text)
        note("raw", key)
        if "raw" not in self._accept:
            raise RawKeyRefused
        return Presented(key)

    def _open(self, text: str) -> KeyToken:
        if "sealed" in self._accept:
            for private in self._transport:
                try:
                    return open_token(text, private, self._context)
                except MalformedKey:
                    continue
        raise MalformedKey
