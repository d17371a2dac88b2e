"""Which third-party libraries a function imports, read from its syntax and never run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

# The function may run on another Python than this one: what else 3.10 to 3.14 have or had.
_OTHER_VERSIONS = """
    annotationlib asynchat asyncore aifc audioop binhex cgi cgitb chunk compression crypt
    distutils imghdr imp lib2to3 mailcap msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd
    sunau telnetlib tomllib uu xdrlib
"""
STANDARD_LIBRARY = sys.stdlib_module_names.union(_OTHER_VERSIONS.split(), ["__main__"])

# What the template itself installs and handlers may import.
PROVIDED = ("flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "blinker", "click")

_LIBRARY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def libraries(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the sorted top-level names of the libraries that a bundle's code imports.

    The names stand in the header in clear, so that any name which is also a file's or a
    folder's of the bundle is left out, wherever that lies.
    """
    own = {part for name in files for part in PurePosixPath(name).with_suffix("").parts}
    own.add("function")
    found = {
        library
        for name, content in files.items()
        if name.endswith(".py")
        for library in _imported(content)
    }
    return tuple(sorted(filter(_LIBRARY.fullmatch, found - own - STANDARD_LIBRARY)))


def own_modules(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the function's own modules that its code imports as if they were libraries.

    They are modules of the package `function`, and found only as such.
    """
    own = {name.partition("/")[0].removesuffix(".py") for name in files if name.endswith(".py")}
    found = {
        module
        for name, content in files.items()
        if name.endswith(".py")
        for module in _imported(content)
    }
    return tuple(sorted(own & found - STANDARD_LIBRARY))


def unexplained(imported: tuple[str, ...], requirements: str) -> tuple[str, ...]:
    """Return the libraries that nothing in a requirements.txt can be the source of.

    A distribution may be called other than what is imported (Pillow gives PIL), so that
    nothing is said while a requirement is left that may explain it.
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
        if name not in required and library not in PROVIDED
    )


def _imported(code: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
