"""Listings of folders: those of the tree, and HOME with the function's folder in it."""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from types import TracebackType
from typing import Any

from faas_sealed.runtime.handler.folder.resolver import Place, Resolver
from faas_sealed.runtime.handler.folder.substitutes import for_kernel
from faas_sealed.runtime.handler.folder.tree import ROOT, Tree, child, failure

_listdir, _scandir = os.listdir, os.scandir
_LAST = posixpath.basename(ROOT)


class _EntryOf:
    """What all entries have: `name` and `path`, in the type of the path that was listed."""

    def __init__(self, name: Any, folder: Any) -> None:
        self.name = _as(name, folder)
        is_path = not isinstance(folder, int)
        self.path = os.path.join(folder or ".", self.name) if is_path else self.name  # noqa: PTH118

    # os.DirEntry cannot be made, and shutil asks for one.
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return os.DirEntry

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"


class KernelEntry(_EntryOf):
    """An entry of the kernel's, in a folder that it knows under another path."""

    def __init__(self, entry: Any, folder: Any) -> None:
        super().__init__(os.fsdecode(entry.name), folder)
        self._entry = entry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)


class TreeEntry(_EntryOf):
    """An entry of a folder of the tree; `place` is its name in the tree."""

    def __init__(self, tree: Tree, place: str, folder: Any) -> None:
        super().__init__(posixpath.basename(place) or _LAST, folder)
        self._tree = tree
        self._place = place

    def inode(self) -> int:
        return self.stat().st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._place in self._tree.folders

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._place in self._tree.files

    def is_symlink(self) -> bool:
        return False

    def is_junction(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return self._tree.stat(self._place)


class Entries:
    """An iterator over the entries of a folder, as os.scandir returns it."""

    def __init__(self, entries: Iterator[Any], close: Callable[[], None]) -> None:
        self._entries = entries
        self._close = close

    def __iter__(self) -> Entries:
        return self

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> Entries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())
        self._close()


class Listings:
    """os.listdir and os.scandir."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def listdir(self, path: Any = None) -> list[Any]:
        """Return a list containing the names of the files in the directory."""
        place = self._resolver.find_folder("." if path is None else path)
        if place is not None and place.name is not None:
            return [_as(name, path) for name in self._below(place.name, path)]
        names: list[Any] = self._of_kernel(_listdir, place, path)
        last = _as(_LAST, path)
        return [*names, last] if self._is_home(place, path) and last not in names else names

    def scandir(self, path: Any = None) -> Any:
        """Return an iterator of DirEntry objects for given path."""
        place = self._resolver.find_folder("." if path is None else path)
        tree = self._resolver.tree
        if place is not None and place.name is not None:
            places = [child(place.name, name) for name in self._below(place.name, path)]
            return Entries((TreeEntry(tree, each, path) for each in places), lambda: None)
        found = self._of_kernel(_scandir, place, path)
        entries = found if place is None else (KernelEntry(each, path) for each in found)
        if self._is_home(place, path) and not self._resolver.hidden:
            entries = chain(entries, [TreeEntry(tree, "", path)])
        return found if entries is found else Entries(entries, found.close)

    def _below(self, name: str, path: Any) -> Sequence[str]:
        tree = self._resolver.tree
        if name in tree.folders:
            return tree.folders[name]
        number = errno.ENOTDIR if name in tree.files else tree.why_absent(name)
        raise failure(number, path if isinstance(path, int) else os.fspath(path))

    def _of_kernel(self, plain: Callable[..., Any], place: Place | None, path: Any) -> Any:
        return plain(path) if place is None else for_kernel(plain, place, path or ".")

    def _is_home(self, place: Place | None, path: Any) -> bool:
        known = ("." if path is None else path) if place is None else place.path
        return self._resolver.is_home(known)


def _as(name: str, path: Any) -> Any:
    """Return a name in the type of the path whose listing it is in."""
    is_bytes = path is not None and not isinstance(path, int) and isinstance(os.fspath(path), bytes)
    return os.fsencode(name) if is_bytes else name
