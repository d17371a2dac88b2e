"""Source that has changed and was not sealed again."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import SealError

from faas_seal.project.keystore import author_seed
from faas_seal.project.stackfile import StackFile
from faas_seal.sealing.plan import in_step


def forgotten(stack_path: Path, name: str) -> str:
    """Return what to say if a function's source has changed since it was sealed, or nothing.

    Nothing also where that is not known: only who sealed it, and where, can tell.
    """
    try:
        changed = in_step(StackFile.load(stack_path), name, author_seed()) is False
    except (SealError, OSError):
        return ""
    return f"the source has changed since it was sealed: faas-seal seal {name}" if changed else ""
