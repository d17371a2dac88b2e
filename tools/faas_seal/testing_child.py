"""Runs a function's tests on its bundle, as a program of its own.

python testing_child.py TEMPLATE TESTS [PYTEST ARGUMENT]…   with the bundle on standard input

TESTS is a folder with the package `function` that holds the tests and nothing else; the
modules of the bundle come from memory, by the loader that loads them in a container.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

MISSING_PYTEST = 97


def main(template: str, tests: str, arguments: list[str]) -> int:
    sys.path[0] = template  # in place of this file's folder
    try:
        import pytest
    except ModuleNotFoundError:
        return MISSING_PYTEST
    from faas_sealed.formats.bundle import unpack
    from faas_sealed.runtime import loader

    loader.serve_files_from_memory()
    package = loader.Package(loader.Program(unpack(sys.stdin.buffer.read())))
    try:
        handler = package.load()
    except BaseException:
        traceback.print_exc()
        print("faas-seal: the sealed handler cannot be imported", file=sys.stderr)
        return 1
    sys.modules["function"].__path__.append(str(Path(tests, "function")))
    # For tests that say `from handler import handle`.
    sys.modules.setdefault("handler", handler)
    return int(pytest.main(["--rootdir", tests, "-p", "no:cacheprovider", *arguments, tests]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
