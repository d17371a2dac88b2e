"""The imports in a function's code, found in its syntax trees; nothing is run."""

from __future__ import annotations

import ast
import copy
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

# A function may run on another Python than this one. These modules are, or were, in some of
# the versions 3.10 to 3.14.
_OTHER_VERSIONS = """
    annotationlib asynchat asyncore aifc audioop binhex cgi cgitb chunk compression crypt
    distutils imghdr imp lib2to3 mailcap msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd
    sunau telnetlib tomllib uu xdrlib
"""
# The modules that were removed in a version.
_REMOVED = {
    (3, 12): ("asynchat", "asyncore", "distutils", "imp", "smtpd"),
    (3, 13): (
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap"),
        *("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    ),
}
STANDARD_LIBRARY = sys.stdlib_module_names.union(_OTHER_VERSIONS.split(), ["__main__"])

# The libraries that the template itself installs; handlers may import them.
PROVIDED = ("flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "blinker", "click")

_LIBRARY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def libraries(files: Iterable[str], modules: Iterable[ast.Module]) -> tuple[str, ...]:
    """Return the sorted top-level names of the libraries that a function's modules import.

    `asyncio` is among them if the modules import it or have coroutines: it takes longer to import
    than most calls take. The names stand in the header in clear. So the name of any file or folder
    of the function is left out.
    """
    modules = list(modules)
    own = {part for name in files for part in PurePosixPath(name).with_suffix("").parts}
    own.add("function")
    imported = _imported(modules)
    wanted = imported - STANDARD_LIBRARY
    if "asyncio" in imported or any(map(_has_coroutines, modules)):
        wanted.add("asyncio")
    return tuple(sorted(filter(_LIBRARY.fullmatch, wanted - own)))


def own_modules(modules: Mapping[str, ast.Module]) -> tuple[str, ...]:
    """Return the modules, given by file name, that are imported as if they were libraries.

    They are modules of the package `function`, and found only as such, unless the code adds their
    folder to `sys.path`.
    """
    if any(_names_search_path(module) for module in modules.values()):
        return ()
    own = {name.partition("/")[0].removesuffix(".py") for name in modules}
    return tuple(sorted(own & _imported(modules.values()) - STANDARD_LIBRARY))


def unexplained(imported: tuple[str, ...], requirements: str) -> tuple[str, ...]:
    """Return the imported libraries that nothing in a requirements.txt can provide.

    A distribution and its library may differ in name: Pillow provides PIL. So nothing is
    returned if a requirement has the name of no imported library: it may provide any of them.
    """
    required = {
        _normal(found[1])
        for line in requirements.splitlines()
        if (found := _REQUIREMENT.match(line))
    }
    named = {library: _normal(library) for library in imported}
    if required - set(named.values()):
        return ()
    return tuple(
        library
        for library, name in named.items()
        if name not in required and library not in STANDARD_LIBRARY.union(PROVIDED)
    )


def gone(
    files: Iterable[str],
    modules: Iterable[ast.Module],
    python: tuple[int, int],
    requirements: str,
) -> tuple[str, ...]:
    """Return the imported modules that Python no longer has, as of the version `python`.

    A requirement may bring one back: setuptools provides distutils, and others have the module's
    name in theirs. An import that may fail, inside of `try`, does not count.
    """
    removed = {name for since, names in _REMOVED.items() if python >= since for name in names}
    own = {PurePosixPath(name).parts[0].removesuffix(".py") for name in files}
    required = requirements.lower()
    found = {name for module in modules for name in _imported_by(_without_tries(module))}
    return tuple(
        sorted(
            name
            for name in found & removed - own
            if name not in required and not (name == "distutils" and "setuptools" in required)
        )
    )


def _without_tries(module: ast.Module) -> ast.Module:
    class Tries(ast.NodeTransformer):
        def visit_Try(self, node: ast.Try) -> ast.Pass:
            return ast.Pass()

    return Tries().visit(copy.deepcopy(module))  # type: ignore[no-any-return]


def _imported(modules: Iterable[ast.Module]) -> set[str]:
    return {name for module in modules for name in _imported_by(module)}


def _imported_by(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _has_coroutines(module: ast.Module) -> bool:
    return any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(module))


def _names_search_path(module: ast.Module) -> bool:
    """Tell whether a module says `sys.path`, or takes it from `sys`."""
    return any(
        (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path")
        or (isinstance(node, ast.ImportFrom) and node.module == "sys")
        for node in ast.walk(module)
    )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
