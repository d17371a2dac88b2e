"""The canaries of a source: lines, strings and names in it that nobody else has."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import re
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import faas_sealed

from faas_seal.project.source_folder import REQUIREMENTS
from faas_seal.scan.needles import SHORTEST
from faas_seal.scan.search import Search

# Shorter lines often stand in other people's code, too.
SHORTEST_LINE = 20
# A search of memory sees a canary of this length whole, in every form.
LONGEST = 1000
FEWEST_IN_SHORT_LINES = 24
RUN_OF_BYTES = 32
# Import lines are the same in everybody's code.
_IMPORT = re.compile(r"\s*(from [\w.]+ )?import ")
_QUOTED = re.compile(r'"([^"\\]+)"')
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
# The image is built from this file, so it lies there in clear.
_IN_CLEAR = (REQUIREMENTS,)
# Every image with a function has these. A line that stands in them gives nothing away.
_COMMON_PACKAGES = ("click", "flask", "jinja2", "requests", "waitress", "werkzeug")
_NOT_COMMON = ("site-packages", "dist-packages", "test", "idlelib", "lib2to3", "__pycache__")


def canaries_of(files: Mapping[str, bytes]) -> dict[str, str | bytes]:
    """Return the canaries of files by their places, such as `handler.py:12 (constant)`.

    They are lines, strings and names defined in Python, if they are long enough to be found.
    A file that is not text gives a few runs of bytes.
    """
    found: dict[str, str | bytes] = {}
    seen: set[str | bytes] = set()
    for name, content in files.items():
        if name in _IN_CLEAR:
            continue
        # The stem alone, because a copy or a compiled file has that in its name, too.
        for called in (PurePosixPath(name).stem, name):
            if len(called) >= SHORTEST:
                found[f"the name of {name}"] = called
                break
        try:
            text = content.decode()
        except UnicodeDecodeError:
            found |= _runs(name, content)
            continue
        strings = _python(text) if name.endswith(".py") else _quoted(text)
        for line, kind, value in [*_lines(text), *_short_lines(text), *strings]:
            value = value[:LONGEST]
            if value not in seen:
                seen.add(value)
                found[_unused(found, f"{name}:{line}", kind)] = value
    return found


def without_common(canaries: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    """Leave out canaries that also stand in Python, in common libraries or in the runtime."""
    search = Search(canaries)
    common = set()
    for path in _common_files():
        common |= {hit.canary for hit in search.in_bytes(path.read_bytes(), str(path))}
    return {place: value for place, value in canaries.items() if place not in common}


def _unused(found: Mapping[str, str | bytes], place: str, kind: str) -> str:
    """Return a new name for a canary: with a number if a line has several of a kind."""
    numbers = itertools.chain([""], (f" {number}" for number in itertools.count(2)))
    names = (f"{place} ({kind}{number})" for number in numbers)
    return next(name for name in names if name not in found)


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line.strip()) >= SHORTEST_LINE and not _IMPORT.match(line):
            yield number, "line", line.strip()


def _short_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield blocks of lines that are too short alone: tables, or whole files of them.

    The length of a block counts without spaces, because a few brackets and words in the same
    order can stand in other people's code, too.
    """
    lines = text.splitlines(keepends=True)
    start = 0
    for number, line in enumerate([*lines, "x" * SHORTEST_LINE]):
        block = "".join(lines[start:number]).strip()
        ends = len(line.strip()) >= SHORTEST_LINE
        if (ends or len(block) >= 2 * RUN_OF_BYTES) and number > start:
            if len("".join(block.split())) >= FEWEST_IN_SHORT_LINES:
                yield start + 1, "lines", block
            start = number
        if ends:
            start = number + 1


def _quoted(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the strings in JSON and the like, which a program may write in other lines."""
    for number, line in enumerate(text.splitlines(), 1):
        for value in _QUOTED.findall(line):
            if len(value.strip().encode()) >= SHORTEST and not _MEDIA_TYPE.fullmatch(value):
                yield number, "string", value.strip()


def _python(text: str) -> Iterator[tuple[int, str, str | bytes]]:
    """Yield line, kind and value of strings, bytes and names in Python source."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(value)):
                # In one piece, as in memory, and line by line, as a docstring in a file.
                for part in (value, *value.splitlines()):
                    if len(part.strip().encode()) >= SHORTEST and not _MEDIA_TYPE.fullmatch(part):
                        yield node.lineno, "constant", part.strip()
            case ast.Constant(value=bytes(value)) if len(value) >= SHORTEST:
                yield node.lineno, "constant", value
            case (
                ast.FunctionDef(name=named)
                | ast.AsyncFunctionDef(name=named)
                | ast.ClassDef(name=named)
            ):
                if len(named.encode()) >= SHORTEST:
                    yield node.lineno, "name", named


def _runs(name: str, content: bytes) -> dict[str, str | bytes]:
    """Return a few runs of bytes from a file that is not text."""
    starts = (0, len(content) // 2, len(content) - RUN_OF_BYTES)
    runs = {at: content[at : at + RUN_OF_BYTES] for at in starts if at >= 0}
    return {
        f"{name} (bytes from {at})": run
        for at, run in runs.items()
        if len(run) == RUN_OF_BYTES and len(set(run)) > RUN_OF_BYTES // 4
    }


def _common_files() -> Iterator[Path]:
    library = Path(sysconfig.get_paths()["stdlib"])
    folders = [library, Path(faas_sealed.__file__).parents[1]]
    for package in _COMMON_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            folders.append(Path(spec.origin).parent)
    for folder in folders:
        for path in folder.rglob("*.py"):
            if not set(path.relative_to(folder).parts) & set(_NOT_COMMON):
                yield path
