"""Needles: the forms that a run of bytes takes in files and in memory."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

# A run of this length covers a whole aligned word of eight bytes, wherever it begins.
SHORTEST = 15
# A run of this length is found even with a line break in it: in base64 it has at least 30
# characters.
SHORTEST_IN_LINES = 24
# Tools write these forms in lines of 60 characters or more.
_IN_LINES = ("hex", "HEX", "base64")


@dataclass(frozen=True)
class Needle:
    """One form of a canary. `run` is the bytes to look for."""

    canary: str
    form: str
    run: bytes

    @property
    def may_be_in_lines(self) -> bool:
        """Whether line breaks may stand in it."""
        return self.form.startswith(_IN_LINES)

    def covers(self) -> Iterator[bytes]:
        """Yield stretches of the run. A search finds at least one of them whole.

        A line break can spoil one of two stretches that follow each other, not both. The
        stretches of a run of less than 30 bytes overlap, and a line break in the middle
        hides both.
        """
        yield self.run[:SHORTEST]
        if self.may_be_in_lines:
            start = min(SHORTEST, len(self.run) - SHORTEST)
            yield self.run[start : start + SHORTEST]

    def __post_init__(self) -> None:
        if len(self.run) < SHORTEST:
            size = len(self.run)
            raise ValueError(
                f"{self.canary} as {self.form} is {size} bytes, expected at least {SHORTEST}"
            )


@functools.cache
def in_lines(run: bytes) -> re.Pattern[bytes]:
    """Return a pattern of a run with white space between any of its bytes."""
    return re.compile(rb"\s*".join(re.escape(bytes([byte])) for byte in run))


def _base64(shift: int, encode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return a form in base64: the characters that depend on nothing but the run.

    The run begins `shift` bytes after a multiple of three.
    """

    def form(run: bytes) -> bytes:
        begin, end = -(-shift * 8 // 6), (shift + len(run)) * 8 // 6
        return encode(bytes(shift) + run)[begin:end]

    return form


def _recoded(encoding: str) -> Callable[[bytes], bytes]:
    return lambda run: run.decode().encode(encoding)


ANY_BYTES: dict[str, Callable[[bytes], bytes]] = {
    "bytes": lambda run: run,
    "hex": lambda run: run.hex().encode(),
    "HEX": lambda run: run.hex().upper().encode(),
    "percent": lambda run: quote_from_bytes(run).encode(),
    "percent, slashes too": lambda run: quote_from_bytes(run, safe="").encode(),
    "repr": lambda run: repr(run)[2:-1].encode(),
    **{f"base64+{n}": _base64(n, base64.standard_b64encode) for n in range(3)},
    **{f"base64url+{n}": _base64(n, base64.urlsafe_b64encode) for n in range(3)},
}
# CPython keeps each character of a text in one, two or four bytes, as its widest one needs.
TEXT_ONLY: dict[str, Callable[[bytes], bytes]] = {
    **{name: _recoded(name) for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")},
    "json": lambda run: json.dumps(run.decode())[1:-1].encode(),
}


def needles(canary: str, value: str | bytes) -> Iterator[Needle]:
    """Yield the different forms of a canary. Text has more forms than other bytes."""
    text = isinstance(value, str)
    run = value.encode() if isinstance(value, str) else value
    seen: set[bytes] = set()
    for form, make in (ANY_BYTES | TEXT_ONLY if text else ANY_BYTES).items():
        made = make(run)
        if made not in seen:
            seen.add(made)
            yield Needle(canary, form, made)
