"""The key that a request presents: raw, or in a key token for this request alone."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from faas_sealed.formats.errors import MalformedKey, MissingKey, RawKeyRefused, TokenMismatch
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.token import TOKEN_PREFIX, KeyToken, open_token, request_binding
from faas_sealed.runtime.request import Request

MAX_KEY_HEADER = 4096


@dataclass(frozen=True)
class Presented:
    """A function key (32 bytes), and the token that it came in, if it did."""

    key: bytes = field(repr=False)
    token: KeyToken | None = None

    @property
    def session(self) -> bytes | None:
        return self.token.session if self.token else None

    @property
    def bind(self) -> bytes | None:
        return self.token.bind if self.token else None

    @property
    def form(self) -> str:
        return "raw" if self.token is None else "sealed"

    def check_request(self, request: Request, body: bytes) -> None:
        """Raise TokenMismatch unless this may be presented with that request and body."""
        if self.token is None:
            return
        if self.session is not None and request.method == "HEAD":  # its answer has no body
            raise TokenMismatch
        if self.bind is not None:
            try:
                bind = request_binding(
                    request.method,
                    request.path.encode("latin-1").decode(),
                    request.query.encode("latin-1"),
                    hashlib.sha256(body).digest(),
                )
            except ValueError:  # no client would have made a token for it
                raise TokenMismatch from None
            self.token.check_request(bind)


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

    def take(self, request: Request, now: float) -> Presented:
        """Remove the key header from a request, and return what it presents at the time `now`.

        Raises MissingKey, MalformedKey, RawKeyRefused or ExpiredToken.
        """
        text = request.headers.pop("X_FUNCTION_KEY", None)
        if text is None:
            raise MissingKey
        if len(text) > MAX_KEY_HEADER or "," in text:  # a comma: two headers, joined
            raise MalformedKey
        if text.startswith(TOKEN_PREFIX):
            token = self._open(text)
            token.check_time(now)
            return Presented(token.key, token)
        key = FUNCTION_KEY.decode(text)
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
