"""Source that has changed and was not sealed again."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import SealError

from faas_seal.keystore import Keystore, author_seed
from faas_seal.sealing import plan
from faas_seal.stackfile import StackFile


def in_step(stack: StackFile, name: str) -> bool:
    """Tell whether a function is sealed as its source is now, for the key in the keystore.

    Only the signing key can tell. Raises what `plan` raises, and MissingKey without a key.
    """
    function_key = Keystore(stack.folder).function_key(name)
    return plan(stack, name, author_seed(), function_key).file is None


def forgotten(stack_path: Path, name: str) -> str:
    """Return what to say if a function is not sealed as its source is now, or nothing.

    Nothing also where that is not known: others than the author cannot tell.
    """
    try:
        fine = in_step(StackFile.load(stack_path), name)
    except (SealError, OSError):
        fine = True
    return "" if fine else f"it is not sealed as its source is now: faas-seal seal {name}"
