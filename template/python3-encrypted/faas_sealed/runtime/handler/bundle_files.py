"""The files of the bundle in the function's folder, for whoever asks through Python."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

from faas_sealed.runtime.handler.folder import changing, tree
from faas_sealed.runtime.handler.folder.adapted import Adapted
from faas_sealed.runtime.handler.folder.advice import note_on
from faas_sealed.runtime.handler.folder.changing import Changing, TwoPaths
from faas_sealed.runtime.handler.folder.current_folder import CurrentFolder
from faas_sealed.runtime.handler.folder.importing import (
    after_import,
    forget_searches,
    keep_bytecode_in_memory,
    refuse_extensions,
)
from faas_sealed.runtime.handler.folder.kernel_openers import KernelOpeners
from faas_sealed.runtime.handler.folder.listings import Listings
from faas_sealed.runtime.handler.folder.memory_file import FileIO
from faas_sealed.runtime.handler.folder.openers import Openers
from faas_sealed.runtime.handler.folder.reading import Reading
from faas_sealed.runtime.handler.folder.rebinding import rebind
from faas_sealed.runtime.handler.folder.resolver import Resolver
from faas_sealed.runtime.handler.folder.substitutes import (
    AccessSubstitute,
    PathSubstitute,
    Substitute,
)

HOME, ROOT = tree.HOME, tree.ROOT

_resolver: Resolver | None = None


def install(created: int, *, as_home: bool = True) -> None:
    """Put functions that know the folder in place of Python's own, for good in this process.

    `created` is the time of the files, in seconds of the Unix epoch. With `as_home` the process
    works in HOME from now on, or seems to, if there is no such folder.
    """
    global _resolver
    _resolver = FileIO.resolver = resolver = Resolver(created, as_home)
    openers = KernelOpeners(resolver)
    rebind(_substitutes(resolver) | openers.substitutes())
    keep_bytecode_in_memory(resolver)
    refuse_extensions(resolver)
    after_import(openers.after_import | Adapted(resolver).after_import)


def show(files: Mapping[str, bytes]) -> None:
    """Let these files be found from now on, and no others; their names are relative to ROOT."""
    if _resolver is not None:
        _resolver.show(files)
        forget_searches(_resolver)


def note(message: str) -> str:
    """Return a line of advice for an error's message, if it is about a file that C code misses."""
    return "" if _resolver is None else note_on(_resolver, message)


def _substitutes(resolver: Resolver) -> dict[Any, Any]:
    """Return, for functions of Python's, those in their place."""
    reading, changes = Reading(resolver), Changing(resolver)
    of_paths: dict[str, Any] = {
        **{
            name: getattr(reading, name)
            for name in ("access", "getxattr", "listxattr", "open", "readlink", "stat", "statvfs")
        },
        **dict.fromkeys(("fstat", "lstat"), reading.stat),
        **dict.fromkeys(changing.MAKING, changes.make),
        **dict.fromkeys(changing.CHANGING, changes.change),
    }
    openers, listings, current = Openers(resolver), Listings(resolver), CurrentFolder(resolver)
    others: dict[Any, Any] = {
        io.open: openers.open,
        io.open_code: openers.open_code,
        os.listdir: listings.listdir,
        os.scandir: listings.scandir,
        os.chdir: current.chdir,
        os.fchdir: current.fchdir,
        os.getcwd: current.getcwd,
        os.getcwdb: current.getcwdb,
        **{plain: TwoPaths(plain, resolver) for plain in changing.OF_TWO_PATHS},
    }
    ends = ("lstat", "readlink", *changing.WITHOUT_FOLLOWING)
    substitutes: dict[Any, Any] = {io.FileIO: FileIO}
    for plain, ours in others.items():
        substitutes[plain] = Substitute(plain, ours)
    for name, ours in of_paths.items():
        plain = getattr(os, name)
        kind = AccessSubstitute if name == "access" else PathSubstitute
        substitutes[plain] = kind(plain, ours, resolver, follows=name not in ends)
    return substitutes
