"""Access to the function: who may open it, by which form of key, and until when."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from faas_sealed.formats.errors import (
    MalformedKey,
    MissingKey,
    RawKeyRefused,
    TokenMismatch,
    UnknownKey,
)
from faas_sealed.formats.file import SealedFile, Slot
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.token import TOKEN_PREFIX, KeyToken, open_token, request_binding
from faas_sealed.formats.wire import KEY_HEADER, MAX_KEY_HEADER
from faas_sealed.runtime.shared.deployed import Deployed
from faas_sealed.runtime.worker.request import Request
from faas_sealed.settings import KEY_FORMS, Settings

# The name as WSGI has it (PEP 3333).
_KEY_HEADER = KEY_HEADER.upper().replace("-", "_")


class Access:
    """The sealed file, and the rules about which keys open it here.

    `transport` are the private keys that a key token may be sealed to, `accept` the forms of
    key that are taken (`raw`, `sealed`), `denied` the ids of function keys that open nothing.
    The last key that opened the file is remembered by its digest, and not tried again.
    """

    def __init__(
        self,
        sealed: SealedFile,
        transport: Sequence[PrivateKey] = (),
        accept: Collection[str] = KEY_FORMS,
        denied: Collection[str] = (),
    ) -> None:
        self.sealed = sealed
        self._transport = transport
        self._accept = accept
        self._denied = denied
        self._last_key: tuple[bytes, Slot | None, bytes] | None = None

    @classmethod
    def of(cls, deployed: Deployed, settings: Settings) -> Access:
        transport = [PrivateKey(seed) for seed in deployed.transport]
        return cls(deployed.sealed, transport, settings.accept, deployed.denied)

    def open(
        self, request: Request, now: float, note: Callable[[str, bytes], None]
    ) -> tuple[bytes, KeyToken | None]:
        """Take the key header out of a request; return the content key (32 bytes), and the token.

        The token is the key token of the header, without its function key, or None for a raw
        key. `now` is in seconds since the epoch. `note` is told form and function key as soon as
        they are known, even if the key is then refused. Raises MissingKey, MalformedKey,
        RawKeyRefused, ExpiredToken, FunctionExpired or UnknownKey.
        """
        text = request.headers.pop(_KEY_HEADER, None)
        if text is None:
            raise MissingKey
        if len(text) > MAX_KEY_HEADER or "," in text:  # a comma: two headers, joined
            raise MalformedKey
        if text.startswith(TOKEN_PREFIX):
            token = self._open_token(text)
            note("sealed", token.key)
            token.check_time(now)
            # A handler that looks around must not find the function key in the token.
            return self.content_key(token.key, now), replace(token, key=b"")
        function_key = FUNCTION_KEY.decode(text)
        note("raw", function_key)
        if "raw" not in self._accept:
            raise RawKeyRefused
        return self.content_key(function_key, now), None

    def content_key(self, function_key: bytes, now: float) -> bytes:
        """Return the content key that a function key opens at the time `now`.

        A key that opened the previous request is known to fit; only its expiry is checked
        again. Raises FunctionExpired or UnknownKey.
        """
        digest = hashlib.sha256(function_key).digest()
        if self._last_key is not None and hmac.compare_digest(self._last_key[0], digest):
            _, slot, content_key = self._last_key
            self.sealed.check_expiry(slot, now)
            return content_key
        slot = self.sealed.slot(function_key)
        self.sealed.check_expiry(slot, now)
        if slot is not None and slot.id in self._denied:
            raise UnknownKey
        content_key = self.sealed.unwrap(slot, function_key)
        self._last_key = digest, slot, content_key
        return content_key

    def _open_token(self, text: str) -> KeyToken:
        if "sealed" in self._accept:
            for private in self._transport:
                try:
                    return open_token(text, private, self.sealed.header.context)
                except MalformedKey:
                    continue
        raise MalformedKey


def check_request(token: KeyToken, request: Request, body: bytes) -> None:
    """Raise TokenMismatch if the token is for another request, or for another body."""
    if token.session is not None and request.method == "HEAD":  # the answer has no body to seal
        raise TokenMismatch
    if token.bind is None:
        return
    try:
        bind = request_binding(
            request.method,
            request.path.encode("latin-1").decode(),
            request.query.encode("latin-1"),
            hashlib.sha256(body).digest(),
        )
    except ValueError:  # no client makes a token for such a request
        raise TokenMismatch from None
    token.check_request(bind)
