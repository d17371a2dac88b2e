"""The plan of one function's seal: everything about it in memory, before a file is written."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from faas_sealed.formats.file import (
    Recipient,
    SealedFile,
    Unsigned,
    prepare,
)
from faas_sealed.formats.grant import grant
from faas_sealed.formats.keys import AUTHOR_PUBLIC, key_id
from faas_sealed.formats.primitives import KEY_BYTES, context

from faas_seal.errors import SourceRefused
from faas_seal.project.keystore import Keystore
from faas_seal.project.secrets import SecretFiles, transport_public, transport_secret
from faas_seal.project.source_folder import CONSTRAINTS, REQUIREMENTS, source_folder
from faas_seal.project.stackfile import (
    SEALED_FILE,
    Function,
    StackFile,
    check_name,
    sealed_folder,
)
from faas_seal.project.template import image_python
from faas_seal.sealing.copied import copied_parts
from faas_seal.sealing.errors import NotTheAuthor, RecipientsOnly, TransportSecretMissing
from faas_seal.sealing.in_place import file_in_place, if_signed_by, is_in_place
from faas_seal.sealing.options import SealOptions
from faas_seal.sealing.setting_checks import check_settings
from faas_seal.sealing.source import Source, read_source
from faas_seal.sealing.state import source_digest, state_of, summary
from faas_seal.sealing.terms import Terms

# What a sealed folder may hold. macOS makes the last one.
_EXPECTED = {SEALED_FILE, REQUIREMENTS, CONSTRAINTS, ".DS_Store"}


@dataclass(frozen=True)
class Plan:
    """One function's seal: what goes in, who can open it, and the sealed file.

    `author` is a public key (32 bytes). `in_place` is the sealed file that the function has
    already, if it is whole, whoever signed it. `terms_before` are the remembered terms.

    `function_key` (32 bytes) is the project's own, or None if only recipients can open the
    function. `transport` is a public key (1,216 bytes), or None if the function takes no key
    tokens. A function key that is new, and the seed of a new transport key, are still to be
    written.

    `file` is the new sealed file, and `state` is its state. They are None and empty until the
    plan is signed, and also after that if the file in place is up to date.
    """

    stack: StackFile
    function: Function
    author: bytes
    source: Source
    in_place: SealedFile | None
    terms_before: Terms
    terms: Terms
    function_key: bytes | None = field(repr=False)
    function_key_is_new: bool
    transport: bytes | None
    new_transport_seed: bytes | None = field(repr=False)
    file: SealedFile | None = None
    state: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    @property
    def folder(self) -> Path:
        """The folder for the sealed file and the requirements."""
        return sealed_folder(self.stack.folder, self.name)

    @property
    def previous(self) -> SealedFile | None:
        """The sealed file in place, if this author signed it."""
        return if_signed_by(self.in_place, self.author)

    @property
    def sealed(self) -> SealedFile:
        """The sealed file of a signed plan, new or in place."""
        file = self.file or self.in_place
        assert file is not None
        return file

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the function keys that will open the file, as far as they are known now."""
        keys = [self.function_key, *(known.function_key for known in self.terms.recipients)]
        return tuple(key_id(key) for key in keys if key is not None)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The names and ids of recipients who could open the function and no longer can."""
        before = self.terms_before.recipients
        return tuple(known.shown for known in before if known.id not in self.terms.ids)

    @property
    def locked_out(self) -> tuple[str, ...]:
        """The ids of the keys that open the file in place, if none of them opens the new one.

        Keys of recipients do not count: a recipient finds the new key in the new file.
        """
        slots = self.in_place.header.slots if self.in_place else ()
        ids = tuple(slot.id for slot in slots if slot.to is None)
        return () if set(ids) & set(self.key_ids) else ids

    def encrypted(self) -> Unsigned:
        """Encrypt the source for all who can open it. The author still has to sign the result."""
        before = self.previous
        return prepare(
            self.source.bundle,
            function=self.name,
            author=self.author,
            recipients=self._recipients(),
            created=max(int(time.time()), before.header.created + 1 if before else 0),
            expires=self.terms.expires,
            transport=self.transport,
            preload=self.source.libraries,
        )

    def signed(self, seed: bytes, *, anew: bool = False) -> Plan:
        """Return the plan with a new sealed file, unless the one in place is up to date.

        `seed` is the author's signing seed (32 bytes). `anew` makes a new one in any case.
        """
        digest = source_digest(self.name, self.source, self._summary, seed)
        before = self.previous
        if before is not None and self._fits(before) and not anew:
            state = state_of(digest, before)
            if is_in_place(self.stack, self.name, state, self.source):
                return self
        unsigned = self.encrypted()
        file = unsigned.signed(unsigned.signature(seed))
        return replace(self, file=file, state=state_of(digest, file))

    @property
    def _summary(self) -> object:
        own = [] if self.function_key is None else [(key_id(self.function_key), None)]
        recipients = [(known.id, known.expires) for known in self.terms.recipients]
        return summary([*own, *recipients], self.terms.expires, self.transport)

    def _fits(self, file: SealedFile) -> bool:
        """Tell whether a file opens with all the keys that are known."""
        return set(self.key_ids) <= {slot.id for slot in file.header.slots}

    def _recipients(self) -> list[Recipient]:
        found = [] if self.function_key is None else [Recipient(self.function_key)]
        for known in self.terms.recipients:
            key = known.function_key or os.urandom(KEY_BYTES)
            to = grant(key, known.identity, context(self.name, self.author))
            found.append(Recipient(key, known.expires, to))
        return found


def make_plan(
    stack: StackFile,
    function: Function,
    author: bytes,
    options: SealOptions,
    *,
    function_key: bytes | None = None,
) -> Plan:
    """Return the plan of a function's seal. Nothing is encrypted or written yet.

    `author` is a public key (32 bytes). A given `function_key` (32 bytes) comes before the
    project's. Raises SealError for anything that keeps the function from being sealed.
    """
    check_settings(function)
    name = check_name(function.name)
    terms_before = Terms.load(Keystore(stack.folder).terms_path(name))
    terms = options.terms_for(name, terms_before)
    in_place = file_in_place(stack, name)
    key, key_is_new = _function_key(stack, name, terms, function_key)
    transport, seed = _transport(stack, function, author, options, terms, in_place)
    return Plan(
        stack=stack,
        function=function,
        author=author,
        source=source_to_seal(stack, function, author, new_author=options.new_author),
        in_place=in_place,
        terms_before=terms_before,
        terms=_with_keys(terms),
        function_key=key,
        function_key_is_new=key_is_new,
        transport=transport,
        new_transport_seed=seed,
    )


def source_to_seal(
    stack: StackFile, function: Function, author: bytes, *, new_author: bool = False
) -> Source:
    """Return a function's source, read and checked.

    `author` is a public key (32 bytes). `new_author` allows an author whom the stack file does
    not name. Raises SealError for a source that cannot be sealed.
    """
    mine = AUTHOR_PUBLIC.encode(author)
    named = function.environment.get("seal_author", mine)
    if named != mine and not new_author:
        raise NotTheAuthor(function.name, named)
    path = source_folder(stack, function)
    _check_folders(path, sealed_folder(stack.folder, function.name))
    return read_source(path, copied_parts(stack), image_python(stack.folder, function))


def _function_key(
    stack: StackFile, name: str, terms: Terms, given: bytes | None
) -> tuple[bytes | None, bool]:
    """Return the project's own key of a function, if it has one, and whether that is new."""
    if not terms.own_key:
        if given is not None:
            raise RecipientsOnly(name)
        return None, False
    if given is not None:
        return given, False
    store = Keystore(stack.folder)
    if not store.path(name).exists():
        return os.urandom(KEY_BYTES), True
    return store.function_key(name), False


