"""Calling a sealed function over HTTP with its key."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import FUNCTION_KEY, key_id
from faas_sealed.formats.primitives import KEY_BYTES
from requests.auth import AuthBase

from faas_seal.errors import KeyWouldLeak, Unreachable, UsageError
from faas_seal.keystore import read_key_file

HEADER = "X-Function-Key"
PROBLEM = "application/problem+json"
CONNECT_TIMEOUT = 10  # seconds; how long the function then takes is its own affair

_PORTS = {"http": 80, "https": 443}
_ASYNC = re.compile(r"/async-function(/|$)")
_ERROR_TYPE = "urn:faas-seal:error:"
_REFERENCE = re.compile(r"[\w.:-]{1,128}", re.ASCII)


class KeyInClear(UserWarning):
    """A function key travels unencrypted to another machine."""


class FunctionKey(AuthBase):
    """The key of one function, and how `requests` sends it.

    >>> key = FunctionKey.from_file(".faas-seal/greet.key")
    >>> requests.post("https://gateway.example/function/greet", data=b"...", auth=key)

    A redirect to another origin does not take the key along. An asynchronous call
    raises KeyWouldLeak: the queue stores every header. Plain http to another machine
    warns KeyInClear.
    """

    def __init__(self, text: str) -> None:
        """Take the text form `fsk1_…`, or raise MalformedKey."""
        self.secret = FUNCTION_KEY.decode(text)

    @classmethod
    def generate(cls) -> FunctionKey:
        """Return a new random key."""
        return cls(FUNCTION_KEY.encode(os.urandom(KEY_BYTES)))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> FunctionKey:
        """Read a key file, which other users must not be able to read."""
        return cls(FUNCTION_KEY.encode(read_key_file(Path(path), FUNCTION_KEY)))

    @property
    def text(self) -> str:
        """The key's text form: a secret."""
        return FUNCTION_KEY.encode(self.secret)

    @property
    def id(self) -> str:
        """The key's id, 16 hexadecimal digits: no secret."""
        return key_id(self.secret)

    def __repr__(self) -> str:
        return f"<FunctionKey {self.id}>"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = request.url or ""
        if _is_async(url):
            raise KeyWouldLeak(
                "an asynchronous call would leave the key in the queue, which stores every header",
                hint="call /function/ instead of /async-function/",
            )
        if in_clear(url):
            warnings.warn(f"the key travels unencrypted to {_host(url)}", KeyInClear, stacklevel=2)
        request.headers[HEADER] = self.text
        request.register_hook("response", _stay)  # type: ignore[no-untyped-call]
        return request


def check_address(url: str) -> None:
    """Raise UsageError unless `url` is the address of an HTTP server."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    if not fine:
        raise UsageError(
            f"{url!r} is not an address", hint="https://gateway.example/function/greet is one"
        )


def in_clear(url: str) -> bool:
    """Tell whether a request to `url` crosses a network unencrypted."""
    return urlsplit(url).scheme != "https" and not is_loopback(url)


def is_loopback(url: str) -> bool:
    """Tell whether `url` is on this machine."""
    host = _host(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def call(
    method: str,
    url: str,
    key: FunctionKey,
    *,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    query: list[tuple[str, str]] | None = None,
) -> requests.Response:
    """Send one request and return its answer, whose body is still to be read.

    Follows no redirect. Raises Unreachable where nobody answers.
    """
    with requests.Session() as session:
        # A proxy named in the environment is not asked for this machine's own addresses.
        session.trust_env = not is_loopback(url)
        try:
            return session.request(
                method,
                url,
                params=query,
                data=body,
                headers=headers,
                auth=key,
                allow_redirects=False,
                stream=True,
                timeout=(CONNECT_TIMEOUT, None),
            )
        except (requests.ConnectionError, requests.Timeout):
            raise Unreachable(
                f"nobody answers at {url}",
                hint="is the gateway up? faas-seal local-run serves functions on this machine",
            ) from None
        except (requests.RequestException, ValueError) as error:
            raise UsageError(f"the request cannot be made: {error}") from None


@dataclass(frozen=True)
class Problem:
    """What a problem document of the runtime says (RFC 9457), as far as it is known here."""

    error: type[SealError]
    reference: str
    trace: str


def problem_in(response: requests.Response) -> Problem | None:
    """Return the runtime's error in an answer, or None for any other answer."""
    if response.headers.get("Content-Type", "").partition(";")[0].strip() != PROBLEM:
        return None
    try:
        document: Any = json.loads(response.content)
        reason = document["type"].removeprefix(_ERROR_TYPE)
        error = _errors(SealError)[reason]
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    reference, trace = document.get("reference"), document.get("trace")
    return Problem(
        error,
        reference if isinstance(reference, str) and _REFERENCE.fullmatch(reference) else "",
        trace if isinstance(trace, str) else "",
    )


def _errors(base: type[SealError]) -> dict[str, type[SealError]]:
    found = {base.reason: base} if "reason" in vars(base) else {}
    for child in base.__subclasses__():
        found.update(_errors(child))
    return found


def _stay(response: requests.Response, **_: Any) -> None:
    """Drop the key where a redirect leads elsewhere: requests would take it along."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["Location"])
        if _origin(target) != _origin(response.url) or _is_async(target):
            response.request.headers.pop(HEADER, None)


def _is_async(url: str) -> bool:
    return bool(_ASYNC.match(urlsplit(url).path))


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, _host(url), parts.port or _PORTS.get(parts.scheme)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
