"""From a source folder to a sealed folder: planned in memory, then written at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats import bundle
from faas_sealed.formats.errors import FileRefused, MalformedBundle, WrongSignature
from faas_sealed.formats.file import Recipient, SealedFile, claimed_author, seal, verify
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public, key_id
from faas_sealed.formats.primitives import hkdf

from faas_seal.errors import SourceRefused, StackFileRefused, UsageError
from faas_seal.imports import libraries, own_modules
from faas_seal.keystore import Keystore
from faas_seal.replacing import Replacement, replace
from faas_seal.source import IGNORE_FILE, read_source
from faas_seal.stackfile import (
    EXTENSION,
    LANGUAGE,
    SEALED_FILE,
    SEALED_FOLDER,
    Function,
    StackFile,
    check_name,
    sealed_folder,
)

REQUIREMENTS = "requirements.txt"

# The last is macOS's, and holds names of files beside it.
_ALLOWED = {SEALED_FILE, REQUIREMENTS, ".DS_Store"}


@dataclass(frozen=True)
class Plan:
    """What sealing one function comes to, before anything is written.

    `file` is None where the sealed folder is up to date already. `locked_out` are the ids of
    the keys that open the file in its place and will not open this one.
    """

    function: Function
    source: str
    folder: Path
    file: SealedFile | None
    requirements: bytes
    preload: tuple[str, ...]
    own_modules: tuple[str, ...]
    locked_out: tuple[str, ...]
    left_out: tuple[str, ...]
    state: bytes = field(repr=False)


def source_of(function: Function) -> str:
    """Return the path of a function's source folder as the stack file has it."""
    if not function.sealed_lang:
        raise UsageError(
            f"{function.name} is not a sealed function: its lang is {function.lang or 'missing'}",
            hint=f"set lang: {LANGUAGE} in the stack file",
        )
    source = function.source or function.handler
    if not source:
        raise StackFileRefused(
            f"functions.{function.name} has no handler",
            hint=f"add handler: ./{function.name} to it, the folder of handler.py",
        )
    if Path(source) == Path(SEALED_FOLDER, function.name):
        raise StackFileRefused(
            f"functions.{function.name} points to its sealed folder and names no source",
            hint=f"add {EXTENSION}: {{source: ./{function.name}}} to it",
        )
    return source


def plan(
    stack: StackFile, name: str, seed: bytes, function_key: bytes, *, new_author: bool = False
) -> Plan:
    """Read and check one function's source, and seal it unless it is sealed as it is.

    `seed` is the author's signing seed, `function_key` the key that shall open the
    function (32 bytes each). `new_author` allows another author than the stack file
    names. Nothing is written.
    """
    function = stack.function(check_name(name))
    source = source_of(function)
    if not new_author:
        _check_author(function, AUTHOR_PUBLIC.encode(author_public(seed)))
    folder = sealed_folder(stack.folder, name)
    check_source(stack, function)
    _check_folders(stack.folder / source, folder)
    read = read_source(stack.folder / source)
    data = _pack(read.files)
    requirements = read.files.get(REQUIREMENTS, b"")
    preload = libraries(read.files)
    settings = json.dumps([name, sorted([key_id(function_key)]), preload]).encode()
    # Keyed, because a plain digest of the source would confirm guesses at it.
    state_key = hkdf(seed, b"source unchanged")
    mac = hmac.new(state_key, settings + b"\0" + data, hashlib.sha256).hexdigest()
    previous = _previous(folder, author_public(seed))
    state = _state(mac, previous)
    file = None
    if (
        previous is None
        or _read(_state_path(stack.folder, name)) != state
        or _read(folder / REQUIREMENTS) != requirements
    ):
        file = seal(
            data,
            function=name,
            seed=seed,
            recipients=[Recipient(function_key)],
            created=max(int(time.time()), previous.header.created + 1 if previous else 0),
            preload=preload,
        )
        state = _state(mac, file)
    return Plan(
        function,
        source,
        folder,
        file,
        requirements,
        preload,
        own_modules(read.files),
        _locked_out(folder, key_id(function_key)),
        read.left_out,
        state,
    )


