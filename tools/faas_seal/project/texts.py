"""Texts as editors and shells write them: in UTF-8 or UTF-16, with or without a byte-order mark."""

from __future__ import annotations

import codecs
from pathlib import Path

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's mark does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(path: Path) -> str:
    """Return the text of a file. Raises OSError, and ValueError for what is no text."""
    return decoded(path.read_bytes())


def decoded(data: bytes) -> str:
    """Return the text that bytes stand for, without a byte-order mark.

    Windows PowerShell writes UTF-16 with a mark, and some programs leave the mark out: then the
    zero bytes tell. Raises ValueError for what is neither UTF-8 nor UTF-16.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    if data[1:2] == b"\0" and data[:1] != b"\0":
        return _decoded(data, "utf-16-le")
    if data[:1] == b"\0" and data[1:2] not in (b"", b"\0"):
        return _decoded(data, "utf-16-be")
    return _decoded(data, "utf-8")


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"it is not text in {encoding.upper().partition('-LE')[0]}") from None
