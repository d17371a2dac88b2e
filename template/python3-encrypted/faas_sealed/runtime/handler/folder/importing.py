"""The import of modules by their paths in the tree, and what else happens at an import.

`sys.path`, `runpy`, `zipimport` and `spec_from_file_location` find and read modules through
functions that know the tree. Here is what they would do beyond that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.machinery import ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType

from faas_sealed.runtime.handler.folder.advice import LIBRARY, in_memory_alone
from faas_sealed.runtime.handler.folder.resolver import Resolver


def keep_bytecode_in_memory(resolver: Resolver) -> None:
    """Compile a module of the tree each time; Python would keep its bytecode in a file."""
    plain = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        if not resolver.leads_in(path):
            return plain(self, fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


def refuse_extensions(resolver: Resolver) -> None:
    """Refuse to load an extension module of the tree: the kernel would look for its file."""
    plain = ExtensionFileLoader.create_module

    def create_module(self: ExtensionFileLoader, spec: ModuleSpec) -> ModuleType:
        if resolver.leads_in(self.path):
            raise ImportError(in_memory_alone(self.path, LIBRARY), name=spec.name, path=self.path)
        return plain(self, spec)

    ExtensionFileLoader.create_module = create_module  # type: ignore[method-assign]


def forget_searches(resolver: Resolver) -> None:
    """Forget what was found, or not found, in the tree while it had other files."""
    for path, finder in list(sys.path_importer_cache.items()):
        with suppress(OSError):
            place = resolver.find(path)
            if finder is None or (place is not None and place.name is not None):
                del sys.path_importer_cache[path]


def after_import(then: Mapping[str, Callable[[ModuleType], None]]) -> None:
    """Call functions with the modules of these names: now, or once they are imported."""
    plain = FileFinder.find_spec

    def find_spec(
        self: FileFinder, fullname: str, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = plain(self, fullname, target)
        if fullname in then and spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                then[fullname](module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    for name, call in then.items():
        if name in sys.modules:
            call(sys.modules[name])
    FileFinder.find_spec = find_spec  # type: ignore[method-assign, assignment]
