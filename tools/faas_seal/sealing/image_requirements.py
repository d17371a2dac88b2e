"""A function's requirements, brought into the two files that an image is built from.

The image is built where nothing of the source is. So files that requirements.txt names (`-r`)
become a part of it, and all constraints (`-c`) become one file beside it. Both are in clear there.
Anything that pip would take from a local file or folder is refused, because that would be, too.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faas_seal.errors import SourceRefused
from faas_seal.project.source_folder import CONSTRAINTS, REQUIREMENTS
from faas_seal.project.texts import decoded
from faas_seal.sealing.selection import Part, locate

# What pip does to lines (pip/_internal/req/req_file.py).
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_CODING = re.compile(rb"^#.*?coding[:=][ \t]*([-\w.]+)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# pip takes any abbreviation of a long option that means no other.
_OPTION = re.compile(r"(-[rcefi])\s*=?\s*(.*)|--([a-z-]+)(?:=|\s+)(.*)", re.DOTALL)
_SHORT = {
    "-r": "requirement",
    "-c": "constraint",
    "-e": "editable",
    "-f": "find-links",
    "-i": "index-url",
}
_OPTIONS = (*_SHORT.values(), "extra-index-url")
# The options whose value is a place that packages come from.
_PLACES = ("editable", "find-links", "index-url", "extra-index-url")
_NAMED = re.compile(r"[\w.-]+\s*(\[[^\]]*\])?\s*@\s*")
_FILE_URL = re.compile(r"(\w+\+)?file:", re.IGNORECASE)
# A requirement that is no name: a path, or an archive.
_PATH = re.compile(
    r"\.{0,2}[/\\]|\.{1,2}(\[|$|\s)|[\w.-]+[/\\]|\S+\.(whl|zip|tar|t[gbx]z|tar\.\w+)(\[|$|\s|;)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Requirements:
    """The two files: `text` is that of requirements.txt, `constraints` is b"" for no file.

    `read_from` are the names of all files that these are made of.
    """

    text: bytes = b""
    constraints: bytes = b""
    read_from: tuple[str, ...] = ()

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files by name."""
        constraints = {CONSTRAINTS: self.constraints} if self.constraints else {}
        return {REQUIREMENTS: self.text, **constraints}


def read_requirements(parts: Sequence[Part]) -> Requirements:
    """Read the requirements.txt of a function's folder, whether that file is sealed or not.

    Raises SourceRefused, which names the line, for a file that does not exist or is no text, and
    for anything that pip would take from this machine.
    """
    path = locate(parts, REQUIREMENTS)
    if path is None:
        return Requirements()
    reader = _Reader(parts)
    text = reader.flattened(_File(REQUIREMENTS, path))
    text = "".join([text, *reader.requirements])
    if not reader.constraints:
        return Requirements(text.encode(), read_from=tuple(reader.read_from))
    constraints = "".join(reader.constraints).encode()
    # With the digest, requirements.txt tells whether anything has changed.
    digest = hashlib.sha256(constraints).hexdigest()[:16]
    text = f"{_ended(text)}-c {CONSTRAINTS}  # {digest}\n"
    return Requirements(text.encode(), constraints, tuple(reader.read_from))


@dataclass(frozen=True)
class _File:
    """A file of requirements. `name` is its place in the function's folder, or a path."""

    name: str
    path: Path


@dataclass(frozen=True)
class _Line:
    """A line as pip reads it: joined with those that continue it, and without its comment."""

    number: int
    written: str
    text: str


