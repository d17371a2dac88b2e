"""Drift: a source that has changed since it was sealed."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import author_public

from faas_seal.project.keystore import author_seed
from faas_seal.project.stackfile import StackFile, check_name
from faas_seal.sealing.in_place import file_in_place, if_signed_by, is_in_place
from faas_seal.sealing.plan import source_to_seal
from faas_seal.sealing.state import (
    is_of_same_file,
    remembered_state,
    source_digest,
    state_of,
    summary_of,
)


def in_step(stack: StackFile, name: str, seed: bytes) -> bool | None:
    """Tell whether a function is sealed as its source is now, whichever keys open it.

    `seed` is the author's signing seed (32 bytes). Returns None if the file in place was
    sealed elsewhere. Raises SealError for a source that cannot be sealed.
    """
    author = author_public(seed)
    source = source_to_seal(stack, stack.function(check_name(name)), author)
    file = if_signed_by(file_in_place(stack, name), author)
    if file is None:
        return None
    state = state_of(source_digest(name, source, summary_of(file.header), seed), file)
    if not is_of_same_file(remembered_state(stack.folder, name), state):
        return None
    return is_in_place(stack, name, state, source)


def forgotten(stack_path: Path, name: str) -> str:
    """Return a line for people if a function's source has changed since it was sealed.

    Otherwise the line is empty. It is also empty if nobody can tell: that takes the project
    that sealed the function, and the author's signing key.
    """
    try:
        changed = in_step(StackFile.load(stack_path), name, author_seed()) is False
    except (SealError, OSError):
        return ""
    return f"the source has changed since it was sealed: faas-seal seal {name}" if changed else ""
