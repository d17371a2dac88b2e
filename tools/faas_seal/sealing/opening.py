"""What opens a function: keys that are there, and new ones in place of those that are not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from faas_sealed.formats.errors import FileRefused, MissingKey
from faas_sealed.formats.file import Header, Recipient, SealedFile, verify
from faas_sealed.formats.grant import grant
from faas_sealed.formats.keys import key_id
from faas_sealed.formats.primitives import KEY_BYTES, context

from faas_seal.errors import UsageError
from faas_seal.project.keystore import Keystore
from faas_seal.project.secrets import (
    SecretFiles,
    transport_public,
    transport_secret,
)
from faas_seal.project.stackfile import Function, StackFile, sealed_file
from faas_seal.sealing.terms import Terms


@dataclass(frozen=True)
class Opening:
    """What one function is to be sealed to. Nothing of it is written yet.

    `function_key` (32 bytes) is None where only the invokers of the terms may open it;
    `transport` is a public key (1,216 bytes), `new_transport_seed` its secret if it is new.
    """

    terms: Terms
    function_key: bytes | None = field(repr=False)
    transport: bytes | None = field(repr=False)
    new_function_key: bool = False
    new_transport_seed: bytes | None = field(default=None, repr=False)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the function keys that are known before the seal."""
        keys = [self.function_key, *(invoker.function_key for invoker in self.terms.invokers)]
        return tuple(key_id(key) for key in keys if key is not None)

    @property
    def summary(self) -> object:
        """What `summary_of` returns of a file that is sealed to this."""
        own = [] if self.function_key is None else [(key_id(self.function_key), None)]
        invokers = [(invoker.id, invoker.expires) for invoker in self.terms.invokers]
        return _summary([*own, *invokers], self.terms.expires, self.transport)

    def fits(self, file: SealedFile | None) -> bool:
        """Tell whether all function keys that are known open a sealed file."""
        return file is not None and set(self.key_ids) <= {slot.id for slot in file.header.slots}

    def recipients(self, function: str, author: bytes) -> list[Recipient]:
        """Return the recipients of a sealed file, each with their slot's function key."""
        found = [] if self.function_key is None else [Recipient(self.function_key)]
        for invoker in self.terms.invokers:
            key = invoker.function_key or os.urandom(KEY_BYTES)
            to = grant(key, invoker.identity, context(function, author))
            found.append(Recipient(key, invoker.expires, to))
        return found


def summary_of(header: Header) -> object:
    """Return on which terms a file is sealed, as JSON can say it.

    Whoever has an identity is named by that: their function key may be new at each seal.
    """
    slots = [(slot.to.id if slot.to else slot.id, slot.expires) for slot in header.slots]
    return _summary(slots, header.expires, header.transport)


def _summary(
    openers: Iterable[tuple[str, int | None]], expires: int | None, transport: bytes | None
) -> object:
    digest = None if transport is None else hashlib.sha256(transport).hexdigest()
    return sorted(openers, key=lambda opener: (opener[0], opener[1] or 0)), expires, digest


def gather(
    stack: StackFile,
    function: Function,
    author: bytes,
    terms: Terms,
    *,
    function_key: bytes | None = None,
    transport: bytes | None = None,
    new_author: bool = False,
) -> Opening:
    """Return what `function` is to be sealed to on these terms.

    A given `function_key` or public `transport` key comes before that of the project.
    `author` is a public key (32 bytes). Raises MissingKey where a new key would be of no
    use, and KeyRefused for one that cannot be read.
    """
    store = Keystore(stack.folder)
    new_key = False
    if not terms.own_key and function_key is not None:
        raise UsageError(
            f"{function.name} is sealed to its recipients alone, and a function key was given",
            hint="--own-key lets a key of yours open it again",
        )
    if terms.own_key and function_key is None:
        new_key = not store.path(function.name).exists()
        function_key = os.urandom(KEY_BYTES) if new_key else store.function_key(function.name)
    seed = None
    if not terms.transport:
        transport = None
    elif transport is None:
        transport = _known_transport(stack, function, author, new_author=new_author)
        if transport is None:
            seed = os.urandom(KEY_BYTES)
            transport = transport_public(seed)
    keys = [
        invoker
        if invoker.function_key or not terms.own_key
        else replace(invoker, function_key=os.urandom(KEY_BYTES))
        for invoker in terms.invokers
    ]
    return Opening(replace(terms, invokers=tuple(keys)), function_key, transport, new_key, seed)


def sealed_before(stack: StackFile, name: str, author: bytes) -> SealedFile | None:
    """Return the sealed file that is there, if it is this author's and whole."""
    try:
        return verify(sealed_file(stack.folder, name).read_bytes(), author)
    except (OSError, FileRefused):
        return None


def _known_transport(
    stack: StackFile, function: Function, author: bytes, *, new_author: bool
) -> bytes | None:
    """Return the transport public key of a function that has one, here or where it is deployed."""
    secret = transport_secret(function)
    if seeds := SecretFiles(stack.folder).transport_seeds(secret):
        return transport_public(seeds[0])
    # A build server seals without the secret: what the gateway has fits the file before.
    before = sealed_before(stack, function.name, author)
    if before is not None and before.header.transport is not None:
        return before.header.transport
    if "seal_transport" in function.environment and not new_author:
        raise MissingKey(
            f"{stack.path.name} names the transport secret {secret} for {function.name}, and "
            f"{SecretFiles(stack.folder).path(secret)} is not there",
            hint=f"put it there, or seal with --transport-key; faas-seal keygen --transport "
            f"{function.name} makes another",
        )
    return None