class _Reader:
    """Reads a file of requirements, and collects what its constraints say.

    `read_from` are the names of the files that were read.
    `requirements` are those that files of constraints name with `-r`: to pip they are none.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._open: list[Path] = []
        self.read_from: list[str] = []
        self.constraints: list[str] = []
        self.requirements: list[str] = []

    def flattened(self, file: _File, *, constraint: bool = False) -> str:
        """Return the text of a file, with the files that it names in place of their lines."""
        if file.path.resolve() in self._open:
            raise SourceRefused(
                f"{file.name} names itself, perhaps by way of another file",
                hint="take that line out",
            )
        self._open.append(file.path.resolve())
        self.read_from.append(file.name)
        found = "".join(self._line(file, line, constraint=constraint) for line in _lines(file))
        self._open.pop()
        return found

    def _line(self, file: _File, line: _Line, *, constraint: bool) -> str:
        option, value = _option(line.text)
        if option == "requirement" and not _URL.match(value):
            included = _ended(self.flattened(self._named(file, line, value)))
            if not constraint:
                return included
            self.requirements.append(included)
            return ""
        if option == "constraint" and not _URL.match(value):
            other = self._named(file, line, value)
            included = _ended(self.flattened(other, constraint=True))
            if included not in self.constraints:
                self.constraints.append(included)
            return ""
        if _is_local(option, value if option else line.text):
            raise SourceRefused(
                f"{file.name}, line {line.number} takes a package from this machine: {line.text}; "
                "the image could have it only in clear",
                hint="put the package into the function's folder, to be sealed with it, and "
                "import it from there; or name an index that has it",
            )
        return line.written

    def _named(self, file: _File, line: _Line, value: str) -> _File:
        """Return the file that a line names: relative to its own, as with pip."""
        words = shlex.split(value)
        if len(words) != 1:
            raise SourceRefused(
                f"{file.name}, line {line.number} is not one file: {line.text}",
                hint="write a line for each file",
            )
        name = os.path.normpath(PurePosixPath(file.name).parent / words[0])
        path = locate(self._parts, name) or file.path.parent / words[0]
        if not path.is_file():
            raise SourceRefused(
                f"{file.name}, line {line.number} names a file that is not there: {words[0]}",
                hint=f"put it there, or take the line out of {file.name}",
            )
        return _File(name, path)


def _option(text: str) -> tuple[str, str]:
    """Return name and value of a line's option, or empty strings for a requirement."""
    match = _OPTION.match(text)
    if match is None:
        return "", ""
    short, after_short, long, after_long = match.groups()
    if short:
        return _SHORT[short], after_short.strip()
    names = [name for name in _OPTIONS if name.startswith(long)]
    return (names[0] if len(names) == 1 else long), after_long.strip()


def _is_local(option: str, value: str) -> bool:
    """Tell whether pip would take a package, or look for packages, on this machine."""
    place = _NAMED.sub("", value, count=1)
    if _FILE_URL.match(place):
        return option in ("", *_PLACES)
    if _URL.match(place):
        return False
    return option in _PLACES or (not option and _PATH.match(value) is not None)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _lines(file: _File) -> Iterator[_Line]:
    """Yield the lines of a file. Raises SourceRefused for a file that is no text."""
    data = file.path.read_bytes()
    coding = next(filter(None, map(_CODING.match, data.split(b"\n")[:2])), None)
    try:
        text = data.decode(coding[1].decode()) if coding else decoded(data)
    except (ValueError, LookupError):
        raise SourceRefused(
            f"{file.name} is not text in UTF-8 or UTF-16", hint="save it as UTF-8"
        ) from None
    if "\0" in text:
        raise SourceRefused(f"{file.name} has a zero byte in it", hint="save it as UTF-8")
    number, written, joined = 1, "", ""
    for count, line in enumerate(text.splitlines(keepends=True), 1):
        written += line
        bare = line.rstrip("\r\n")
        if bare.endswith("\\") and not bare.lstrip().startswith("#"):
            joined += bare[:-1] + " "
            continue
        yield _Line(number, written, _filled_in(_COMMENT.sub("", joined + bare).strip()))
        number, written, joined = count + 1, "", ""
    if written:
        yield _Line(number, written, _filled_in(_COMMENT.sub("", joined).strip()))


def _filled_in(text: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[0], text)
