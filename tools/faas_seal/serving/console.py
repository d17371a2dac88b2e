"""What `local-run` prints: its own words, and the functions' logs line by line."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import BinaryIO


class Console:
    """Writes whole lines, so that several functions can share a terminal.

    The functions' standard output stays standard output; all else is standard error.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False

    def say(self, text: str) -> None:
        """Print a message of the gateway's own."""
        self._write(sys.stderr.buffer, text.encode() + b"\n")

    def about(self, name: str, text: str) -> None:
        """Print a message of the gateway's own about the function `name`.

        Callers choose paths and call ids: what could move the cursor is left out.
        """
        self.say(f"{name} | {''.join(c if c.isprintable() else '?' for c in text)}")

    def log(self, name: str, line: bytes, *, error: bool) -> None:
        """Print one line of what the function `name` wrote."""
        self._write(
            (sys.stderr if error else sys.stdout).buffer, b"%b | %b\n" % (name.encode(), line)
        )

    def close(self) -> None:
        """Print nothing more: a thread that writes while Python ends would crash it."""
        with self._lock:
            self._closed = True

    def _write(self, stream: BinaryIO, data: bytes) -> None:
        with self._lock:
            if self._closed:
                return
            # The reader of a pipe may have gone. The functions must not stop for that.
            with suppress(BrokenPipeError):
                stream.write(data)
                stream.flush()
