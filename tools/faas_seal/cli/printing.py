"""The words of the command: results on standard output, notes and errors on standard error."""

from __future__ import annotations

import codecs
import io
import json
import sys
from collections.abc import Iterable
from typing import NoReturn

import click
from rich.console import Console

_IN_ASCII = {"✓": "+", "✗": "x", "…": "..."}


def print_in_any_encoding() -> None:
    """Let a terminal whose encoding lacks some characters show others in their place."""

    def instead(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeEncodeError)
        missing = error.object[error.start : error.end]
        return "".join(_IN_ASCII.get(character, "?") for character in missing), error.end

    codecs.register_error("faas-seal", instead)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="faas-seal")


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is, and never cuts lines."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a line of a result for people, on standard output."""
    console().print(line)


def say_body(pieces: Iterable[bytes]) -> None:
    """Print a body on standard output as it comes: its bytes and no more.

    On a terminal the last line is ended, so that the next output begins on its own line.
    """
    last = b"\n"
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            last = piece[-1:] or last
    finally:
        if last != b"\n" and sys.stdout.isatty():
            click.echo()


def say_json(value: object) -> None:
    """Print a result for programs, on standard output."""
    click.echo(json.dumps(value, indent=2))


def warn(message: str, kind: str = "warning") -> None:
    """Print a warning or a note, on standard error."""
    style = "yellow" if kind == "warning" else None
    console(stderr=True).print(f"faas-seal: {kind}: {message}", style=style)


def complain(message: str, hint: str) -> None:
    """Print an error and its hint, on standard error."""
    errors = console(stderr=True)
    errors.print(f"faas-seal: error: {message}", style="red")
    if hint:
        errors.print(f"hint: {hint}")


def reason(error: OSError) -> str:
    """Return the message of an error: the file, if there is one, and what is wrong with it."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def fail(message: str, hint: str, status: int) -> NoReturn:
    """Print an error and its hint, and exit."""
    complain(message, hint)
    sys.exit(status)
