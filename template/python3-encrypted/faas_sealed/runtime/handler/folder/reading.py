"""The answers of the kernel about a name of the tree: to stat(2), open(2) and their like."""

from __future__ import annotations

import errno
import os
from typing import Any, NoReturn

from faas_sealed.runtime.handler.folder.resolver import Resolver
from faas_sealed.runtime.handler.folder.tree import failure

_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_TRUNC
_statvfs = os.statvfs


class Reading:
    """Each method answers as the function of `os` of its name, for a name of the tree."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def stat(self, name: str, given: Any, **_: Any) -> os.stat_result:
        self._require(name, given)
        return self._resolver.tree.stat(name)

    def access(self, name: str, given: Any, mode: int, **_: Any) -> bool:
        tree = self._resolver.tree
        if not tree.has(name) or mode & os.W_OK:
            return False
        return not mode & os.X_OK or name in tree.folders

    def readlink(self, name: str, given: Any, **_: Any) -> NoReturn:
        self._require(name, given)
        raise failure(errno.EINVAL, given)  # the tree has no links

    def open(self, name: str, given: Any, flags: int, mode: int = 0o777, **_: Any) -> int:
        tree = self._resolver.tree
        is_folder = name in tree.folders
        if not tree.has(name):
            number = tree.why_unmade(name) if flags & os.O_CREAT else tree.why_absent(name)
            raise failure(number, given)
        if flags & os.O_CREAT and flags & os.O_EXCL:
            raise failure(errno.EEXIST, given)
        if is_folder and flags & (_CHANGES | os.O_CREAT):
            raise failure(errno.EISDIR, given)
        if not is_folder and flags & os.O_DIRECTORY:
            raise failure(errno.ENOTDIR, given)
        if flags & _CHANGES:
            raise failure(errno.EROFS, given)
        return self._resolver.descriptors.open(tree.number(name), tree.files.get(name, b""))

    def statvfs(self, name: str, given: Any) -> os.statvfs_result:
        self._require(name, given)
        found = list(_statvfs("/"))
        found[8] |= os.ST_RDONLY
        return os.statvfs_result(found)

    def listxattr(self, name: str, given: Any, **_: Any) -> list[str]:
        self._require(name, given)
        return []

    def getxattr(self, name: str, given: Any, attribute: Any, **_: Any) -> NoReturn:
        self._require(name, given)
        raise failure(errno.ENODATA, given)

    def _require(self, name: str, given: Any) -> None:
        if not self._resolver.tree.has(name):
            raise failure(self._resolver.tree.why_absent(name), given)