def check_source(stack: StackFile, function: Function) -> None:
    """Raise SourceRefused if the source folder that the stack file names is not there."""
    source = source_of(function)
    if not (stack.folder / source).is_dir():
        member = f"{EXTENSION}: {{source: …}}" if function.source else "handler: …"
        raise SourceRefused(
            f"the source folder of {function.name} is not there: {source}",
            hint=f"where is it now? Put that into {stack.path.name}: "
            f"functions.{function.name}, {member}",
        )


def point_to_sealed(stack: StackFile, plans: Iterable[Plan], author: bytes) -> StackFile:
    """Return the stack file with planned functions built from their sealed folders.

    `author` is the author's public key (32 bytes). Raises StackFileRefused.
    """
    for item in plans:
        stack = stack.sealed(
            item.function.name,
            handler=f"./{SEALED_FOLDER}/{item.function.name}",
            source=item.source,
            author=AUTHOR_PUBLIC.encode(author),
        )
    return stack


def write(plans: Iterable[Plan], before: StackFile, after: StackFile) -> None:
    """Write sealed folders, the stack file that points to them, and the state.

    All is written beside its place before the first of it is moved there.
    """
    files: list[Replacement] = []
    for item in plans:
        if item.file is not None:
            item.folder.mkdir(parents=True, exist_ok=True)
            # Not into the sealed folder, which holds nothing but what faas-cli may see.
            beside = item.folder.parent
            files.append(Replacement(item.folder / REQUIREMENTS, item.requirements, beside))
            files.append(Replacement(item.folder / SEALED_FILE, item.file.serialise(), beside))
    if after is not before:
        path = before.path.resolve()
        files.append(Replacement(path, after.text.encode(), path.parent))
    store = Keystore(before.folder)
    for item in plans:
        if item.file is not None:
            store.prepare()
            path = _state_path(before.folder, item.function.name)
            files.append(Replacement(path, item.state, store.folder))
    replace(files)


def _pack(files: Mapping[str, bytes]) -> bytes:
    try:
        return bundle.pack(files)
    except MalformedBundle as error:
        raise SourceRefused(
            f"the source cannot be sealed: {error}",
            hint=f"leave files out with {IGNORE_FILE}",
        ) from None


def _check_author(function: Function, author: str) -> None:
    named = function.environment.get("seal_author", author)
    if named != author:
        raise WrongSignature(
            f"{function.name} belongs to the author {named}, whose signing key is not yours",
            hint="give that author's key with --author-key-file, or take it over with --new-author",
        )


def _check_folders(source: Path, folder: Path) -> None:
    if folder.resolve().is_relative_to(source.resolve()):
        raise SourceRefused(
            f"the source folder {source} holds the sealed folder {folder}",
            hint="move the source to a folder of its own",
        )
    if folder.is_dir():
        others = {path.name for path in folder.iterdir()} - _ALLOWED
        if others:
            raise SourceRefused(
                f"{folder} holds more than a sealed function: {', '.join(sorted(others))}",
                hint="remove that: faas-cli would send it to whoever builds the image",
            )


def _previous(folder: Path, author: bytes) -> SealedFile | None:
    """Return the sealed file that is there, if it is this author's and whole."""
    try:
        return verify((folder / SEALED_FILE).read_bytes(), author)
    except (OSError, FileRefused):
        return None


def _locked_out(folder: Path, new: str) -> tuple[str, ...]:
    """Return the ids of the keys that open the file that is there, if `new` is none of them."""
    try:
        data = (folder / SEALED_FILE).read_bytes()
        ids = tuple(slot.id for slot in verify(data, claimed_author(data)).header.slots)
    except (OSError, FileRefused):
        return ()
    return () if new in ids else ids


def _state(mac: str, file: SealedFile | None) -> bytes:
    digest = hashlib.sha256(file.serialise()).hexdigest() if file else ""
    return f"source {mac}\nsealed {digest}\n".encode()


def _state_path(project: Path, name: str) -> Path:
    return Keystore(project).folder / f"{name}.state"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
