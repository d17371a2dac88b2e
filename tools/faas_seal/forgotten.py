"""Source that has changed and was not sealed again."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import SealError

from faas_seal.keystore import author_seed
from faas_seal.sealing import in_step
from faas_seal.stackfile import StackFile


def forgotten(stack_path: Path, name: str) -> str:
    """Return what to say if a function is not sealed as its source is now, or nothing.

    Nothing also where that is not known: others than the author cannot tell.
    """
    try:
        fine = in_step(StackFile.load(stack_path), name, author_seed())
    except (SealError, OSError):
        fine = True
    return "" if fine else f"it is not sealed as its source is now: faas-seal seal {name}"
