"""Files that the stack file copies into every function, as parts of the source to seal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from faas_seal.errors import SourceRefused
from faas_seal.project.keystore import FOLDER
from faas_seal.project.secrets import FOLDER as SECRETS
from faas_seal.project.stackfile import StackFile
from faas_seal.sealing.selection import Part


def copied_parts(stack: StackFile) -> tuple[Part, ...]:
    """Return the parts that `configuration.copy` of a stack file names, also once it is sealed.

    Each gets the name that faas-cli gives it: its path, below the function's folder. Raises
    SourceRefused for a path that faas-cli refuses, too, for one that leads out of the project,
    and for the folders that hold its keys.
    """
    return tuple(_parts(stack))


def _parts(stack: StackFile) -> Iterator[Part]:
    project = stack.folder.resolve()
    for shown in stack.copied_paths:
        path = stack.folder / shown
        place = Path(os.path.normpath(project / shown))
        problem = ""
        if place == project or not place.is_relative_to(project):
            problem = "is no file or folder inside of the project"
        elif any(_overlap(place, project / keys) for keys in (FOLDER, SECRETS)):
            problem = "holds keys"
        elif not path.exists():
            problem = "does not exist"
        elif not path.resolve().is_relative_to(project):
            problem = f"is a link that leads out of the project: to {path.resolve()}"
        if problem:
            raise SourceRefused(
                f"{stack.path.name} copies {shown} into every function, and that {problem}",
                hint=f"mend configuration in {stack.path.name}",
            )
        yield Part(os.path.normpath(shown).lstrip("/"), path, str(path))


def _overlap(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) or folder.is_relative_to(path)
