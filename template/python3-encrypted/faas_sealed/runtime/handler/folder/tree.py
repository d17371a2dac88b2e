"""The tree of a bundle's files: what lies where, and what the kernel would say about it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from functools import cached_property

# The folder in which the process of the official template works, and the function's in it.
HOME = "/home/app"
ROOT = f"{HOME}/function"

BLOCK_BYTES = 4096
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 4095
# No file system counts its files up to here. So no file of the tree is taken for another.
_FIRST_INODE = 2**62
_FILE_MODE = stat.S_IFREG | 0o644
_FOLDER_MODE = stat.S_IFDIR | 0o755


class Tree:
    """Files and folders by their names: paths relative to ROOT, "" for ROOT itself.

    `created` is the time of all of them, in seconds of the Unix epoch; `device` is the number of
    the file system that they seem to lie in.
    """

    def __init__(self, files: Mapping[str, bytes], created: int, device: int) -> None:
        self.files = files
        self._created = created
        self._device = device
        self._owner = (os.geteuid(), os.getegid())

    @cached_property
    def folders(self) -> Mapping[str, Sequence[str]]:
        """The names in each folder, by the folder's own name."""
        folders: dict[str, dict[str, None]] = {"": {}}
        for name in self.files:
            while name:
                above, _, last = name.rpartition("/")
                is_known = above in folders
                folders.setdefault(above, {})[last] = None
                if is_known:
                    break
                name = above
        return {name: tuple(children) for name, children in folders.items()}

    @cached_property
    def names(self) -> Sequence[str]:
        """All folders and files. The place of a name in this sequence is its number."""
        return (*self.folders, *self.files)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def number(self, name: str) -> int:
        return self._numbers[name]

    def has(self, name: str) -> bool:
        return name in self.files or name in self.folders

    def why_absent(self, name: str) -> int:
        """Return the error number for a name that is not there (path_resolution(7))."""
        if len(os.fsencode(name)) + len(ROOT) > _MAX_PATH_BYTES:
            return errno.ENAMETOOLONG
        at = ""
        for part in name.split("/"):
            if at in self.files:
                return errno.ENOTDIR
            if len(os.fsencode(part)) > _MAX_NAME_BYTES:
                return errno.ENAMETOOLONG
            at = child(at, part)
            if not self.has(at):
                break
        return errno.ENOENT

    def why_unmade(self, name: str) -> int:
        """Return the error number for an attempt to make something of this name."""
        if self.has(name):
            return errno.EEXIST
        above = name.rpartition("/")[0]
        return errno.EROFS if above in self.folders else self.why_absent(name)

    def stat(self, name: str) -> os.stat_result:
        """Return what stat(2) would say of a name that is there."""
        below = self.folders.get(name)
        if below is None:
            mode, size, links = _FILE_MODE, len(self.files[name]), 1
        else:
            folders = sum(child(name, each) in self.folders for each in below)
            mode, size, links = _FOLDER_MODE, BLOCK_BYTES, 2 + folders
        inode = _FIRST_INODE + self.number(name)
        seconds = self._created
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), float(seconds))
        more = {f"{name}_ns": seconds * 10**9 for name in times}
        blocks = -(-size // BLOCK_BYTES) * (BLOCK_BYTES // 512)
        return os.stat_result(
            (mode, inode, self._device, links, *self._owner, size, seconds, seconds, seconds),
            {**times, **more, "st_blksize": BLOCK_BYTES, "st_blocks": blocks, "st_rdev": 0},
        )


def child(folder: str, name: str) -> str:
    """Return the name of what is called `name` in a folder of the tree."""
    return f"{folder}/{name}" if folder else name


def failure(number: int, path: object) -> OSError:
    """Return the error that a call of the kernel's would raise for a path."""
    return OSError(number, os.strerror(number), path)
