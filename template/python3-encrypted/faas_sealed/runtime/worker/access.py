"""Access to the function: who may open it, by which form of key, and until when."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

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
from faas_sealed.formats.ticket import (
    RESUMED_PREFIX,
    TICKET_LIFETIME,
    grant_ticket,
    open_resumed,
    ticket_root,
)
from faas_sealed.formats.token import (
    TOKEN_PREFIX,
    KeyToken,
    open_token,
    request_binding,
    token_id,
)
from faas_sealed.formats.wire import KEY_HEADER, MAX_KEY_HEADER
from faas_sealed.runtime.shared.deployed import Deployed
from faas_sealed.runtime.worker.request import Request
from faas_sealed.settings import KEY_FORMS, Settings

# The name as WSGI has it (PEP 3333).
_KEY_HEADER = KEY_HEADER.upper().replace("-", "_")


@dataclass(frozen=True)
class Admission:
    """What the key header of a request has brought: the content key (32 bytes), and the token.

    `token` is the key token or resumed token without its function key, and `token_id` its id;
    both are None for a raw key. `ticket` is the text of `X-Function-Ticket`, for an answer to a
    request that the token turns out to be for. It is empty where none was asked for.
    """

    content_key: bytes = field(repr=False)
    token: KeyToken | None = None
    token_id: str | None = None
    ticket: str = field(default="", repr=False)


@dataclass(frozen=True)
class _Transport:
    """A transport key that tokens may be sealed to, and the root of its tickets."""

    private: PrivateKey
    root: bytes = field(repr=False)


class Access:
    """The sealed file, and the rules about which keys open it here.

    `transport` are the seeds (32 bytes each) of the transport keys, `accept` the forms of key
    that are taken (`raw`, `sealed`), `denied` the ids of function keys that open nothing. The
    last key that opened the file is remembered by its digest, and not tried again.
    """

    def __init__(
        self,
        sealed: SealedFile,
        transport: Iterable[bytes] = (),
        accept: Collection[str] = KEY_FORMS,
        denied: Collection[str] = (),
    ) -> None:
        self.sealed = sealed
        self._transport = [_Transport(PrivateKey(seed), ticket_root(seed)) for seed in transport]
        self._accept = accept
        self._denied = denied
        self._last_key: tuple[bytes, Slot | None, bytes] | None = None

    @classmethod
    def of(cls, deployed: Deployed, settings: Settings) -> Access:
        return cls(deployed.sealed, deployed.transport, settings.accept, deployed.denied)

    def open(
        self, request: Request, now: float, note: Callable[[str, bytes, str | None], None]
    ) -> Admission:
        """Take the key header out of a request, and return what it brings.

        `now` is in seconds since the epoch. `note` is told form, function key and token id as
        soon as they are known, even if the key is then refused. Raises MissingKey, MalformedKey,
        RawKeyRefused, ExpiredToken, FunctionExpired or UnknownKey.
        """
        text = request.headers.pop(_KEY_HEADER, None)
        if text is None:
            raise MissingKey
        if len(text) > MAX_KEY_HEADER or "," in text:  # a comma: two headers, joined
            raise MalformedKey
        if text.startswith((TOKEN_PREFIX, RESUMED_PREFIX)):
            return self._admit(text, now, note)
        function_key = FUNCTION_KEY.decode(text)
        note("raw", function_key, None)
        if "raw" not in self._accept:
            raise RawKeyRefused
        return Admission(self.content_key(function_key, now))

    def _admit(
        self, text: str, now: float, note: Callable[[str, bytes, str | None], None]
    ) -> Admission:
        """Return what a key token or resumed token brings."""
        token, root = self._open_token(text)
        own_id = token_id(text)
        note("resumed" if text.startswith(RESUMED_PREFIX) else "sealed", token.key, own_id)
        token.check_time(now)
        content_key = self.content_key(token.key, now)
        ticket = ""
        if token.resume is not None:
            texp = int(now) + TICKET_LIFETIME
            ticket = grant_ticket(root, token.key, token.resume, texp, self.sealed.header.context)
        # So neither the function key nor the ticket's secret lies about for a handler to find by
        # chance. One that searches this process on purpose still gets at both.
        return Admission(content_key, replace(token, key=b"", resume=None), own_id, ticket)

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

    def _open_token(self, text: str) -> tuple[KeyToken, bytes]:
        """Return a token, and the root of the tickets of the transport key that opens it."""
        context = self.sealed.header.context
        if "sealed" in self._accept:
            for transport in self._transport:
                try:
                    if text.startswith(RESUMED_PREFIX):
                        return open_resumed(text, transport.root, context), transport.root
                    return open_token(text, transport.private, context), transport.root
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
