"""The sealed functions of a project: their files, their authors, and the keys that open them."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import MalformedFile, MissingKey
from faas_sealed.formats.file import SealedFile, claimed_author, verify
from faas_sealed.formats.header import FUNCTION_NAME, Header
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public

from faas_seal.errors import (
    MalformedSealedFile,
    ProjectMissing,
    SealedFileMissing,
    UnknownAuthor,
)
from faas_seal.project.keystore import Keystore, author_seed
from faas_seal.project.signatures import signed_by
from faas_seal.project.stackfile import SEALED_FOLDER, StackFile, sealed_file


def project_key(stack: Path, name: str) -> bytes:
    """Return the function key (32 bytes) of `name` in the project with this stack file.

    Raises KeyRefused for a key that is missing or cannot be used, and UnknownFunction for a
    name that the stack file does not have.
    """
    store = Keystore(stack.parent)
    if not store.path(name).exists():
        if not stack.exists():
            raise ProjectMissing(
                f"there is no function key for {name}, and there is no stack file {stack}",
                path=stack,
                hint="is this the project's folder? folder= in Python names another",
            )
        StackFile.load(stack).function(name)
    return store.function_key(name)


def expected_author(stack: Path, name: str) -> bytes:
    """Return the public key (32 bytes) of the author who must have signed a sealed file.

    It is the `seal_author` that the stack file has for the function `name`, or else this user's
    public key. `name` may also be a path. Raises UnknownAuthor where there is neither key, and
    UnknownFunction for a name that the stack file does not have.
    """
    if FUNCTION_NAME.fullmatch(name) and stack.exists():
        named = StackFile.load(stack).function(name).environment.get("seal_author")
        if named:
            return AUTHOR_PUBLIC.decode(named)
    try:
        return author_public(author_seed())
    except MissingKey:
        raise UnknownAuthor(
            "no author key: which author signs?",
            hint="set seal_author in the stack file to the author's public key",
        ) from None


def read_sealed(path: Path, author: bytes | None = None) -> SealedFile:
    """Read a sealed file, and verify that `author` (public key, 32 bytes) signed it.

    Without an `author`, it is the one that the file names. Raises SealedFileMissing or
    SealedFileRefused.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SealedFileMissing(
            f"there is no sealed file {path}", path=path, hint="seal the function first"
        ) from None
    try:
        author = author or claimed_author(data)
    except MalformedFile as error:
        raise MalformedSealedFile(str(error), path=path) from None
    return signed_by(author, data, verify, path=path)


def sealed_header(stack: Path, name: str) -> Header:
    """Return the verified header of the project's sealed file of a function.

    Raises what `expected_author` and `read_sealed` raise.
    """
    path = sealed_file(stack.parent, name)
    return read_sealed(path, expected_author(stack, name) if path.exists() else None).header


def function_at(path: Path) -> str:
    """Return the function in whose sealed folder a file lies, or an empty string."""
    folder = path.resolve().parent
    return folder.name if folder.parent.name == SEALED_FOLDER else ""
