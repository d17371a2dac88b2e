"""The files and keys that the words of a command line mean."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from faas_sealed.formats.errors import FileRefused
from faas_sealed.formats.header import FUNCTION_NAME
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, TextForm

from faas_seal.cli.printing import warn
from faas_seal.project import keystore
from faas_seal.project.key_source import KeySource
from faas_seal.project.key_text import decode_bytes, parse_key
from faas_seal.project.sealed import project_key
from faas_seal.project.stackfile import SEALED_FILE, SEALED_FOLDER, StackFile, find, sealed_file


def project(stack: str | None) -> Path:
    """Return the folder of the stack file: sealed folders and keys lie there."""
    return find(stack).parent


def sealed_path(target: str, stack: str | None) -> Path:
    """Return the sealed file that a function's name or a path means.

    Raises UsageError for the name of a function that the stack file does not have, and
    FileRefused if there is neither that sealed file nor a stack file.
    """
    path = Path(target)
    if FUNCTION_NAME.fullmatch(target) and not path.is_file():
        path = sealed_file(project(stack), target)
        if not path.exists():
            if not find(stack).exists():
                raise FileRefused(
                    f"there is no sealed file {path}, and there is no stack file {find(stack)}",
                    hint="is this the project's folder? --yaml names a stack file elsewhere",
                )
            check_function(target, stack)
    elif path.is_dir():
        path = path / SEALED_FILE
    return path


def sealed_files(stack: str | None, others: Iterable[str]) -> list[Path]:
    """Return the sealed files of the project, and others by path."""
    return [*project(stack).glob(f"{SEALED_FOLDER}/*/{SEALED_FILE}"), *map(Path, others)]


def warn_if_forgotten(target: str, stack: str | None) -> None:
    """Warn if `target` is a function whose source has changed since it was sealed."""
    path = find(stack)
    if not FUNCTION_NAME.fullmatch(target) or not path.exists():
        return
    # This import loads all of sealing.
    from faas_seal.sealing.drift import forgotten

    if said := forgotten(path, target):
        warn(f"{target}: {said}")


def read_author(given: str) -> bytes:
    """Return the public key that `--author` means: the key itself, or a file with it."""
    return read_public(given, AUTHOR_PUBLIC)


def read_public(given: str, form: TextForm) -> bytes:
    """Return the public key of a form that an option means: the key itself, or a file with it."""
    if given.startswith(form.prefix):
        return form.decode(given)
    return parse_key(decode_bytes(Path(given).read_bytes(), form, given), form, given)


def describe_author(author: bytes) -> str:
    """Return an author's public key as text, and whether it is this user's."""
    yours = author == keystore.known_author()
    return AUTHOR_PUBLIC.encode(author) + (" (you)" if yours else "")


def function_key(key: KeySource, name: str, stack: str | None) -> bytes:
    """Return the function key that the options name, or the one in the keystore."""
    return key.read(FUNCTION_KEY) if key else project_key(find(stack), name)


def check_function(name: str, stack: str | None) -> None:
    """Raise UsageError if there is a stack file and it has no function of this name."""
    path = find(stack)
    if path.exists():
        StackFile.load(path).function(name)
