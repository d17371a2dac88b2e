"""The function key as a value, and as the `auth` with which `requests` calls its function."""

from __future__ import annotations

import hmac
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from faas_sealed.formats.header import Header
from faas_sealed.formats.keys import FUNCTION_KEY, key_id
from faas_sealed.formats.primitives import KEY_BYTES

from faas_seal.calling.auth import Ask, KeyAuth
from faas_seal.calling.credential import Credential
from faas_seal.calling.discovery import Discovery
from faas_seal.calling.seen import Seen
from faas_seal.calling.slots import check_key, key_for
from faas_seal.errors import UsageError
from faas_seal.keys import AnyPath, AuthorKey, Identity, expect, public_bytes
from faas_seal.project.key_text import exact_key
from faas_seal.project.keystore import read_key_file
from faas_seal.project.sealed import project_key, read_sealed, sealed_header
from faas_seal.project.stackfile import find

if TYPE_CHECKING:
    import requests


class FunctionKey(KeyAuth):
    """The key of one function, and the `auth` with which `requests` calls it.

    >>> key = FunctionKey.of_project("greet")
    >>> requests.post("https://gateway.example/function/greet", data=b"...", auth=key)

    Where the function's transport key is known, each request gets a token of its own. A token
    is good for that one request, and for five minutes (24 hours for /async-function/).
    No redirect is followed. The first answer brings a ticket, with which the tokens of the
    next hour cost less. It stays in this object, which threads can share; copies, pickles and
    forked processes begin without. If the function does not take the ticket, the request is
    made once more without it.

    The raw key is sent where nothing but the key is known, or the sealed file names no
    transport key; after discovery only with `raw`. It follows no redirect either. An
    asynchronous call with it raises KeyWouldLeak, because the queue stores every header. A call
    over plain http to another machine warns with KeyInClear.

    A request raises UsageError if no token can be made for it, as for a body that cannot be
    read beforehand, and FunctionExpired if the function has expired. With sealed bodies, an
    answer that is not sealed raises UnsealedAnswer. Two keys are equal if their secrets are.
    """

    def __init__(
        self,
        text: str,
        *,
        function: Header | None = None,
        address: str = "",
        sealed_body: bool = False,
        pad: bool = False,
        lifetime: int | None = None,
    ) -> None:
        """Take the text form `fsk1_…`, or raise MalformedKey.

        `function` is what `verify` returns for the function's sealed file. `address` is the
        function's own address, where it is not `…/function/NAME`. With `sealed_body`, bodies
        travel sealed both ways, and `requests` returns the response that was inside. That raises
        UnknownTransportKey where no transport key is known. With `pad` too, the length that is
        sent says little about the request's body; answers are padded if the author has set
        `seal_pad`. `lifetime` is the lifetime of a token in seconds, at most 604,800 (7 days);
        another raises LifetimeRefused.
        """
        key = exact_key(text, FUNCTION_KEY)
        super().__init__(Credential(key, function, address, sealed_body, pad, lifetime))

    @classmethod
    def generate(cls) -> FunctionKey:
        """Return a new random key."""
        return cls(FUNCTION_KEY.encode(os.urandom(KEY_BYTES)))

    @classmethod
    def from_file(
        cls,
        path: AnyPath,
        *,
        sealed_file: AnyPath | None = None,
        author: AuthorKey | str = "",
        function: Header | None = None,
        address: str = "",
        sealed_body: bool = False,
        pad: bool = False,
        lifetime: int | None = None,
    ) -> FunctionKey:
        """Read a key file that only its owner may read.

        `sealed_file` takes the place of `function`. Its signature must be that of `author`, a
        key or a public key `fsap1_…`. The other options are those of FunctionKey.

        Raises KeyRefused for the key file: KeyFileMissing, InsecureKeyFile, MalformedKeyFile, or
        KeyFileRefused where it cannot be read. Raises FileRefused for the sealed file:
        SealedFileMissing, WrongAuthor, or another SealedFileRefused.
        """
        text = FUNCTION_KEY.encode(read_key_file(Path(path), FUNCTION_KEY))
        if sealed_file is not None:
            if author == "":
                raise UsageError(
                    "a sealed file was given without its author", hint="give author, fsap1_…"
                )
            function = read_sealed(Path(sealed_file), public_bytes(author)).header
        return cls(
            text,
            function=function,
            address=address,
            sealed_body=sealed_body,
            pad=pad,
            lifetime=lifetime,
        )

    @classmethod
    def of_identity(
        cls,
        identity: Identity,
        function: Header,
        *,
        address: str = "",
        sealed_body: bool = False,
        pad: bool = False,
        lifetime: int | None = None,
    ) -> FunctionKey:
        """Return the key that a sealed file holds for an identity.

        `function` is what `verify` returns for the file. The other options are those of
        FunctionKey. Raises UnknownKey if the file holds no key for the identity, or one that
        has expired.
        """
        expect("identity", identity, Identity)
        expect("function", function, Header)
        text = FUNCTION_KEY.encode(key_for(function, identity.private))
        return cls(
            text,
            function=function,
            address=address,
            sealed_body=sealed_body,
            pad=pad,
            lifetime=lifetime,
        )

    @classmethod
    def of_project(
        cls,
        name: str,
        folder: AnyPath = ".",
        *,
        address: str = "",
        sealed_body: bool = False,
        pad: bool = False,
        lifetime: int | None = None,
    ) -> FunctionKey:
        """Return the key of the function `name` in a project, with its sealed file's header.

        The key is in `.faas-seal/` of the project's `folder`. The sealed file in `sealed/` must
        be signed by the stack file's `seal_author`, or else by this user. The other options are
        those of FunctionKey.

        Raises KeyRefused for the key: FunctionKeyMissing, ProjectMissing, or as `from_file`
        does. Raises FileRefused for the sealed file: SealedFileMissing, WrongAuthor, or another
        SealedFileRefused. Raises UnknownFunction for a name that the stack file does not have,
        StackFileRefused for a stack file that cannot be read, and UnknownAuthor where nothing
        names the author.
        """
        stack = find(None, Path(folder))
        text = FUNCTION_KEY.encode(project_key(stack, name))
        return cls(
            text,
            function=sealed_header(stack, name),
            address=address,
            sealed_body=sealed_body,
            pad=pad,
            lifetime=lifetime,
        )

    @classmethod
    def discover(
        cls,
        url: str,
        *,
        author: AuthorKey | str,
        key: FunctionKey | None = None,
        identity: Identity | AnyPath | None = None,
        function: str = "",
        seen: AnyPath | None = None,
        session: requests.Session | None = None,
        raw: bool = False,
        address: str = "",
        sealed_body: bool = False,
        pad: bool = False,
        lifetime: int | None = None,
    ) -> FunctionKey:
        """Ask the function at `url` what its author has signed, and return a key for it.

        `author` is a key, or a public key `fsap1_…`. The function key is either `key`, or the
        one that the sealed file holds for `identity`, a value or a key file. `function` is the
        function's name, where the address does not say it.

        If the function later refuses the key, it is asked once more. If it has changed, it is
        also called once more. A sealed file older than one seen before is refused, by this
        object or by all that share the file `seen`. `raw` sends the key itself to a function
        that has no transport key. Without it, such a function raises KeyWouldLeak: somebody on
        the way could have put an old file there. `session` is the session of `requests` that
        asks, where TLS or proxies need one. The other options are those of FunctionKey.

        Raises KeyRefused for a key or identity that does not open the function (UnknownKey) or
        cannot be read, and for a function without a transport key (KeyWouldLeak). Raises
        FileRefused for what the function says of itself: WrongAuthor or another
        SealedFileRefused, WrongFunction, RolledBack, FunctionExpired. Raises Unreachable where
        nobody answers, UnexpectedAnswer where the function does not say what it is,
        UnnamedFunction where nothing names the function, UsageError for a URL that is no
        address, and SealError if the file `seen` is damaged.
        """
        if (key is None) == (identity is None):
            raise UsageError("discovery takes either a key or an identity")
        if not (identity is None or isinstance(identity, Identity)):
            identity = Identity.from_file(identity)

        def choose(header: Header) -> bytes:
            if identity is not None:
                return key_for(header, identity.private)
            assert key is not None
            return check_key(header, key.secret)

        where = Discovery.of(
            url,
            public_bytes(author),
            function=function,
            seen=Seen(None if seen is None else Path(seen)),
            session=session,
        )
        ask: Ask = partial(where.find, choose)
        header, secret = ask()
        if not raw:
            where.check_transport_key(header)
        found = cls(
            FUNCTION_KEY.encode(secret),
            function=header,
            address=address or where.address,
            sealed_body=sealed_body,
            pad=pad,
            lifetime=lifetime,
        )
        found._ask = ask
        return found

    @property
    def secret(self) -> bytes:
        """The key itself, 32 bytes."""
        return self.credential.function_key

    @property
    def text(self) -> str:
        """The text form of the key: keep it secret, too."""
        return FUNCTION_KEY.encode(self.secret)

    @property
    def id(self) -> str:
        """The key's id, 16 hexadecimal digits: no secret."""
        return key_id(self.secret)

    @property
    def function(self) -> Header | None:
        """The verified header of the function's sealed file, or None if it is not known."""
        return self.credential.function

    @property
    def address(self) -> str:
        """The function's own address, where one was given or discovered."""
        return self.credential.address

    @property
    def sealed_body(self) -> bool:
        """Whether bodies travel sealed."""
        return self.credential.sealed_body

    @property
    def pad(self) -> bool:
        """Whether sealed requests are padded."""
        return self.credential.pad

    @property
    def lifetime(self) -> int | None:
        """The lifetime of a token in seconds, or None for the usual one."""
        return self.credential.lifetime

    @property
    def raw(self) -> bool:
        """Whether the key itself is sent, because no transport key is known."""
        return self.credential.raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FunctionKey):
            return NotImplemented
        return hmac.compare_digest(self.secret, other.secret)

    def __hash__(self) -> int:
        # Discovery may bring a new secret, and a hash must not change.
        return hash(FunctionKey)

    def __repr__(self) -> str:
        return f"<FunctionKey {self.id}>"
