"""The advice to those who give a path of the tree to code that opens it in the kernel."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from faas_sealed.runtime.handler.folder.resolver import Resolver
from faas_sealed.runtime.handler.folder.tree import ROOT, child

READ = "read it with open() or read_bytes()"
LIBRARY = "take libraries from requirements.txt or ADDITIONAL_PACKAGE"
HAND_OVER = "hand over its content, as by stdin=open(...)"
OTHER_FOLDER = "no process can work there, or write; choose /tmp"
DATABASE = "copy it to /tmp, or deserialize() what open() reads"
COPY = "read it with open(), and hand over bytes or a copy in /tmp"
# Said by C code about a file that it has not found.
_NOT_FOUND = re.compile(
    r"no such file|not found|not exist|cannot find"
    r"|(cannot|can't|could not|couldn't|unable to|failed to|error) (\w+ ){0,2}?(open|load|read)",
    re.IGNORECASE,
)
# What stands between words of a command, and around the path in a URI.
_BETWEEN_PATHS = re.compile(r"[\s'\"=:;,|&<>()?]+")
_END_OF_NAME = re.compile(r"$|[^\w.-]")


def in_memory_alone(path: str, advice: str) -> str:
    """Return an error's text. The path is first: a text that is cut still says which file."""
    return f"{path} is in memory alone: {advice}"


def refusal(path: str, advice: str) -> OSError:
    return OSError(errno.ENOTSUP, in_memory_alone(path, advice))


def path_in(resolver: Resolver, text: str | bytes | os.PathLike[Any]) -> str | None:
    """Return the path of what is in the tree and is named in a text, such as a command."""
    text = os.fsdecode(text)
    words = [word for word in _BETWEEN_PATHS.split(text) if "/" in word.strip("/")]
    for word in (text, *words):
        with suppress(OSError):
            place = resolver.find(word)
            name = place.name if place is not None else None
            if name is not None and resolver.tree.has(name) and (name or "/" in word):
                return child(ROOT, name).rstrip("/")
    return _mentioned(resolver.tree.names, text)


def note_on(resolver: Resolver, message: str) -> str:
    """Return a line about the file of the tree that an error says is not there, or nothing."""
    data = (name for name in resolver.tree.files if not name.endswith(".py"))
    path = _mentioned(data, message)
    if path is None or "in memory alone" in message or not _NOT_FOUND.search(message):
        return ""
    return f"faas-seal: hint: {in_memory_alone(path, COPY)}\n"


def _mentioned(names: Iterable[str], text: str) -> str | None:
    """Return the longest path that a text contains, of those that have these names in the tree."""
    paths = [child(ROOT, name).rstrip("/") for name in names]
    found = [
        path
        for start in (each.start() for each in re.finditer(ROOT, text))
        for path in paths
        if text.startswith(path, start) and _END_OF_NAME.match(text, start + len(path))
    ]
    return max(found, key=len, default=None)
