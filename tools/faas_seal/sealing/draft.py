"""A function's source, read, checked and packed as it would be sealed now."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats import bundle
from faas_sealed.formats.errors import MalformedBundle, WrongSignature
from faas_sealed.formats.file import SealedFile, Unsigned, prepare
from faas_sealed.formats.keys import AUTHOR_PUBLIC
from faas_sealed.formats.primitives import hkdf

from faas_seal.errors import SourceRefused, StackFileRefused, UsageError
from faas_seal.project.stackfile import (
    EXTENSION,
    LANGUAGE,
    SEALED_FILE,
    SEALED_FOLDER,
    Function,
    StackFile,
    sealed_folder,
)
from faas_seal.sealing.imports import libraries
from faas_seal.sealing.opening import Opening, sealed_before
from faas_seal.sealing.source import IGNORE_FILE, Source, read_source

REQUIREMENTS = "requirements.txt"

# The last is macOS's, and holds names of files beside it.
_ALLOWED = {SEALED_FILE, REQUIREMENTS, ".DS_Store"}


@dataclass(frozen=True)
class Draft:
    """A function's source, and the sealed file in its place, if it is the same author's.

    `author` is a public key (32 bytes), `data` the bundle.
    """

    name: str
    author: bytes
    folder: Path
    source: Source = field(repr=False)
    data: bytes = field(repr=False)
    preload: tuple[str, ...]
    previous: SealedFile | None

    @property
    def requirements(self) -> bytes:
        """The function's own requirements.txt."""
        return self.source.files.get(REQUIREMENTS, b"")

    def mac(self, seed: bytes, summary: object) -> str:
        """Return what tells this source, sealed on these terms, from any other.

        Keyed, because a plain digest of the source would confirm guesses at it.
        """
        settings = json.dumps([self.name, summary, self.preload]).encode()
        state_key = hkdf(seed, b"source unchanged")
        return hmac.new(state_key, settings + b"\0" + self.data, hashlib.sha256).hexdigest()

    def prepare(self, opening: Opening) -> Unsigned:
        """Encrypt it to what shall open it, for the author to sign."""
        before = self.previous
        return prepare(
            self.data,
            function=self.name,
            author=self.author,
            recipients=opening.recipients(self.name, self.author),
            created=max(int(time.time()), before.header.created + 1 if before else 0),
            expires=opening.terms.expires,
            transport=opening.transport,
            preload=self.preload,
        )


def draft_of(
    stack: StackFile, function: Function, author: bytes, *, new_author: bool = False
) -> Draft:
    """Read and check one function's source. `author` is a public key (32 bytes).

    `new_author` allows another than the stack file names. Raises SealError for what cannot
    be sealed.
    """
    if not new_author:
        _check_author(function, AUTHOR_PUBLIC.encode(author))
    path = source_folder(stack, function)
    folder = sealed_folder(stack.folder, function.name)
    _check_folders(path, folder)
    source = read_source(path)
    return Draft(
        function.name,
        author,
        folder,
        source,
        _pack(source.files),
        libraries(source.files),
        sealed_before(stack, function.name, author),
    )


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


def source_folder(stack: StackFile, function: Function) -> Path:
    """Return a function's source folder; raise SourceRefused where there is none."""
    source = source_of(function)
    if not (stack.folder / source).is_dir():
        member = f"{EXTENSION}: {{source: …}}" if function.source else "handler: …"
        raise SourceRefused(
            f"the source folder of {function.name} is not there: {source}",
            hint=f"where is it now? Put that into {stack.path.name}: "
            f"functions.{function.name}, {member}",
        )
    return stack.folder / source


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
