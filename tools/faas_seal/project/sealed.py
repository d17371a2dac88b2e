"""What a project knows of its sealed functions: whose they are, and what their files say."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import FileRefused, MissingKey
from faas_sealed.formats.file import SealedFile, claimed_author, verify
from faas_sealed.formats.header import FUNCTION_NAME, Header
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public

from faas_seal.errors import UsageError
from faas_seal.project.keystore import Keystore, author_seed
from faas_seal.project.signatures import signed_by
from faas_seal.project.stackfile import SEALED_FOLDER, StackFile, sealed_file


def project_key(stack: Path, name: str) -> bytes:
    """Return the function key (32 bytes) in the project with this stack file.

    Raises KeyRefused where there is none, and UsageError for a name that the stack file
    has not.
    """
    store = Keystore(stack.parent)
    if not store.path(name).exists():
        if not stack.exists():
            raise MissingKey(
                f"there is no function key for {name}, and there is no stack file {stack}",
                hint="is this the project's folder? --yaml names a stack file elsewhere, "
                "and folder= in Python the folder",
            )
        StackFile.load(stack).function(name)
    return store.function_key(name)


def expected_author(stack: Path, name: str) -> bytes:
    """Return the public key of the author that the function's sealed file must be signed by.

    That is the stack file's `seal_author`, or else this user. Raises UsageError where
    neither is there.
    """
    if FUNCTION_NAME.fullmatch(name) and stack.exists():
        named = StackFile.load(stack).function(name).environment.get("seal_author")
        if named:
            return AUTHOR_PUBLIC.decode(named)
    try:
        return author_public(author_seed())
    except MissingKey:
        raise UsageError(
            "whose signature shall it be?", hint="name the author with --author"
        ) from None


def read_sealed(path: Path, author: bytes | None = None) -> SealedFile:
    """Read and verify a sealed file of `author`, or of whom it names; or raise FileRefused."""
    folder = path.resolve().parent
    name = folder.name if folder.parent.name == SEALED_FOLDER else ""
    seal_anew = f"faas-seal seal {name}".rstrip()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FileRefused(f"there is no sealed file {path}", hint=seal_anew) from None
    try:
        return signed_by(author or claimed_author(data), data, verify)
    except FileRefused as error:
        error.hint = f"fetch the file again, or, if it is yours, seal it anew: {seal_anew}"
        raise


def sealed_header(stack: Path, name: str) -> Header:
    """Return the verified header of the project's sealed file of a function.

    Raises FileRefused where there is none, or none by the expected author.
    """
    path = sealed_file(stack.parent, name)
    return read_sealed(path, expected_author(stack, name) if path.exists() else None).header
