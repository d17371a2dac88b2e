"""The resolver: says whether a path leads into the tree, as the kernel would walk it."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from faas_sealed.runtime.handler.folder.descriptors import Descriptors
from faas_sealed.runtime.handler.folder.tree import HOME, ROOT, Tree, child, failure

# A path that leads into the tree by its text alone contains this.
_LAST = posixpath.basename(ROOT)
# A path that contains one of these says less plainly where it leads.
_UNTIDY = re.compile(r"/\.{0,2}(?:/|$)")
_ABOVE = (posixpath.dirname(HOME), HOME)
_MAX_LINKS = 40

# The functions as they are before any of them is replaced.
_stat, _lstat, _readlink, _access = os.stat, os.lstat, os.readlink, os.access
_chdir, _getcwd = os.chdir, os.getcwd


class Place(NamedTuple):
    """The end of a path: `name` in the tree, or else `path`, by which the kernel finds it."""

    name: str | None
    path: str = ""


class Resolver:
    """The tree at ROOT, and the current folder of the process, which may lie in the tree.

    In an image the process works in HOME. Where there is no such folder, the one in which the
    process works stands for it. Without `as_home` that is so only for paths under which the
    kernel finds nothing.
    """

    def __init__(self, created: int, as_home: bool) -> None:
        self.descriptors = Descriptors()
        # The name of the current folder, if that is in the tree.
        self.current: str | None = None
        here = "/"
        with suppress(OSError):
            here = _getcwd()
            if as_home:
                _chdir(HOME)
                here = HOME
        self._stand_in = None if here == HOME else here
        self._as_home = as_home
        self._created = created
        self._device = _stat(here).st_dev
        self.tree = Tree({}, created, self._device)
        self._home = _identity(here) if as_home else None
        # In an image a folder lies at ROOT, too: the one that holds the sealed file.
        self.hidden = _identity(ROOT)

    def show(self, files: Mapping[str, bytes]) -> None:
        """Let the tree have these files, and no others."""
        if files is not self.tree.files:
            self.tree = Tree(files, self._created, self._device)

    def find(self, path: Any, dir_fd: int | None = None, follow: bool = True) -> Place | None:
        """Return where a path leads, or None if the kernel may see to it as it stands.

        `path` may be a descriptor. Without `follow` a link at the path's end is not followed.
        None is also returned for a path that leads into the tree by a link: see `find_linked`.
        Raises OSError for a path that leads through what is no folder of the tree.
        """
        text, base = path, ""
        if type(path) is not str:
            if isinstance(path, int):
                name = self._name_behind(path)
                return None if name is None else Place(name)
            try:
                text = os.fsdecode(path)
            except TypeError:  # the kernel's function says what it expects
                return None
        if text[:1] != "/":
            base = self._base(text, dir_fd)
            if not base:
                return None
            text = f"{base}/{text}"
        elif _LAST not in text:
            return None
        if "\0" in text:
            return None
        stand_in = self._stand_in if self._as_home else None
        at = self._walk(text, path, follow, stand_in) if _UNTIDY.search(text) else text
        name = None if at is None else _name_of(at)
        if name is not None:
            return Place(name)
        # The kernel does not know the folder that such a path starts from.
        return Place(None, self._for_kernel(at or text)) if base.startswith(ROOT) else None

    def find_linked(
        self, path: Any, dir_fd: int | None = None, follow: bool = True
    ) -> Place | None:
        """Return where a path leads under which the kernel has found nothing, or None.

        It may lead through a link into the tree, or into what stands for HOME.
        """
        if isinstance(path, int):
            return None
        text = os.fsdecode(path)
        if text[:1] != "/":
            base = self._base(text, dir_fd, may_be_linked=True)
            if not base or not text:
                return None
            text = f"{base}/{text}"
        if self._stand_in is None or posixpath.basename(HOME) not in text:
            plain = text.rstrip("/")
            is_known = _identity(posixpath.dirname(plain)) not in (None, self.hidden)
            if is_known and not _access(plain, os.F_OK, follow_symlinks=False):
                return None  # it is missing from its folder, as most that is not found
        at = self._walk(text, path, follow, self._stand_in)
        if at is None:
            return None
        name = _name_of(at)
        if name is not None:
            return Place(name)
        known = self._for_kernel(at)
        return None if known == text else Place(None, known)

    def find_folder(self, path: Any) -> Place | None:
        """Return where a path leads to a folder, as `find` does.

        What the kernel would list may be the folder that the tree hides in an image.
        """
        place = self.find(path)
        if place is not None:
            return place
        known = _identity(path)
        if known is None:
            return None if isinstance(path, int) else self.find_linked(path)
        return Place("") if known == self.hidden else None

    def leads_in(self, path: Any) -> bool:
        """Tell whether a path leads into the tree, by a link perhaps."""
        try:
            place = self.find(path)
            if place is None and _identity(path) is None:
                place = self.find_linked(path)
        except TypeError:  # it is no path
            return False
        except OSError:  # it leads through a name of the tree
            return True
        return place is not None and place.name is not None

    def is_home(self, path: Any) -> bool:
        """Tell whether the kernel finds HOME under a path, or what stands for it."""
        return self._home is not None and _identity(path) == self._home

    def go(self, name: str | None) -> None:
        """Make a folder of the tree the current one; None after the kernel has another one."""
        if name is not None:
            # Children of this process start there, and so does what C code opens.
            with suppress(OSError):
                _chdir(self._stand_in or HOME)
        self.current = name

    def here(self) -> str:
        """Return the path of the current folder."""
        if self.current is not None:
            return _path_of(self.current)
        here = _getcwd()
        return HOME if self._as_home and here == self._stand_in else here

    def _base(self, text: str, dir_fd: int | None, may_be_linked: bool = False) -> str:
        """Return the folder that a relative path starts from, or "" if the kernel may see to it."""
        if dir_fd is not None:
            name = self._name_behind(dir_fd)
            if name is not None:
                return _path_of(name)
        elif self.current is not None:
            return _path_of(self.current) if text else ""
        if _LAST in text or may_be_linked:
            with suppress(OSError):
                return self.here() if dir_fd is None else _readlink(f"/proc/self/fd/{dir_fd}")
        return ""

    def _name_behind(self, descriptor: int) -> str | None:
        number = self.descriptors.number(descriptor)
        known = number is not None and number < len(self.tree.names)
        return self.tree.names[number] if known else None  # type: ignore[index]

    def _walk(self, text: str, given: Any, follow: bool, stand_in: str | None) -> str | None:
        """Return the path without links, dots and slashes that an absolute path amounts to.

        None means that the kernel sees to it. What is in the tree, or is HOME, is no link.
        """
        parts = text.split("/")[::-1]
        at, links = "", 0
        while parts:
            part = parts.pop()
            name = _name_of(at)
            if part in ("", "."):
                if name in self.tree.files or (part and name and not self.tree.has(name)):
                    raise failure(self.tree.why_absent(f"{name}/."), os.fspath(given))
                continue
            if part == "..":
                if name is not None and name not in self.tree.folders:
                    raise failure(self.tree.why_absent(f"{name}/."), os.fspath(given))
                if name is None and at not in _ABOVE and _identity(at or "/") is None:
                    return None
                at = posixpath.dirname(at).rstrip("/")
                continue
            at = f"{at}/{part}"
            if at == stand_in:
                at = HOME
            if at in _ABOVE or _name_of(at) is not None or not (parts or follow):
                continue
            known = self._for_kernel(at)
            try:
                mode = _lstat(known).st_mode
                if stat.S_ISDIR(mode) or (not stat.S_ISLNK(mode) and not parts):
                    continue
                link = _readlink(known)
            except OSError:
                if parts:
                    return None
                continue  # it may be made there
            links += 1
            if links > _MAX_LINKS:
                return None
            at = "" if link[0] == "/" else posixpath.dirname(at).rstrip("/")
            parts += link.split("/")[::-1]
        return at or "/"

    def _for_kernel(self, path: str) -> str:
        if self._stand_in is not None and (path == HOME or path.startswith(f"{HOME}/")):
            return self._stand_in + path[len(HOME) :]
        return path


def _name_of(path: str) -> str | None:
    """Return the name of what is at a path without links and dots, if that is in the tree."""
    if not path.startswith(ROOT):
        return None
    rest = path[len(ROOT) :]
    return rest[1:] if rest[:1] in ("", "/") else None


def _path_of(name: str) -> str:
    return child(ROOT, name).rstrip("/")


def _identity(path: Any) -> tuple[int, int] | None:
    try:
        found = _stat(path)
    except (OSError, TypeError, ValueError):
        return None
    return found.st_dev, found.st_ino
