"""From a source folder to a sealed folder: planned in memory, then written at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats.errors import FileRefused
from faas_sealed.formats.file import SealedFile, claimed_author, verify
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public

from faas_seal.project.files import Replacement, read_if_there, replace_together
from faas_seal.project.keystore import Keystore
from faas_seal.project.secrets import transport_secret
from faas_seal.project.stackfile import SEALED_FILE, SEALED_FOLDER, Function, StackFile, check_name
from faas_seal.sealing.draft import REQUIREMENTS, Draft, draft_of, source_of
from faas_seal.sealing.imports import own_modules
from faas_seal.sealing.opening import Opening, summary_of
from faas_seal.sealing.terms import Terms


@dataclass(frozen=True)
class Plan:
    """What sealing one function comes to, before anything is written.

    `file` is None where the sealed folder is up to date already. `locked_out` are the ids of
    the keys that open the file in its place and will not open this one.
    """

    function: Function
    source: str
    folder: Path
    opening: Opening
    file: SealedFile | None
    requirements: bytes
    preload: tuple[str, ...]
    own_modules: tuple[str, ...]
    locked_out: tuple[str, ...]
    left_out: tuple[str, ...]
    state: bytes = field(repr=False)


def plan(
    stack: StackFile,
    name: str,
    seed: bytes,
    opening: Opening,
    *,
    new_author: bool = False,
    anew: bool = False,
) -> Plan:
    """Read and check one function's source, and seal it unless it is sealed as it is.

    `seed` is the author's signing seed (32 bytes). `new_author` allows another author than
    the stack file names, `anew` seals what has not changed, too. Nothing is written.
    """
    function = stack.function(check_name(name))
    draft = draft_of(stack, function, author_public(seed), new_author=new_author)
    mac = draft.mac(seed, opening.summary)
    previous = draft.previous
    state = _state(mac, previous)
    file = None
    if anew or not opening.fits(previous) or not _is_sealed(stack, draft, state):
        unsigned = draft.prepare(opening)
        file = unsigned.signed(unsigned.signature(seed))
        state = _state(mac, file)
    return Plan(
        function,
        source_of(function),
        draft.folder,
        opening,
        file,
        draft.requirements,
        draft.preload,
        own_modules(draft.source.files),
        _locked_out(draft.folder, opening),
        draft.source.left_out,
        state,
    )


def in_step(stack: StackFile, name: str, seed: bytes) -> bool | None:
    """Tell whether a function is sealed as its source is now, whichever keys open it.

    None where the file that is there was not sealed here. Raises what `plan` raises.
    """
    draft = draft_of(stack, stack.function(check_name(name)), author_public(seed))
    if draft.previous is None:
        return None
    state = _state(draft.mac(seed, summary_of(draft.previous.header)), draft.previous)
    remembered = read_if_there(_state_path(stack.folder, name)) or b""
    # The second line names the file.
    if remembered.partition(b"\n")[2] != state.partition(b"\n")[2]:
        return None
    return _is_sealed(stack, draft, state)


def point_to_sealed(stack: StackFile, plans: Iterable[Plan], author: bytes) -> StackFile:
    """Return the stack file with planned functions built from their sealed folders.

    `author` is the author's public key (32 bytes). Raises StackFileRefused.
    """
    for item in plans:
        stack = _pointing(stack, item.function, author, item.opening.transport)
    return stack


def write(plans: Iterable[Plan], before: StackFile, after: StackFile) -> None:
    """Write sealed folders, the stack file that points to them, and what is remembered.

    All is written beside its place before the first of it is moved there.
    """
    files: list[Replacement] = []
    for item in plans:
        if item.file is not None:
            files += _sealed(item.folder, item.requirements, item.file)
    if after is not before:
        files.append(after.replacement())
    store = Keystore(before.folder)
    for item in plans:
        if item.file is not None:
            store.prepare()
            path = _state_path(before.folder, item.function.name)
            files.append(Replacement(path, item.state, store.folder))
        files += _remembered(store, item.function.name, item.opening.terms)
    replace_together(files)


def write_signed(before: StackFile, draft: Draft, file: SealedFile) -> None:
    """Write the sealed folder of a file that was signed elsewhere, and the stack file.

    Whether the source changes after it, only the signing key could tell.
    """
    function = before.function(draft.name)
    after = _pointing(before, function, draft.author, file.header.transport)
    files = _sealed(draft.folder, draft.requirements, file)
    if after is not before:
        files.append(after.replacement())
    replace_together(files)


def remember_terms(stack: StackFile, name: str, terms: Terms) -> None:
    """Write the terms of a function, for the next seal."""
    replace_together(_remembered(Keystore(stack.folder), name, terms))


def _pointing(
    stack: StackFile, function: Function, author: bytes, transport: bytes | None
) -> StackFile:
    return stack.sealed(
        function.name,
        handler=f"./{SEALED_FOLDER}/{function.name}",
        source=source_of(function),
        author=AUTHOR_PUBLIC.encode(author),
        transport=None if transport is None else transport_secret(function),
    )


def _sealed(folder: Path, requirements: bytes, file: SealedFile) -> list[Replacement]:
    folder.mkdir(parents=True, exist_ok=True)
    # Not into the sealed folder, which holds nothing but what faas-cli may see.
    beside = folder.parent
    return [
        Replacement(folder / REQUIREMENTS, requirements, beside),
        Replacement(folder / SEALED_FILE, file.serialise(), beside),
    ]


def _remembered(store: Keystore, name: str, terms: Terms) -> list[Replacement]:
    path = store.terms_path(name)
    if terms == Terms.load(path):
        return []
    store.prepare()
    # Keys are in it.
    return [Replacement(path, terms.serialise(), store.folder, 0o600)]


def _is_sealed(stack: StackFile, draft: Draft, state: bytes) -> bool:
    return (
        draft.previous is not None
        and read_if_there(_state_path(stack.folder, draft.name)) == state
        and read_if_there(draft.folder / REQUIREMENTS) == draft.requirements
    )


def _locked_out(folder: Path, opening: Opening) -> tuple[str, ...]:
    """Return the ids of the raw keys of the file that is there, if it is to open with none of them.

    Whoever has an identity finds their new key in the file itself.
    """
    try:
        data = (folder / SEALED_FILE).read_bytes()
        slots = verify(data, claimed_author(data)).header.slots
    except (OSError, FileRefused):
        return ()
    ids = tuple(slot.id for slot in slots if slot.to is None)
    return () if set(ids) & set(opening.key_ids) else ids


def _state(mac: str, file: SealedFile | None) -> bytes:
    digest = hashlib.sha256(file.serialise()).hexdigest() if file else ""
    return f"source {mac}\nsealed {digest}\n".encode()


def _state_path(project: Path, name: str) -> Path:
    return Keystore(project).folder / f"{name}.state"
