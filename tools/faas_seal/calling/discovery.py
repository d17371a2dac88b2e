"""Discovery: a function is asked, without a key, for the signed lines of its sealed file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
from faas_sealed.formats.errors import FileRefused, FunctionExpired
from faas_sealed.formats.file import MAX_HEADER_BYTES, verify_lines
from faas_sealed.formats.header import Header
from faas_sealed.formats.wire import DISCOVERY_PATH

from faas_seal.calling.addresses import base_address, check_address, function_in
from faas_seal.calling.cookies import drop_cookies
from faas_seal.calling.seen import Seen
from faas_seal.calling.sessions import session_to
from faas_seal.errors import (
    NoTransportKey,
    UnexpectedAnswer,
    UnnamedFunction,
    Unreachable,
    WrongFunction,
)
from faas_seal.project.signatures import signed_by

TIMEOUT_SECONDS = 10

# Besides the header, the lines hold a magic number and a signature.
_MAX_BYTES = MAX_HEADER_BYTES + 1024


@dataclass(frozen=True)
class Discovery:
    """A function to ask: its address, its name, and its author (public key, 32 bytes).

    `session` is the session of `requests` that asks, or None for one of its own.
    """

    address: str
    function: str
    author: bytes
    seen: Seen
    session: requests.Session | None = None

    @classmethod
    def of(
        cls,
        url: str,
        author: bytes,
        *,
        function: str = "",
        seen: Seen,
        session: requests.Session | None = None,
    ) -> Discovery:
        """Return the function that `url` leads to.

        Raises UnnamedFunction if neither `url` nor `function` names it, UsageError for a URL
        that is no address.
        """
        check_address(url)
        name = function or function_in(url)
        if not name:
            raise UnnamedFunction(
                f"{url} does not name a function", address=url, hint="say which it is: function="
            )
        return cls(base_address(url), name, author, seen, session)

    def look(self) -> Header:
        """Return the header that the function's author has signed.

        Raises SealedFileRefused (WrongAuthor is one), WrongFunction, RolledBack or
        FunctionExpired for a header that is not to be trusted, Unreachable where nobody
        answers, and UnexpectedAnswer where discovery is turned off.
        """
        header = signed_by(self.author, self._ask(), verify_lines, address=self.address)
        if header.function != self.function:
            raise WrongFunction(
                f"{self.address} is the function {header.function}, expected {self.function}",
                expected=self.function,
                found=header.function,
                hint="is that the function's address?",
            )
        if header.expires is not None and time.time() >= header.expires:
            raise FunctionExpired
        self.seen.check(self.address, header)
        return header

    def check_transport_key(self, header: Header) -> None:
        """Raise NoTransportKey for a header without one: a raw key is sent only if asked for."""
        if header.transport is None:
            raise NoTransportKey(
                f"{self.address} shows no transport key, so the key could only be sent raw",
                address=self.address,
                hint="if its author says that this is right, give raw=True: every proxy on the "
                "way can then read the key",
            )

    def find(self, choose: Callable[[Header], bytes]) -> tuple[Header, bytes]:
        """Return what `look` returns, and the function key that `choose` picks for it."""
        header = self.look()
        return header, choose(header)

    def _ask(self) -> bytes:
        session = self.session or session_to(self.address)
        try:
            with session.get(
                self.address + DISCOVERY_PATH,
                auth=_without_key,
                allow_redirects=False,
                stream=True,
                timeout=TIMEOUT_SECONDS,
            ) as response:
                if response.status_code != requests.codes.ok:
                    raise UnexpectedAnswer(
                        f"{self.address} does not say what it is: status {response.status_code}",
                        status=response.status_code,
                        hint="is that the function's address? Is seal_discovery off?",
                    )
                data = b""
                for piece in response.iter_content(2**16):
                    data += piece
                    if len(data) > _MAX_BYTES:
                        raise FileRefused(f"{self.address} shows more than a sealed file's lines")
                return data
        except requests.RequestException:
            raise Unreachable(
                f"nobody answers at {self.address}",
                address=self.address,
                hint="is the gateway up, and the address right?",
            ) from None
        finally:
            if self.session is None:
                session.close()


def _without_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Take the place of the session's own auth and of `.netrc`: this request needs no login.

    Nor does its answer begin one. The session may be the caller's own, for sealed calls.
    """
    request.register_hook("response", drop_cookies)  # type: ignore[no-untyped-call]
    return request
