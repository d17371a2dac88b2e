"""Requirements files: what they ask for, and all that they name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_INCLUDED = re.compile(r"(?:-r|--requirement|-c|--constraint)[\s=]*(\S+)")
# What pip takes for a file or folder.
_LOCAL = re.compile(
    r"(?:^|\s)(?:file:(?://)?(\S+)|(\.\S*|[^\s:]*/\S*|\S+\.(?:whl|zip|tgz|tar\.\w+))(?=\s|$))"
)


def read_requirements(path: Path) -> bytes:
    """Return a requirements file, followed by the files and folders that it names."""
    return b"".join(_with_named(path, set()))


def _with_named(path: Path, seen: set[Path]) -> Iterator[bytes]:
    if path in seen or not path.is_file():
        return
    seen.add(path)
    content = path.read_bytes()
    yield content
    for line in _lines(content):
        if included := _INCLUDED.match(line):
            yield from _with_named(path.parent / included[1], seen)
            continue
        for found in _LOCAL.finditer(line):
            yield from _contents(path.parent / (found[1] or found[2]), path.parent)


def _contents(path: Path, folder: Path) -> Iterator[bytes]:
    """Yield the name, as seen from `folder`, and the content of a file or of those of a folder."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            yield b"\0%b\0" % os.path.relpath(file, folder).encode()
            yield file.read_bytes()


def names(requirements: bytes) -> list[str]:
    """Return the names in a requirements file, and its options, such as `-r`, as whole lines."""
    lines = _lines(requirements)
    return [found[0] if (found := _NAME.match(line)) else line for line in lines]


def _lines(requirements: bytes) -> list[str]:
    """Return the lines of a requirements file that are not comments; `\\` joins two."""
    lines = re.sub(rb"\\\r?\n", b" ", requirements).decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
