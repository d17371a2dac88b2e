"""A package `function` out of a bundle, imported from memory into fresh namespaces."""

from __future__ import annotations

import builtins
import errno
import importlib.abc
import importlib.machinery
import importlib.util
import io
import linecache
import os
import pathlib
import posixpath
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import CodeType, ModuleType
from typing import Any

from faas_sealed.runtime.handler.resources import Resources

PACKAGE = "function"
# Where the files seem to lie: the directory of `__file__`. It exists nowhere.
ROOT = "/sealed/function"
_ABOVE = "/sealed"


class Program:
    """The files of a bundle, and their code as far as it has been compiled.

    `streams` tells whether the source says `.stream`, so that the handler may want to
    start before the body of its request has arrived. A wrong guess costs time, not
    correctness.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        # The official template's build makes an empty one, too.
        self.files = {"__init__.py": b"", **files}
        self._code: dict[str, CodeType] = {}

    def code(self, name: str) -> CodeType:
        code = self._code.get(name)
        if code is None:
            code = compile(self.files[name], f"{ROOT}/{name}", "exec", dont_inherit=True)
            self._code[name] = code
        return code

    @cached_property
    def streams(self) -> bool:
        return any(
            name.endswith(".py") and b".stream" in source for name, source in self.files.items()
        )


class Package:
    """A program's package `function`, executed into a fresh namespace."""

    def __init__(self, program: Program) -> None:
        self._finder = _Finder(program)

    def load(self) -> ModuleType:
        """Import the package and return `function.handler`."""
        if PACKAGE in sys.modules:
            # A thread that an earlier call has left took the folder of that name on the disk.
            _forget([name for name in sys.modules if name.partition(".")[0] == PACKAGE])
        sys.meta_path.insert(0, self._finder)
        _open_files.files = self._finder.program.files
        package = self._finder.load(PACKAGE)
        handler = self._finder.load(f"{PACKAGE}.handler")
        package.handler = handler  # type: ignore[attr-defined]
        return handler

    def unload(self) -> None:
        """Forget every module of the package, and the source that tracebacks cached."""
        # The handler may have changed any of these.
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self._finder]
        _open_files.files = {}
        _forget(self._finder.found)
        linecache.clearcache()


def _forget(names: Iterable[str]) -> None:
    for name in names:
        sys.modules.pop(name, None)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, program: Program) -> None:
        self.program = program
        self.found: set[str] = set()

    def load(self, fullname: str) -> ModuleType:
        """Import a module as `importlib` does, in half of the time: it is known to be here."""
        module = sys.modules.get(fullname)
        if module is None:
            spec = self.find_spec(fullname)
            if spec is None:
                raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            module = importlib.util.module_from_spec(spec)
            sys.modules[fullname] = module
            assert spec.loader is not None
            spec.loader.exec_module(module)
        return module

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        if package != PACKAGE:
            return None
        stem = rest.replace(".", "/")
        files = self.program.files
        init = f"{stem}/__init__.py".lstrip("/")
        folder = f"{stem}/" if stem else ""
        if init in files:
            return self._spec(fullname, init, folder)
        if stem and f"{stem}.py" in files:
            return self._spec(fullname, f"{stem}.py", None)
        if any(name.startswith(folder) for name in files):
            return self._spec(fullname, None, folder)
        return None

    def _spec(
        self, fullname: str, file: str | None, folder: str | None
    ) -> importlib.machinery.ModuleSpec:
        self.found.add(fullname)
        loader = _Loader(self.program, file, folder)
        spec = importlib.machinery.ModuleSpec(
            fullname, loader, origin=file and f"{ROOT}/{file}", is_package=folder is not None
        )
        spec.has_location = file is not None
        spec.cached = ""  # or its path would be worked out each time, and no bytecode is there
        if folder is not None:
            spec.submodule_search_locations = [f"{ROOT}/{folder}".rstrip("/")]
        return spec


_EMPTY = compile("", ROOT, "exec")


class _Loader(importlib.abc.InspectLoader):
    """Loads one module; `file` is None for a folder without `__init__.py`."""

    def __init__(self, program: Program, file: str | None, folder: str | None) -> None:
        self._program = program
        self._file = file
        self._folder = folder

    def exec_module(self, module: ModuleType) -> None:
        if self._file is not None:
            # For those who ask for a line of source by the file's name alone.
            linecache.lazycache(f"{ROOT}/{self._file}", vars(module))
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType | None:
        if self._file is None:
            return _EMPTY
        return self._program.code(self._file)

    def get_source(self, fullname: str) -> str | None:
        if self._file is None:
            return ""
        return importlib.util.decode_source(self._program.files[self._file])

    def is_package(self, fullname: str) -> bool:
        return self._folder is not None

    def get_data(self, path: str) -> bytes:
        name = _open_files.name_of(path)
        if name is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self._program.files[name]

    def get_resource_reader(self, fullname: str) -> Resources:
        # Of a module too: its resources are those beside it.
        folder = (self._file or "").rpartition("/")[0] if self._folder is None else self._folder
        return Resources(self._program.files, folder)


class _Folder:
    """A folder of the package, for `pkgutil.iter_modules`. It finds no module to import."""

    def __init__(self, path: str) -> None:
        self._folder = path.removeprefix(ROOT).removeprefix("/")
        if not path.startswith(ROOT) or not self._resources().files().is_dir():
            raise ImportError

    def _resources(self) -> Resources:
        return Resources(_open_files.files, self._folder)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        for entry in self._resources().files().iterdir():
            stem, _, suffix = entry.name.rpartition(".")
            if entry.joinpath("__init__.py").is_file():
                yield prefix + entry.name, True
            elif suffix == "py" and stem != "__init__":
                yield prefix + stem, False

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> None:
        """Find nothing: the package's finder, which comes first, has found nothing."""


class _OpenFiles:
    """`open()` for paths beside `__file__`: the bundle's files, read from memory.

    A relative path counts from the folder above the package, as the official template's
    process stands there.
    """

    def __init__(self) -> None:
        self.files: Mapping[str, bytes] = {}
        self._open = io.open

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
            return self._open(file, mode, buffering, encoding, errors, newline, *args, **kwargs)
        if set(mode) & set("wax+"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(file))
        content = _File(self.files[name])
        content.name = os.fspath(file)
        if "b" in mode:
            return content
        return io.TextIOWrapper(content, encoding or "utf-8", errors, newline)

    def install(self) -> None:
        builtins.open = self
        io.open = self
        if sys.version_info < (3, 11):  # pathlib took its own reference to io.open
            pathlib._NormalAccessor.open = self  # type: ignore[attr-defined]


class _File(io.BytesIO):
    name: str


_open_files = _OpenFiles()


def serve_files_from_memory() -> None:
    """Let `open()` and `pathlib` find the bundle's files beside `__file__`, `pkgutil` its modules.

    For good, in this process: the zygote does it once.
    """
    _open_files.install()
    sys.path_hooks.insert(0, _Folder)
