"""A program of its own that runs pytest on a function's tests and its bundle.

python pytest_child.py TEMPLATE TESTS [PYTEST ARGUMENT]…   with the bundle on standard input

TESTS is a folder with the package `function`, which holds only the tests. The modules of
the bundle come from memory, through the loader that a container has.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import time
import traceback
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.importlib import MetaPathFinderProtocol

MISSING_PYTEST = 97
# The folder of a virtual environment for packages that only the tests may find.
FOR_TESTS = "for-tests"


class _WithTests(importlib.abc.MetaPathFinder):
    """Finds the bundle's modules, and adds the tests of a package's folder to the package."""

    def __init__(self, bundle: MetaPathFinderProtocol, tests: str) -> None:
        self._bundle = bundle
        self._tests = tests

    def folder(self, package: str) -> str:
        return str(Path(self._tests, *package.split(".")))

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = self._bundle.find_spec(fullname, None, target)
        if spec is not None and spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(self.folder(fullname))
        return spec


def main(template: str, tests: str, arguments: list[str]) -> int:
    sys.path[0] = template  # in place of this file's folder
    for_tests = Path(sys.prefix, FOR_TESTS)
    if importlib.util.find_spec("pytest") is None and not for_tests.is_dir():
        return MISSING_PYTEST
    from faas_sealed.formats.bundle import unpack
    from faas_sealed.runtime.handler import bundle_files
    from faas_sealed.runtime.handler.loader import Package, Program

    # What tests open by a relative path may lie beside them on the disk.
    bundle_files.install(int(time.time()), as_home=False)
    package = Package(Program(unpack(sys.stdin.buffer.read())))
    try:
        handler = package.load()
    except BaseException:
        traceback.print_exc()
        print("faas-seal: the sealed handler cannot be imported", file=sys.stderr)
        return 1
    finder = _WithTests(sys.meta_path[0], tests)  # the bundle's finder is the first
    sys.meta_path[0] = finder
    for name, module in sys.modules.items():
        if name.partition(".")[0] == "function" and hasattr(module, "__path__"):
            module.__path__.append(finder.folder(name))
    # For tests that say `from handler import handle`.
    sys.modules.setdefault("handler", handler)
    sys.path.append(str(for_tests))
    import pytest

    return int(pytest.main(["--rootdir", tests, "-p", "no:cacheprovider", *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
