"""Calling a sealed function over HTTP with its key."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
from faas_sealed.formats.file import verify
from faas_sealed.formats.header import Header
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, IDENTITY_SEED, key_id
from faas_sealed.formats.primitives import KEY_BYTES
from faas_sealed.formats.wire import KEY_HEADER
from requests.auth import AuthBase

from faas_seal.calling.addresses import host, in_clear, is_queue, origin
from faas_seal.calling.discovery import Discovery, Seen, check_key, key_for
from faas_seal.calling.duplex import Duplex
from faas_seal.calling.sessions import session_to
from faas_seal.calling.token_call import TokenCall
from faas_seal.errors import KeyWouldLeak, UnexpectedAnswer, Unreachable, UsageError
from faas_seal.project.keystore import read_key_file
from faas_seal.project.sealed import project_key, sealed_header
from faas_seal.project.stackfile import find

CONNECT_TIMEOUT = 10  # seconds; how long the function then takes is its own affair


class KeyInClear(UserWarning):
    """A function key travels unencrypted to another machine."""


class FunctionKey(AuthBase):
    """The key of one function, and how `requests` presents it.

    >>> key = FunctionKey.of_project("greet")
    >>> requests.post("https://gateway.example/function/greet", data=b"...", auth=key)

    Where the function's transport key is known, each request gets a key token of its own:
    of no use for another request, and after five minutes (24 hours for /async-function/)
    for none. Its redirects are not followed.

    A raw key goes where nothing but the key is known, or the function has no transport
    key. A redirect to another origin does not take it along. An asynchronous call raises
    KeyWouldLeak: the queue stores every header. Plain http to another machine warns
    KeyInClear.
    """

    def __init__(
        self,
        text: str,
        *,
        function: Header | None = None,
        address: str = "",
        sealed_body: bool = False,
        lifetime: int | None = None,
    ) -> None:
        """Take the text form `fsk1_…`, or raise MalformedKey.

        `function` is what `verify` returns for the function's sealed file. `address` is
        the function's own where it is no `…/function/NAME`. With `sealed_body`, bodies
        travel sealed both ways, and what `requests` returns is what was inside; an
        answer that is not sealed raises UnexpectedAnswer. `lifetime` is that of a token,
        in seconds.
        """
        self.secret = FUNCTION_KEY.decode(text)
        self.function = function
        self.address = address
        self.sealed_body = sealed_body
        self.lifetime = lifetime
        self._look: Callable[[], tuple[Header, bytes]] | None = None
        if sealed_body and self.raw:
            raise UsageError(
                "bodies are sealed to a function's transport key, and none is known",
                hint="FunctionKey.of_project, from_file with sealed_file, or discover",
            )

    @classmethod
    def generate(cls) -> FunctionKey:
        """Return a new random key."""
        return cls(FUNCTION_KEY.encode(os.urandom(KEY_BYTES)))

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        sealed_file: str | os.PathLike[str] | None = None,
        author: str = "",
        **options: Any,
    ) -> FunctionKey:
        """Read a key file, which other users must not be able to read.

        With `sealed_file`, signed by `author` (`fsap1_…`), its function is known too.
        `options` are those of FunctionKey. Raises KeyRefused or FileRefused.
        """
        text = FUNCTION_KEY.encode(read_key_file(Path(path), FUNCTION_KEY))
        if sealed_file is not None:
            data = Path(sealed_file).read_bytes()
            options["function"] = verify(data, AUTHOR_PUBLIC.decode(author)).header
        return cls(text, **options)

    @classmethod
    def of_project(
        cls, name: str, folder: str | os.PathLike[str] = ".", **options: Any
    ) -> FunctionKey:
        """Return the key and the function `name` of the project in a folder.

        The key is that in `.faas-seal/`; what `sealed/` has must be signed by the stack
        file's `seal_author`, or else by this user. `options` are those of FunctionKey.
        Raises KeyRefused, FileRefused, or UsageError for a name that is not in the stack file.
        """
        stack = find(None, Path(folder))
        text = FUNCTION_KEY.encode(project_key(stack, name))
        return cls(text, function=sealed_header(stack, name), **options)

    @classmethod
    def discover(
        cls,
        url: str,
        *,
        author: str,
        key: FunctionKey | None = None,
        identity: str | os.PathLike[str] | None = None,
        function: str = "",
        seen: str | os.PathLike[str] | None = None,
        session: requests.Session | None = None,
        **options: Any,
    ) -> FunctionKey:
        """Ask the function at `url` what its author has signed, and return a key for it.

        `author` is their public key `fsap1_…`. The key is `key`, or the one that the file
        is sealed with to an `identity`, a key file `fsi1_…` of yours, which never leaves
        this machine. `function` is the name, where the address does not say it.

        If the function then refuses the key, it is asked once more, and called once more
        if it has changed. A file older than one seen before is refused: by this object, or
        by all that share the file `seen`. `session` asks, where TLS or proxies need one.
        `options` are those of FunctionKey. Raises KeyRefused, FileRefused, Unreachable or
        UnexpectedAnswer.
        """
        if (key is None) == (identity is None):
            raise UsageError("discovery takes either a key or an identity")
        seed = read_key_file(Path(identity), IDENTITY_SEED) if identity is not None else b""

        def choose(header: Header) -> bytes:
            if key is not None:
                return check_key(header, key.secret)
            return key_for(header, PrivateKey(seed))

        where = Discovery.of(
            url,
            AUTHOR_PUBLIC.decode(author),
            function=function,
            seen=Seen(Path(seen) if seen else None),
            session=session,
        )
        return cls.found(where, choose, **options)

    @classmethod
    def found(
        cls, where: Discovery, choose: Callable[[Header], bytes], **options: Any
    ) -> FunctionKey:
        """Ask a function what it is, and return a key for it: the one that `choose` returns."""

        def look() -> tuple[Header, bytes]:
            header = where.look()
            return header, choose(header)

        header, secret = look()
        options = {"address": where.address, **options, "function": header}
        found = cls(FUNCTION_KEY.encode(secret), **options)
        found._look = look
        return found

    @property
    def text(self) -> str:
        """The key's text form: a secret."""
        return FUNCTION_KEY.encode(self.secret)

    @property
    def id(self) -> str:
        """The key's id, 16 hexadecimal digits: no secret."""
        return key_id(self.secret)

    @property
    def raw(self) -> bool:
        """Whether the key itself is sent, because no transport key is known."""
        return self.function is None or self.function.transport is None

    def __repr__(self) -> str:
        return f"<FunctionKey {self.id}>"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.function is None or (self.raw and self._look is None):
            self.present_raw(request)
            request.register_hook("response", _stay)  # type: ignore[no-untyped-call]
        else:
            TokenCall(self, request).begin(request, self.function)
        return request

    def present_raw(self, request: requests.PreparedRequest) -> None:
        """Put the key itself into a request, or raise KeyWouldLeak."""
        url = request.url or ""
        if is_queue(url):
            raise KeyWouldLeak(
                "an asynchronous call would leave the key in the queue, which stores every header",
                hint="call /function/ instead of /async-function/",
            )
        if in_clear(url):
            warnings.warn(f"the key travels unencrypted to {host(url)}", KeyInClear, stacklevel=3)
        request.headers[KEY_HEADER] = self.text

    def look_again(self) -> Header | None:
        """Return what the function says of itself now, or None if that is nothing new.

        Raises KeyWouldLeak where that would have the raw key take a token's place.
        """
        if self._look is None or self.function is None:
            return None
        try:
            function, secret = self._look()
        except (Unreachable, UnexpectedAnswer):
            return None
        if self.function.transport is not None and function.transport is None:
            raise KeyWouldLeak(
                "the function no longer has a transport key, and where tokens were taken "
                "the raw key is not sent",
                hint="if that is meant, discover it anew",
            )
        changed = (function.transport, secret) != (self.function.transport, self.secret)
        self.function, self.secret = function, secret
        return function if changed else None


def call(
    method: str,
    url: str,
    key: FunctionKey,
    *,
    body: bytes | Iterable[bytes] = b"",
    headers: dict[str, str] | None = None,
    query: list[tuple[str, str]] | None = None,
) -> requests.Response:
    """Send one request and return its answer, whose body is still to be read.

    Follows no redirect. Raises Unreachable where nobody answers.
    """
    with session_to(url) as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, Duplex())
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
        except requests.exceptions.ChunkedEncodingError:
            raise UnexpectedAnswer("the answer ended early") from None
        except (requests.ConnectionError, requests.Timeout):
            raise Unreachable(
                f"nobody answers at {url}",
                hint="is the gateway up? faas-seal local-run serves functions on this machine",
            ) from None
        except (requests.RequestException, ValueError) as error:
            raise UsageError(f"the request cannot be made: {error}") from None


def _stay(response: requests.Response, **_: Any) -> None:
    """Drop the key where a redirect leads elsewhere: requests would take it along."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["Location"])
        if origin(target) != origin(response.url) or is_queue(target):
            response.request.headers.pop(KEY_HEADER, None)
