"""What `invoke` and `header` share: which function it is, and the key that opens it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from faas_sealed.formats.errors import MissingKey
from faas_sealed.formats.header import Header
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY, IDENTITY_SEED

from faas_seal.calling.addresses import base_address, check_address, function_in
from faas_seal.calling.auth import FunctionKey
from faas_seal.calling.discovery import Discovery, Seen, check_key, has_slot, key_for, slot_of
from faas_seal.cli.lookup import function_key, project, read_author
from faas_seal.cli.shared_options import author_option, key_options, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.keystore import KeySource, Keystore, identity_path, read_key_file
from faas_seal.project.sealed import sealed_header
from faas_seal.project.stackfile import StackFile, find, sealed_file

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Caller:
    """Who calls: with a key or an identity, and an author whom they trust, as far as given.

    `function` is a name that the address does not say; `raw` wants the key itself sent.
    """

    key: KeySource
    identity: str | None
    author: str | None
    function: str | None
    raw: bool
    stack: str | None

    def name_at(self, url: str) -> str:
        """Return the name of the function at an address, or an empty string."""
        return self.function or function_in(url)

    def key_at(self, url: str, *, sealed_body: bool = False) -> FunctionKey:
        """Return the key for the function at an address, asked of it if an author is given."""
        check_address(url)
        if self.author is not None:
            found = self._discovered(url, sealed_body)
            return FunctionKey(found.text) if self.raw else found
        name, given = self.name_at(url), self._given()
        if not name and given is None:
            raise UsageError(
                "this address names no function, so that its key is unknown",
                hint="give the key with --key-file, --key-env or --key-command",
            )
        header = self._in_project(name) if name else None
        if header and isinstance(given, bytes) and not has_slot(header, given):
            header = None  # a function of this name, but of another project
        if given is None and header is None and not self._has(name):
            raise MissingKey(
                f"no key is given for {name}, which is no function of this project",
                hint="someone else's function? Name its author: --author fsap1_…, "
                "or give its key with --key-file",
            )
        return self._key(name, given, header, base_address(url), sealed_body)

    def key_of(self, name: str, *, sealed_body: bool = False) -> FunctionKey:
        """Return the key for a function of this project."""
        return self._key(name, self._given(), self._in_project(name), "", sealed_body)

    def _key(
        self,
        name: str,
        given: bytes | PrivateKey | None,
        header: Header | None,
        address: str,
        sealed_body: bool,
    ) -> FunctionKey:
        if header is None and isinstance(given, PrivateKey):
            raise UsageError(
                "an identity opens a sealed file, and none is here",
                hint="give an address and its author with --author: the function has the file",
            )
        text = FUNCTION_KEY.encode(self._chosen(name, given, header))
        function = None if self.raw else header
        if sealed_body and (function is None or function.transport is None):
            raise UsageError(
                "bodies are sealed to a function's transport key, and none is known here",
                hint="give an address and its author with --author: the function has the key",
            )
        return FunctionKey(text, function=function, address=address, sealed_body=sealed_body)

    def _discovered(self, url: str, sealed_body: bool) -> FunctionKey:
        seen = Seen(identity_path().with_name("seen.json"))
        author, given = read_author(self.author or ""), self._given()
        where = Discovery.of(url, author, function=self.function or "", seen=seen)

        def choose(header: Header) -> bytes:
            return check_key(header, self._chosen(where.function, given, header))

        return FunctionKey.found(where, choose, sealed_body=sealed_body)

    def _given(self) -> bytes | PrivateKey | None:
        """Return the function key (32 bytes) or the identity that the options name."""
        if self.key and self.identity:
            raise UsageError("give either a key or an identity")
        if self.key:
            return self.key.read(FUNCTION_KEY)
        if self.identity is None:
            return None
        return PrivateKey(KeySource(self.identity).read(IDENTITY_SEED))

    def _chosen(self, name: str, given: bytes | PrivateKey | None, header: Header | None) -> bytes:
        """Return the key that is given, or else of this project, or else of this user."""
        if isinstance(given, bytes):
            return given
        if given is not None and header is not None:
            return key_for(header, given)
        if Keystore(project(self.stack)).path(name).exists():
            secret = function_key(self.key, name, self.stack)
            if header is None or has_slot(header, secret):
                return secret
        path = identity_path()
        if header is not None and path.exists():
            identity = PrivateKey(read_key_file(path, IDENTITY_SEED))
            if slot_of(header, identity):
                return key_for(header, identity)
        if self.author is not None:
            raise MissingKey(
                f"{name} is sealed to no key or identity that is here",
                hint="give one with --identity, --key-file, --key-env or --key-command",
            )
        return function_key(self.key, name, self.stack)

    def _has(self, name: str) -> bool:
        """Tell whether this project has a function `name`, or a key for it."""
        stack = find(self.stack)
        known = stack.exists() and name in StackFile.load(stack).functions
        return known or Keystore(stack.parent).path(name).exists()

    def _in_project(self, name: str) -> Header | None:
        """Return what the sealed file of a function says, if there is one and it matters."""
        stack = find(self.stack)
        if (self.raw and not self.identity) or not sealed_file(stack.parent, name).is_file():
            return None
        return sealed_header(stack, name)


def caller_options(command: Command) -> Command:
    """Add the options that say who calls, given on as `caller`."""

    @stack_option
    @key_options("key", "function key")
    @author_option
    @click.option(
        "--identity",
        metavar="FILE",
        type=click.Path(),
        help="Your identity, fsi1_…. [~/.config/faas-seal/identity.key, where it opens the file]",
    )
    @click.option("--function", metavar="NAME", help="The name, where an address does not say it.")
    @click.option("--raw", is_flag=True, help="Send the key itself, and no key token.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        key: KeySource,
        author: str | None,
        identity: str | None,
        function: str | None,
        raw: bool,
        stack_option: str | None,
        **values: Any,
    ) -> Any:
        caller = Caller(key, identity, author, function, raw, stack_option)
        return command(*args, caller=caller, **values)

    return wrapped  # type: ignore[return-value]
