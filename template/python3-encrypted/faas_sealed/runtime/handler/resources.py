"""The resources of the handler's packages, for `importlib.resources`: files of a bundle."""

from __future__ import annotations

import errno
import importlib.resources
import io
import posixpath
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

if sys.version_info >= (3, 11):
    from importlib.resources.abc import Traversable, TraversableResources
else:
    from importlib.abc import Traversable, TraversableResources


class Resources(TraversableResources):
    """The resources of one package: the files below `folder` (empty for all)."""

    def __init__(self, files: Mapping[str, bytes], folder: str) -> None:
        self._root = _Node(files, folder.rstrip("/"))

    def files(self) -> Traversable:
        return self._root

    def resource_path(self, resource: Any) -> NoReturn:
        raise _without_path(resource)


class _Node(Traversable):
    """A file or a folder of the bundle; `path` is empty for the root."""

    def __init__(self, files: Mapping[str, bytes], path: str) -> None:
        self._files = files
        self._path = path

    def __repr__(self) -> str:
        return f"<{self._path or '.'} of the sealed function>"

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def iterdir(self) -> Iterator[Traversable]:
        folder = f"{self._path}/" if self._path else ""
        below = (name[len(folder) :] for name in self._files if name.startswith(folder))
        for child in sorted({name.partition("/")[0] for name in below}):
            yield _Node(self._files, folder + child)

    def is_dir(self) -> bool:
        return not self._path or any(name.startswith(f"{self._path}/") for name in self._files)

    def is_file(self) -> bool:
        return self._path in self._files

    def joinpath(self, *descendants: Any) -> Traversable:
        path = posixpath.normpath(posixpath.join(self._path, *map(str, descendants)))
        return _Node(self._files, "" if path == "." else path)

    def __truediv__(self, child: Any) -> Traversable:
        return self.joinpath(child)

    def read_bytes(self) -> bytes:
        if self._path in self._files:
            return self._files[self._path]
        if self.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder", self._path)
        raise FileNotFoundError(errno.ENOENT, "not in the sealed function", self._path)

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        with self.open("r", encoding=encoding, errors=errors) as file:
            return str(file.read())

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        if mode not in ("r", "rb"):
            raise ValueError(f"mode is {mode!r}, expected 'r' or 'rb'")
        content = io.BytesIO(self.read_bytes())
        if mode == "rb":
            return content
        kwargs["encoding"] = kwargs.get("encoding") or "utf-8"
        return io.TextIOWrapper(content, *args, **kwargs)


def _without_path(resource: object) -> OSError:
    return OSError(
        errno.EROFS,
        "a sealed file has no path on a disk; use read_bytes() or open()",
        str(resource),
    )


def _refuse_path(resource: _Node) -> NoReturn:
    raise _without_path(resource)


# `as_file` would write the file to /tmp.
importlib.resources.as_file.register(_Node, _refuse_path)  # type: ignore[attr-defined]
