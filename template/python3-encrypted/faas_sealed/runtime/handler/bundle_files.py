"""The files of the bundle as a handler finds them beside `__file__`, read from memory.

`open()` and `pathlib` find the files, `pkgutil` the modules among them.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import pathlib
import posixpath
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from faas_sealed.runtime.handler.resources import Resources

# Where the files seem to lie: the directory of `__file__`. That directory exists nowhere.
ROOT = "/sealed/function"
_ABOVE = "/sealed"


def install() -> None:
    """Put `open()` from memory in place of Python's own, for good in this process."""
    builtins.open = _open
    io.open = _open
    if sys.version_info < (3, 11):  # pathlib took its own reference to io.open
        pathlib._NormalAccessor.open = _open  # type: ignore[attr-defined]
    sys.path_hooks.insert(0, _Folder)


def show(files: Mapping[str, bytes]) -> None:
    """Let these files be found from now on, and no others; their names are relative to ROOT."""
    _open.files = files


def name_of(path: object) -> str | None:
    """Return the name of the file that `path` leads to, or None for a file that is not shown."""
    return _open.name_of(path)


class _Open:
    """`open()` from memory for the files that are shown, and as ever for all others.

    A relative path counts from the folder above the package, because the process of the official
    template works in that folder.
    """

    def __init__(self) -> None:
        self.files: Mapping[str, bytes] = {}
        self._plain = io.open

    def name_of(self, path: object) -> str | None:
        if not self.files or not isinstance(path, (str, os.PathLike)):
            return None
        text = os.fspath(path)
        if not isinstance(text, str):
            return None
        name = posixpath.normpath(posixpath.join(_ABOVE, text)).removeprefix(f"{ROOT}/")
        return name if name in self.files else None

    def __call__(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        name = self.name_of(file)
        if name is None:
            return self._plain(file, mode, buffering, encoding, errors, newline, *args, **kwargs)
        if set(mode) & set("wax+"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(file))
        content = _File(self.files[name])
        content.name = os.fspath(file)
        if "b" in mode:
            return content
        return io.TextIOWrapper(content, encoding or "utf-8", errors, newline)


class _File(io.BytesIO):
    name: str


_open = _Open()


class _Folder:
    """A folder of the package, for `pkgutil.iter_modules`. It finds no module to import."""

    def __init__(self, path: str) -> None:
        self._folder = path.removeprefix(ROOT).removeprefix("/")
        if not path.startswith(ROOT) or not self._resources().files().is_dir():
            raise ImportError

    def _resources(self) -> Resources:
        return Resources(_open.files, self._folder)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        for entry in self._resources().files().iterdir():
            stem, _, suffix = entry.name.rpartition(".")
            if entry.joinpath("__init__.py").is_file():
                yield prefix + entry.name, True
            elif suffix == "py" and stem != "__init__":
                yield prefix + stem, False

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> None:
        """Find nothing: the package's finder has looked before, and found nothing."""
