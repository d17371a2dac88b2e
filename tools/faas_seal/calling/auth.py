"""The `auth` of `requests` that presents a function key, as a key token or raw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests
from faas_sealed.formats.header import Header
from requests.auth import AuthBase

from faas_seal.calling.credential import Credential
from faas_seal.calling.raw_key import follow_nothing, present_raw
from faas_seal.calling.token_call import TokenCall
from faas_seal.calling.turns import turn
from faas_seal.errors import NoTransportKey, UnexpectedAnswer, Unreachable

# Asks a function what its author has signed; returns that, and the function key for it.
Ask = Callable[[], tuple[Header, bytes]]


class KeyAuth(AuthBase):
    """The `auth` of requests to one function, which presents `credential`.

    If the function refuses the key, `ask` asks the function anew, where `ask` is given. If the
    function has changed, the request is made once more with the new credential.
    """

    def __init__(self, credential: Credential, ask: Ask | None = None) -> None:
        self.credential = credential
        self._ask = ask

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        credential = self.credential  # another thread may replace it
        if credential.function is None or (credential.raw and self._ask is None):
            present_raw(request, credential.function_key)
            request.register_hook("response", follow_nothing)  # type: ignore[no-untyped-call]
        else:
            TokenCall(request, self._renew).begin(request, credential)
        return request

    def _renew(self, refused: Credential) -> Credential | None:
        """Return the credential that takes the place of a refused one, or None if none does.

        The function is asked anew, unless another call has done that meanwhile. Raises
        NoTransportKey where the raw key would take a token's place.
        """
        if self._ask is None:
            return None
        if _opening(self.credential) == _opening(refused):
            try:
                function, function_key = self._ask()
            except (Unreachable, UnexpectedAnswer):
                return None
            with turn():
                self._take(function, function_key)
        renewed = self.credential
        return None if _opening(renewed) == _opening(refused) else renewed

    def _take(self, function: Header, function_key: bytes) -> None:
        """Take what the function shows, unless another call has seen a newer file meanwhile."""
        current = self.credential
        if current.function is not None and function.created < current.function.created:
            return
        if not current.raw and function.transport is None:
            raise NoTransportKey(
                "the function took key tokens and no longer has a transport key: the raw key "
                "is not sent instead",
                address=current.address,
                hint="if its author did so on purpose, discover the function anew, with raw=True",
            )
        self.credential = replace(current, function=function, function_key=function_key)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or pickle holds: the credential, without its tickets."""
        return {**vars(self), "credential": replace(self.credential)}


def _opening(credential: Credential) -> tuple[bytes | None, bytes]:
    """Return the transport key and the function key: if either changes, a call is made anew."""
    function = credential.function
    return None if function is None else function.transport, credential.function_key
