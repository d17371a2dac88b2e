"""The folder of a function's source, as the stack file names it."""

from __future__ import annotations

from pathlib import Path

from faas_seal.errors import SourceRefused, StackFileRefused, UsageError
from faas_seal.project.stackfile import EXTENSION, LANGUAGE, SEALED_FOLDER, Function, StackFile

REQUIREMENTS = "requirements.txt"
# The constraints that requirements.txt names, in one file.
CONSTRAINTS = "constraints.txt"


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
    """Return a function's source folder; raise SourceRefused if it does not exist."""
    source = source_of(function)
    if not (stack.folder / source).is_dir():
        member = f"{EXTENSION}: {{source: …}}" if function.source else "handler: …"
        raise SourceRefused(
            f"the source folder of {function.name} does not exist: {source}",
            hint=f"where is it now? Say so in {stack.path.name}: "
            f"functions.{function.name}, {member}",
        )
    return stack.folder / source
