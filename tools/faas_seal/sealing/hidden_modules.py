"""Modules that their names hide from a seal, and that the code to be sealed imports.

`ab_test.py` looks like a test. If nothing but such a name leaves a module out, and a module to be
sealed imports it, it is sealed, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import PurePosixPath

from faas_seal.sealing.imports import STANDARD_LIBRARY
from faas_seal.sealing.selection import Selection

_PACKAGE = "function"


@dataclass(frozen=True)
class Import:
    """A module that another one imports, as it stands in the source.

    `name` is dotted. `folder` is where the name begins, or None if the import is of a library,
    which may also be a module in a folder that the code adds to `sys.path`.
    """

    name: str
    folder: str | None

    def files(self, folders: set[str]) -> Iterator[str]:
        """Yield the names of files that this may mean: those of the packages above it, too."""
        starts = folders if self.folder is None else {self.folder}
        for start in sorted(starts):
            for path in accumulate(self.name.split("."), "{}/{}".format):
                below = f"{start}/{path}".lstrip("/")
                yield f"{below}.py"
                yield f"{below}/__init__.py"


def hidden(selection: Selection, name: str, tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield the files that a module imports and that are left out.

    With each comes whether it is left out only for its name, which looks like a test's.
    """
    folders = {str(PurePosixPath(file).parent).removeprefix(".") for file in selection.files}
    found: dict[str, None] = {}
    for imported in _imports(name, tree):
        for file in imported.files(folders):
            if file in selection.files or selection.locate(file) is None:
                continue
            if imported.folder is not None or selection.ignored.only_as_test(file):
                found[file] = None
    for file in found:
        yield file, selection.ignored.only_as_test(file)


def _imports(name: str, tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield from _import(name, alias.name, 0)
            case ast.ImportFrom(module=module, names=aliases, level=level):
                for alias in aliases:
                    yield from _import(name, ".".join(filter(None, (module, alias.name))), level)
            case ast.Call(
                func=ast.Attribute(attr=called) | ast.Name(id=called),
                args=[ast.Constant(value=str(dotted)), *_],
            ) if called in ("import_module", "__import__"):
                level = len(dotted) - len(dotted.lstrip("."))
                yield from _import(name, dotted.lstrip("."), level)


def _import(name: str, dotted: str, level: int) -> Iterator[Import]:
    if level:
        above = PurePosixPath(name).parents
        if level <= len(above):
            yield Import(dotted, str(above[level - 1]).removeprefix("."))
    elif dotted.startswith(f"{_PACKAGE}."):
        yield Import(dotted.removeprefix(f"{_PACKAGE}."), "")
    elif dotted.partition(".")[0] not in (*STANDARD_LIBRARY, "test"):
        yield Import(dotted, None)
