"""The terminal of `local-run`: its own messages, and the functions' output line by line."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import BinaryIO


class Console:
    """Prints whole lines, so that several functions can share a terminal.

    The functions' standard output goes to standard output, everything else to standard error.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False

    def say(self, text: str) -> None:
        """Print a message from the gateway itself."""
        self._write(sys.stderr.buffer, text.encode() + b"\n")

    def about(self, name: str, text: str) -> None:
        """Print a message from the gateway about the function `name`.

        It may quote a path or a call id, which callers choose, so characters that could move
        the cursor become question marks.
        """
        self.say(f"{name} | {''.join(c if c.isprintable() else '?' for c in text)}")

    def log(self, name: str, line: bytes, *, error: bool) -> None:
        """Print one line that the function `name` wrote; `error` means to its standard error."""
        self._write(
            (sys.stderr if error else sys.stdout).buffer, b"%b | %b\n" % (name.encode(), line)
        )

    def close(self) -> None:
        """Print nothing more. A thread that writes while Python ends would crash Python."""
        with self._lock:
            self._closed = True

    def _write(self, stream: BinaryIO, data: bytes) -> None:
        with self._lock:
            if self._closed:
                return
            # Functions must not stop because the reader of a pipe has gone.
            with suppress(BrokenPipeError):
                stream.write(data)
                stream.flush()