def _transport(
    stack: StackFile,
    function: Function,
    author: bytes,
    options: SealOptions,
    terms: Terms,
    in_place: SealedFile | None,
) -> tuple[bytes | None, bytes | None]:
    """Return the transport public key of a function, and its seed if the key is new."""
    if not terms.transport:
        return None, None
    if options.transport_key is not None:
        return options.transport_key, None
    secret = transport_secret(function)
    files = SecretFiles(stack.folder)
    if seeds := files.transport_seeds(secret):
        return transport_public(seeds[0]), None
    # A build server does not have the secret. The gateway has the one for the file in place.
    previous = if_signed_by(in_place, author)
    if previous is not None and previous.header.transport is not None:
        return previous.header.transport, None
    if "seal_transport" in function.environment and not options.new_author:
        raise TransportSecretMissing(stack.path.name, function.name, secret, files.path(secret))
    seed = os.urandom(KEY_BYTES)
    return transport_public(seed), seed


def _with_keys(terms: Terms) -> Terms:
    """Return the terms with a function key for every recipient, if the project keeps keys."""
    if not terms.own_key:
        return terms
    recipients = (
        replace(known, function_key=known.function_key or os.urandom(KEY_BYTES))
        for known in terms.recipients
    )
    return replace(terms, recipients=tuple(recipients))


def _check_folders(source: Path, folder: Path) -> None:
    if folder.resolve().is_relative_to(source.resolve()):
        raise SourceRefused(
            f"the source folder {source} holds the sealed folder {folder}",
            hint="move the source to a folder of its own",
        )
    if folder.is_dir():
        others = {path.name for path in folder.iterdir()} - _EXPECTED
        if others:
            raise SourceRefused(
                f"{folder} holds more than a sealed function: {', '.join(sorted(others))}",
                hint="remove that: faas-cli would send it to whoever builds the image",
            )
