"""The choice of the key for a call: one that is given, the project's own, or an identity's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faas_sealed.formats.header import Header
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY, IDENTITY_SEED

from faas_seal.calling.addresses import base_address, check_address, function_in
from faas_seal.calling.auth import KeyAuth
from faas_seal.calling.credential import Credential
from faas_seal.calling.discovery import Discovery
from faas_seal.calling.seen import Seen
from faas_seal.calling.slots import check_key, has_slot, key_for, slot_of
from faas_seal.errors import (
    ForeignFunction,
    IdentityWithoutFile,
    NoKeyFits,
    UnknownKeyForAddress,
    UsageError,
)
from faas_seal.project.key_source import KeySource
from faas_seal.project.keystore import Keystore, identity_path, read_key_file
from faas_seal.project.sealed import project_key, sealed_header
from faas_seal.project.stackfile import StackFile, sealed_file

# A function key (32 bytes) or an identity.
_Given = bytes | PrivateKey


@dataclass(frozen=True)
class Caller:
    """Somebody who calls functions, with the keys and authors that they have named.

    `stack` is the stack file of the project that they are in, whether it exists or not. `key` is
    the source of a function key, `identity` a key file or `-`, `author` a public key (32
    bytes). `function` is the function's name, where the address does not say it. With `raw`,
    the key itself is sent. They make one call, and so ask for no ticket.
    """

    stack: Path
    key: KeySource
    identity: str | None = None
    author: bytes | None = None
    function: str = ""
    raw: bool = False

    def name_at(self, url: str) -> str:
        """Return the name of the function at an address, or an empty string."""
        return self.function or function_in(url)

    def auth_at(self, url: str, *, sealed_body: bool = False, pad: bool = False) -> KeyAuth:
        """Return the authentication for the function at an address.

        If an author is given, the function is asked what they have signed. `sealed_body` and
        `pad` are those of Credential. Raises UsageError, KeyRefused or FileRefused, and what
        `Discovery.look` raises.
        """
        check_address(url)
        if self.author is not None:
            return self._discovered(url, self.author, sealed_body=sealed_body, pad=pad)
        name, given = self.name_at(url), self._given()
        if not name and given is None:
            raise UnknownKeyForAddress(
                "this address names no function, so its key is unknown",
                hint="give its key, or its name",
            )
        header = self._in_project(name) if name else None
        if header and isinstance(given, bytes) and not has_slot(header, given):
            header = None  # a function of this name, but of another project
        if given is None and header is None and not self._has(name):
            raise ForeignFunction(
                f"no key is given for {name}, which is no function of this project",
                hint="give the public key of its author, or its key",
            )
        address = base_address(url)
        return KeyAuth(self._credential(name, given, header, address, sealed_body, pad))

    def auth_of(self, name: str, *, sealed_body: bool = False, pad: bool = False) -> KeyAuth:
        """Return the authentication for a function of this project. Raises as `auth_at` does."""
        given, header = self._given(), self._in_project(name)
        return KeyAuth(self._credential(name, given, header, "", sealed_body, pad))

    def _credential(
        self,
        name: str,
        given: _Given | None,
        header: Header | None,
        address: str,
        sealed_body: bool,
        pad: bool,
    ) -> Credential:
        if header is None and isinstance(given, PrivateKey):
            raise IdentityWithoutFile(
                "an identity opens the function's sealed file, which is not here",
                hint="give the public key of the author: the function has the file",
            )
        function_key = self._chosen(name, given, header)
        function = None if self.raw else header
        return Credential(function_key, function, address, sealed_body, pad, tickets=False)

    def _discovered(self, url: str, author: bytes, *, sealed_body: bool, pad: bool) -> KeyAuth:
        seen = Seen(identity_path().with_name("seen.json"))
        given = self._given()
        where = Discovery.of(url, author, function=self.function, seen=seen)

        def choose(header: Header) -> bytes:
            return check_key(header, self._chosen(where.function, given, header))

        ask = partial(where.find, choose)
        header, function_key = ask()
        if self.raw:
            return KeyAuth(Credential(function_key, sealed_body=sealed_body, pad=pad))
        where.check_transport_key(header)
        credential = Credential(
            function_key, header, where.address, sealed_body, pad, tickets=False
        )
        return KeyAuth(credential, ask)

    def _given(self) -> _Given | None:
        """Return the function key or the identity that is given, if one is."""
        if self.key and self.identity:
            raise UsageError("give either a key or an identity")
        if self.key:
            return self.key.read(FUNCTION_KEY)
        if self.identity is None:
            return None
        return PrivateKey(KeySource(self.identity).read(IDENTITY_SEED))

    def _chosen(self, name: str, given: _Given | None, header: Header | None) -> bytes:
        """Return the function key that is given, or else the project's, or else this user's."""
        if isinstance(given, bytes):
            return given
        if given is not None and header is not None:
            return key_for(header, given)
        if Keystore(self.stack.parent).path(name).exists():
            own = project_key(self.stack, name)
            if header is None or has_slot(header, own):
                return own
        path = identity_path()
        if header is not None and path.exists():
            identity = PrivateKey(read_key_file(path, IDENTITY_SEED))
            if slot_of(header, identity):
                return key_for(header, identity)
        if self.author is not None:
            raise NoKeyFits(
                f"{name} is sealed to no key or identity that is here",
                hint="give one that it is sealed to",
            )
        return project_key(self.stack, name)

    def _has(self, name: str) -> bool:
        """Tell whether this project has a function `name`, or a key for it."""
        known = self.stack.exists() and name in StackFile.load(self.stack).functions
        return known or Keystore(self.stack.parent).path(name).exists()

    def _in_project(self, name: str) -> Header | None:
        """Return the verified header of a function's sealed file, if it is here and needed."""
        if self.raw and not self.identity:
            return None
        if not sealed_file(self.stack.parent, name).is_file():
            return None
        return sealed_header(self.stack, name)
