"""The loader of the package `function`: imports it from memory."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import CodeType, ModuleType

from faas_sealed.runtime.handler import bundle_files
from faas_sealed.runtime.handler.bundle_files import ROOT
from faas_sealed.runtime.handler.resources import Resources

PACKAGE = "function"


class Program:
    """The files of a bundle.

    `streams` tells whether the source says `.stream`: such a handler may want to start
    before the body of its request has arrived. A wrong guess costs time, not correctness.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        # The official template's build makes an empty `__init__.py`, too.
        self.files = {"__init__.py": b"", **files}

    @cached_property
    def streams(self) -> bool:
        return any(
            name.endswith(".py") and b".stream" in source for name, source in self.files.items()
        )


class Package:
    """A program's package `function`."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._finder = _Finder(program)

    def load(self) -> ModuleType:
        """Import the package and return `function.handler`."""
        sys.meta_path.insert(0, self._finder)
        bundle_files.show(self.program.files)
        package = self._finder.load(PACKAGE)
        handler = self._finder.load(f"{PACKAGE}.handler")
        package.handler = handler  # type: ignore[attr-defined]
        return handler

    def unload(self) -> None:
        """Forget every module of the package, and the source that tracebacks cached."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        bundle_files.show({})
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        linecache.clearcache()


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def load(self, fullname: str) -> ModuleType:
        """Import one of our modules as `importlib` does, in half the time: we need not search."""
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
        files = self._program.files
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
        loader = _Loader(fullname, self._program, file, folder)
        spec = importlib.machinery.ModuleSpec(
            fullname, loader, origin=file and f"{ROOT}/{file}", is_package=folder is not None
        )
        spec.has_location = file is not None
        spec.cached = ""  # there is no bytecode file, and its path need not be worked out
        if folder is not None:
            spec.submodule_search_locations = [f"{ROOT}/{folder}".rstrip("/")]
        return spec


_EMPTY = compile("", ROOT, "exec")


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module; `file` is None for a folder without `__init__.py`."""

    def __init__(
        self, fullname: str, program: Program, file: str | None, folder: str | None
    ) -> None:
        super().__init__(fullname, f"{ROOT}/{file or folder}")
        self._program = program
        self._file = file
        self._folder = folder

    def get_code(self, fullname: str) -> CodeType | None:
        if self._file is None:
            return _EMPTY
        return compile(
            self._program.files[self._file], f"{ROOT}/{self._file}", "exec", dont_inherit=True
        )

    def get_source(self, fullname: str) -> str | None:
        if self._file is None:
            return ""
        return importlib.util.decode_source(self._program.files[self._file])

    def is_package(self, fullname: str) -> bool:
        return self._folder is not None

    def get_data(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def get_resource_reader(self, name: str | None = None) -> Resources:  # type: ignore[override]
        # A module has resources, too: the files beside it.
        folder = (self._file or "").rpartition("/")[0] if self._folder is None else self._folder
        return Resources(f"{ROOT}/{folder}")
