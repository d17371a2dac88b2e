"""The container's log: lines of the runtime, lines of the handler, and sealed lines.

What a handler prints is its author's business, and arrives in whole lines. What the interpreter
would write about the handler shows source and names, and so it is sealed, like a trace.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from faas_sealed.formats.file import Header
from faas_sealed.formats.trace import seal_trace

WITHHELD = "(withheld)"


def say(text: str) -> None:
    """Write one line of the runtime's own to standard error."""
    with suppress(OSError):
        os.write(2, f"faas-seal: {text}\n".encode())


def timestamp() -> str:
    """Return the present time in UTC, to the millisecond (RFC 3339)."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    return f"{stamp}.{int(now % 1 * 1000):03d}Z"


class Log:
    """The log of one worker, made and installed in the zygote.

    `form` is `text` or `json`, `lock` a descriptor that all workers lock while they write.
    Text can be sealed once a request's key has opened the function. Before that there is
    nothing to say about a handler.
    """

    def __init__(self, form: str, lock: int) -> None:
        self._form = form
        self._lock = lock
        self._threads = threading.RLock()
        self._level = threading.local()
        self._seal: Callable[[str], str] | None = None
        self._native_errors: Callable[[], bytes] = bytes
        self._streams: tuple[_Stream, ...] = ()
        self.call_id = ""

    def install(self, native_errors: Callable[[], bytes]) -> None:
        """Take over standard output and error, for good.

        `native_errors` returns, and forgets, what C code has written to its standard error.
        """
        self._streams = (
            _Stream(1, "<stdout>", "surrogateescape", partial(self._write, 1, "info")),
            _Stream(2, "<stderr>", "backslashreplace", partial(self._write, 2, "error")),
        )
        sys.stdout, sys.stderr = self._streams
        sys.__stdout__, sys.__stderr__ = self._streams  # type: ignore[misc]
        self._native_errors = native_errors
        os.register_at_fork(after_in_child=self._forget_other_threads)

    def begin_call(self, content_key: bytes, header: Header) -> None:
        """From now on seal text to the recipients of this function."""
        self._seal = lambda text: seal_trace(text, content_key, header.content_id, header.context)

    def end_call(self) -> None:
        """Write out what the call has printed, and give the next call open streams."""
        for name, stream in zip(("stdout", "stderr"), self._streams, strict=False):
            other = getattr(sys, name, None)
            if other is not stream and not _is_flushed(other):
                setattr(sys, name, stream)
            with suppress(ValueError, OSError):
                stream.finish()
        with suppress(OSError):
            if native := self._native_errors():
                self._write(2, "error", native.splitlines())
        self.call_id = ""

    def seal(self, text: str) -> str:
        """Return a text sealed (`fse1_…`), or `(withheld)` before a key has opened the function."""
        return WITHHELD if self._seal is None else self._seal(text)

    def sealed(self, what: str, text: str, level: str = "error") -> str:
        """Write one line, with `what` in clear and `text` sealed; return the sealed text."""
        trace = self.seal(text)
        line = f"faas-seal: {what} {self.call_id or '-'} {trace}"
        # Not through sys.stderr: it may be closed, or in the middle of a write.
        with suppress(OSError):
            self._write(2, level, [line.encode()])
        return trace

    def audit(self, line: bytes) -> None:
        """Write one line of the audit."""
        with suppress(OSError):
            self._put(2, [line])

    @contextmanager
    def at_level(self, name: str) -> Iterator[None]:
        """Give a level to the lines that this thread writes in this context."""
        outer = getattr(self._level, "name", None)
        self._level.name = name
        try:
            yield
        finally:
            self._level.name = outer

    def _write(self, fd: int, level: str, lines: Sequence[bytes]) -> None:
        """Write whole lines, in the form that `seal_log` asks for."""
        if self._form == "json":
            lines = [self._entry(line, level) for line in lines]
        self._put(fd, lines)

    def _put(self, fd: int, lines: Sequence[bytes]) -> None:
        """Write whole lines, under a lock.

        All workers share the pipe, and only the first 4096 bytes of a write to it are sure
        to stay together (pipe(7)).
        """
        data = memoryview(b"\n".join(lines) + b"\n")
        with self._threads:
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
            try:
                while data:
                    data = data[os.write(fd, data) :]
            finally:
                fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def _entry(self, line: bytes, level: str) -> bytes:
        entry = {
            "time": timestamp(),
            "level": getattr(self._level, "name", None) or level,
            "call_id": self.call_id,
            "message": line.decode("utf-8", "replace"),
        }
        return json.dumps(entry, ensure_ascii=False).encode()

    def _forget_other_threads(self) -> None:
        # Another thread may have held the lock when the handler forked.
        self._threads = threading.RLock()


def _is_flushed(stream: object) -> bool:
    """Flush a stream that the handler has put in place of ours; False: it is closed."""
    try:
        if stream is None or getattr(stream, "closed", False):
            return False
        stream.flush()  # type: ignore[attr-defined]
    except ValueError:  # its buffer was detached
        return False
    except Exception:  # `print` needs no more than a method `write`
        return True
    return True


class _Stream(io.TextIOWrapper):
    """Standard output or error. A handler cannot close it for the calls that follow."""

    def __init__(
        self, fd: int, name: str, errors: str, write: Callable[[Sequence[bytes]], None]
    ) -> None:
        self._lines = _Lines(fd, name, write)
        super().__init__(
            _Buffer(self._lines),  # type: ignore[arg-type]
            encoding="utf-8",
            errors=errors,
            line_buffering=True,
        )

    def detach(self) -> Any:
        """Return the buffer, for a stream that is put in place of this one."""
        self.flush()
        return self.buffer

    def finish(self) -> None:
        """Write out what is left, as a line."""
        self.flush()
        self._lines.finish()


class _Buffer(io.BufferedWriter):
    """The bytes of standard output or error.

    `io.TextIOWrapper(sys.stdout.buffer, …)` closes it when that wrapper is destroyed.
    """

    def close(self) -> None:
        self.flush()


class _Lines(io.RawIOBase):
    """Gathers bytes into lines, and hands over those that are whole."""

    mode = "wb"

    def __init__(self, fd: int, name: str, write: Callable[[Sequence[bytes]], None]) -> None:
        self.name = name
        self._fd = fd
        self._write = write
        self._partial = bytearray()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        *lines, rest = bytes(data).split(b"\n")
        if lines:
            lines[0] = bytes(self._partial) + lines[0]
            self._partial.clear()
            self._write(lines)
        self._partial += rest
        return len(data)

    def finish(self) -> None:
        if self._partial:
            self.write(b"\n")
