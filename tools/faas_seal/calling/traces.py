"""Sealed traces, opened with the keys and sealed files that are at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from faas_sealed.formats.errors import FileRefused, UnknownKey
from faas_sealed.formats.file import claimed_author, verify
from faas_sealed.formats.trace import open_trace, trace_content_id

TRACE = re.compile(r"fse1_[A-Za-z0-9_-]+")

# Expiry binds the runtime alone: a file that has expired opens with its key here.
ANY_TIME = 0


class Traces:
    """The content keys of those sealed files that one of the function keys opens."""

    def __init__(self, files: Iterable[Path], function_keys: Iterable[bytes]) -> None:
        """Read sealed files, and pass over those that are refused or that no key opens.

        Each of `function_keys` is 32 bytes.
        """
        keys = list(function_keys)
        self._opened: dict[str, tuple[bytes, bytes]] = {}
        for path in files:
            data = path.read_bytes()
            try:
                sealed = verify(data, claimed_author(data))
            except FileRefused:
                continue
            for key in keys:
                try:
                    content_key = sealed.content_key(key, ANY_TIME)
                except UnknownKey:
                    continue
                self._opened[sealed.header.content_id] = content_key, sealed.header.context

    def open(self, text: str) -> str | None:
        """Return the text in a trace `fse1_…`, made printable, or None if no key here opens it.

        Raises MalformedTrace for a trace that is damaged.
        """
        opened = self._opened.get(trace_content_id(text))
        return printable(open_trace(text, *opened)) if opened else None


def printable(text: str) -> str:
    """Return `text` without the control characters that a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
