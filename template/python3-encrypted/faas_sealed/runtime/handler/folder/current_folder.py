"""The current folder of the process, which may be one of the tree."""

from __future__ import annotations

import errno
import os
from typing import Any

from faas_sealed.runtime.handler.folder.resolver import Resolver
from faas_sealed.runtime.handler.folder.substitutes import for_kernel
from faas_sealed.runtime.handler.folder.tree import failure

_chdir, _fchdir = os.chdir, os.fchdir


class CurrentFolder:
    """os.chdir, os.fchdir, os.getcwd and os.getcwdb."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def chdir(self, path: Any) -> None:
        """Change the current working directory to the specified path."""
        place = self._resolver.find_folder(path)
        if place is None:
            _chdir(path)
        elif place.name is None:
            for_kernel(_chdir, place, path)
        else:
            tree = self._resolver.tree
            if place.name not in tree.folders:
                is_file = place.name in tree.files
                number = errno.ENOTDIR if is_file else tree.why_absent(place.name)
                raise failure(number, path if isinstance(path, int) else os.fspath(path))
            self._resolver.go(place.name)
            return
        self._resolver.go(None)

    def fchdir(self, fd: Any) -> None:
        """Change to the directory of the given file descriptor."""
        if self._resolver.find(fd) is None:
            _fchdir(fd)
            self._resolver.go(None)
        else:
            self.chdir(fd)

    def getcwd(self) -> str:
        """Return a unicode string representing the current working directory."""
        return self._resolver.here()

    def getcwdb(self) -> bytes:
        """Return a bytes string representing the current working directory."""
        return os.fsencode(self._resolver.here())
