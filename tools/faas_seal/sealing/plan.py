"""The plan of one function's seal: everything about it in memory, before a file is written."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from faas_sealed.formats.errors import FileRefused
from faas_sealed.formats.file import (
    Recipient,
    SealedFile,
    Unsigned,
    claimed_author,
    prepare,
    verify,
)
from faas_sealed.formats.grant import grant
from faas_sealed.formats.keys import AUTHOR_PUBLIC, key_id
from faas_sealed.formats.primitives import KEY_BYTES, context

from faas_seal.errors import SourceRefused
from faas_seal.project.files import read_if_there
from faas_seal.project.keystore import Keystore
from faas_seal.project.secrets import SecretFiles, transport_public, transport_secret
from faas_seal.project.source_folder import REQUIREMENTS, source_folder
from faas_seal.project.stackfile import (
    SEALED_FILE,
    Function,
    StackFile,
    check_name,
    sealed_file,
    sealed_folder,
)
from faas_seal.sealing.errors import NotTheAuthor, RecipientsOnly, TransportSecretMissing
from faas_seal.sealing.options import SealOptions
from faas_seal.sealing.setting_checks import check_settings
from faas_seal.sealing.source import Source, read_source
from faas_seal.sealing.state import remembered_state, source_digest, state_of, summary
from faas_seal.sealing.terms import Terms

# The last is macOS's, which keeps names of files in it.
_MAY_BE_SEALED = {SEALED_FILE, REQUIREMENTS, ".DS_Store"}


@dataclass(frozen=True)
class Plan:
    """One function's seal, before anything of it is written.

    `author` is a public key (32 bytes). `in_place` is the sealed file that lies where the
    new one goes, if it is whole, whoever signed it. `terms_before` are the terms that were
    remembered.

    `function_key` (32 bytes) is None where only recipients can open the function,
    `transport` a public key (1,216 bytes) or None. Those that are new are not written yet:
    `function_key_is_new`, `new_transport_seed`.

    `file` is the new sealed file, or None where the one in place stays; `state` what is
    remembered of it.
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
        return signed_by_author(self.in_place, self.author)

    @property
    def sealed(self) -> SealedFile:
        """The sealed file that is in place once the plan is written."""
        file = self.file or self.in_place
        assert file is not None
        return file

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the function keys that will open the file and are known before the seal."""
        keys = [self.function_key, *(known.function_key for known in self.terms.recipients)]
        return tuple(key_id(key) for key in keys if key is not None)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The recipients who could open the function and cannot any more, as people read them."""
        before = self.terms_before.recipients
        return tuple(known.shown for known in before if known.id not in self.terms.ids)

    @property
    def locked_out(self) -> tuple[str, ...]:
        """The ids of the raw keys of the file in place, if none of its callers can go on.

        Recipients are not among them: they find their new key in the file itself.
        """
        slots = self.in_place.header.slots if self.in_place else ()
        ids = tuple(slot.id for slot in slots if slot.to is None)
        return () if set(ids) & set(self.key_ids) else ids

    def encrypted(self) -> Unsigned:
        """Encrypt the source for everybody who is to open it; the author has to sign it."""
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
                return replace(self, state=state)
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
    """Return the plan of a function's seal. Nothing is encrypted yet, and nothing is written.

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
        stack,
        function,
        author,
        source_to_seal(stack, function, author, new_author=options.new_author),
        in_place,
        terms_before,
        _with_keys(terms),
        key,
        key_is_new,
        transport,
        seed,
    )


def source_to_seal(
    stack: StackFile, function: Function, author: bytes, *, new_author: bool = False
) -> Source:
    """Return a function's source, read and checked.

    `author` is a public key (32 bytes); `new_author` allows another than the stack file
    names. Raises SealError for a source that cannot be sealed.
    """
    mine = AUTHOR_PUBLIC.encode(author)
    named = function.environment.get("seal_author", mine)
    if named != mine and not new_author:
        raise NotTheAuthor(function.name, named)
    path = source_folder(stack, function)
    _check_folders(path, sealed_folder(stack.folder, function.name))
    return read_source(path)


def file_in_place(stack: StackFile, name: str) -> SealedFile | None:
    """Return the sealed file of a function, or None if it is missing or damaged.

    Its signature is verified with the author that it names.
    """
    try:
        data = sealed_file(stack.folder, name).read_bytes()
        return verify(data, claimed_author(data))
    except (OSError, FileRefused):
        return None


def signed_by_author(file: SealedFile | None, author: bytes) -> SealedFile | None:
    """Return a file if `author` (public key, 32 bytes) signed it, or None."""
    return file if file is not None and file.header.author == author else None


def is_in_place(stack: StackFile, name: str, state: bytes, source: Source) -> bool:
    """Tell whether the sealed folder has a file of this state, with its requirements."""
    requirements = read_if_there(sealed_folder(stack.folder, name) / REQUIREMENTS)
    return remembered_state(stack.folder, name) == state and requirements == source.requirements


def _function_key(
    stack: StackFile, name: str, terms: Terms, given: bytes | None
) -> tuple[bytes | None, bool]:
    """Return the key that opens the function beside the recipients' keys, and whether it is new."""
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
    """Return the transport public key of a function, and the seed of it if that is new."""
    if not terms.transport:
        return None, None
    if options.transport_key is not None:
        return options.transport_key, None
    secret = transport_secret(function)
    files = SecretFiles(stack.folder)
    if seeds := files.transport_seeds(secret):
        return transport_public(seeds[0]), None
    # A build server seals without the secret: the gateway's fits the file in place.
    previous = signed_by_author(in_place, author)
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
        others = {path.name for path in folder.iterdir()} - _MAY_BE_SEALED
        if others:
            raise SourceRefused(
                f"{folder} holds more than a sealed function: {', '.join(sorted(others))}",
                hint="remove that: faas-cli would send it to whoever builds the image",
            )
