"""The sealed file that a function has already, and whether it is up to date."""

from __future__ import annotations

from faas_sealed.formats.errors import FileRefused
from faas_sealed.formats.file import SealedFile, claimed_author, verify

from faas_seal.project.files import read_if_there
from faas_seal.project.source_folder import CONSTRAINTS, REQUIREMENTS
from faas_seal.project.stackfile import StackFile, sealed_file, sealed_folder
from faas_seal.sealing.source import Source
from faas_seal.sealing.state import remembered_state


def file_in_place(stack: StackFile, name: str) -> SealedFile | None:
    """Return the sealed file of a function, or None if it is missing or damaged.

    Its signature is verified with the author that it names.
    """
    try:
        data = sealed_file(stack.folder, name).read_bytes()
        return verify(data, claimed_author(data))
    except (OSError, FileRefused):
        return None


def if_signed_by(file: SealedFile | None, author: bytes) -> SealedFile | None:
    """Return a file if `author` (public key, 32 bytes) signed it, or None."""
    return file if file is not None and file.header.author == author else None


def is_in_place(stack: StackFile, name: str, state: bytes, source: Source) -> bool:
    """Tell whether the sealed folder has a file of this state, with its requirements."""
    folder = sealed_folder(stack.folder, name)
    found = {file: read_if_there(folder / file) for file in (REQUIREMENTS, CONSTRAINTS)}
    in_place = {file: content for file, content in found.items() if content is not None}
    return remembered_state(stack.folder, name) == state and in_place == source.required.files
