"""`importlib.resources` over the files of a bundle."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any

if sys.version_info >= (3, 11):
    from importlib.resources.abc import Traversable, TraversableResources
else:
    from importlib.abc import Traversable, TraversableResources


class Resources(TraversableResources):
    """The resources of one package: the files below `folder` (empty, or ending in `/`)."""

    def __init__(self, files: Mapping[str, bytes], folder: str) -> None:
        self._root = _Node(files, folder.rstrip("/"))

    def files(self) -> Traversable:
        return self._root


class _Node(Traversable):
    """A file or a folder of the bundle; `path` is empty for the root."""

    def __init__(self, files: Mapping[str, bytes], path: str) -> None:
        self._files = files
        self._path = path

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
        parts = [self._path, *(str(part) for part in descendants)]
        return _Node(self._files, "/".join(part for part in parts if part))

    def __truediv__(self, child: Any) -> Traversable:
        return self.joinpath(child)

    def read_bytes(self) -> bytes:
        try:
            return self._files[self._path]
        except KeyError:
            raise FileNotFoundError(self._path) from None

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        content = io.BytesIO(self.read_bytes())
        if "b" in mode:
            return content
        return io.TextIOWrapper(content, *args, **{"encoding": "utf-8", **kwargs})
