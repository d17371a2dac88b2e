"""What reaches the container's log.

What a handler prints is its author's business and arrives line by line, whole. What the
interpreter would say about the handler (tracebacks, warnings) shows source and names:
it is sealed like a trace.
"""

from __future__ import annotations

import faulthandler
import fcntl
import io
import json
import logging
import os
import select
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

from faas_sealed.formats.file import Header
from faas_sealed.formats.trace import seal_trace
from faas_sealed.runtime.loader import ROOT


def say(text: str) -> None:
    """Write one line of the runtime's own to standard error."""
    with suppress(OSError):
        os.write(2, f"faas-seal: {text}\n".encode())


def trace_of(error: BaseException) -> str:
    """Format a traceback from the handler's first frame on."""
    first: TracebackType | None = error.__traceback__
    while first is not None and not first.tb_frame.f_code.co_filename.startswith(ROOT):
        first = first.tb_next
    shown = first or error.__traceback__
    return "".join(traceback.format_exception(type(error), error, shown))


class Log:
    """The log of one worker.

    Text can be sealed from when a request's key has opened the function until the next
    request; before that there is nothing to say about a handler.
    """

    def __init__(self, form: str, lock: int) -> None:
        self._form = form
        self._lock = lock
        self._level = threading.local()
        self._lines: list[_Lines] = []
        self._seal: Callable[[str], str] | None = None
        self.call_id = ""

    def install(self) -> None:
        """Take over standard output and error, and what the interpreter writes there."""
        sys.stdout = self._stream(1, "info")
        sys.stderr = self._stream(2, "error")
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread
        sys.unraisablehook = self._on_unraisable
        warnings.showwarning = self._on_warning
        faulthandler.disable()  # it would write names past sys.stderr
        self._patch_logging()
        self._patch_traceback()

    def begin_call(self, content_key: bytes, header: Header) -> None:
        """Seal from now on to those who can open this function."""
        self._seal = lambda text: seal_trace(text, content_key, header.content_id, header.context)

    def end_call(self) -> None:
        """Write out what the call has printed."""
        with suppress(ValueError, OSError):
            for stream, lines in zip((sys.stdout, sys.stderr), self._lines, strict=False):
                stream.flush()
                lines.finish()
        self.call_id = ""

    def sealed(self, what: str, text: str) -> str:
        """Write one line: what happened in clear, the text about it sealed. Return the latter."""
        trace = self._sealed(text)
        sys.stderr.write(f"faas-seal: {what} {self.call_id or '-'} {trace}\n")
        return trace

    def line(self, text: str, level: str) -> bytes:
        """Return one line as it is written, in the form that `seal_log` asks for."""
        if self._form == "text":
            return text.encode("utf-8", "surrogateescape") + b"\n"
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        entry = {
            "time": f"{stamp}.{int(now % 1 * 1000):03d}Z",
            "level": getattr(self._level, "name", level),
            "call_id": self.call_id,
            "message": text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        }
        return json.dumps(entry, ensure_ascii=False).encode() + b"\n"

    def _sealed(self, text: str) -> str:
        return self._seal(text) if self._seal is not None else "(withheld)"

    def _stream(self, fd: int, level: str) -> TextIO:
        lines = _Lines(fd, self._lock, lambda text: self.line(text, level))
        self._lines.append(lines)
        return io.TextIOWrapper(
            io.BufferedWriter(lines),
            encoding="utf-8",
            errors="surrogateescape",
            line_buffering=True,
        )

    def _on_exception(
        self, _kind: type[BaseException], value: BaseException, _trace: TracebackType | None
    ) -> None:
        self.sealed("exception", trace_of(value))

    def _on_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self.sealed("exception in a thread", trace_of(args.exc_value))

    def _on_unraisable(self, args: Any) -> None:
        if args.exc_value is not None:
            self.sealed("exception that was ignored", trace_of(args.exc_value))

    def _on_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        if file is not None:
            file.write(text)
        else:
            self.sealed("warning", text)

    def _patch_logging(self) -> None:
        def format_exception(_: logging.Formatter, info: Any) -> str:
            return self._sealed(trace_of(info[1])) if info and info[1] else ""

        def format_stack(_: logging.Formatter, stack: str) -> str:
            return self._sealed(stack)

        def handle_error(_: logging.Handler, __: logging.LogRecord) -> None:
            error = sys.exc_info()[1]
            if error is not None:
                self.sealed("logging failed", trace_of(error))

        def seal_record(record: logging.LogRecord) -> bool:
            text = record.getMessage()
            if record.exc_info and record.exc_info[1]:
                text += "\n" + trace_of(record.exc_info[1])
            record.msg, record.args, record.exc_info = self._sealed(text), (), None
            return True

        emit = logging.StreamHandler.emit

        def emit_with_level(handler: Any, record: logging.LogRecord) -> None:
            self._level.name = record.levelname.lower()
            try:
                emit(handler, record)
            finally:
                del self._level.name

        logging.Formatter.formatException = format_exception  # type: ignore[method-assign, assignment]
        logging.Formatter.formatStack = format_stack  # type: ignore[method-assign, assignment]
        logging.Handler.handleError = handle_error  # type: ignore[method-assign, assignment]
        logging.StreamHandler.emit = emit_with_level  # type: ignore[method-assign, assignment]
        for name in ("asyncio", "concurrent.futures", "py.warnings"):
            logging.getLogger(name).addFilter(seal_record)

    def _patch_traceback(self) -> None:
        """Seal what `traceback` prints; a process of multiprocessing that fails uses it, too."""

        def sealing(original: Callable[..., None]) -> Callable[..., None]:
            def print_sealed(subject: Any, file: Any = None, **options: Any) -> None:
                if file is not None and file not in (sys.stdout, sys.stderr):
                    original(subject, file=file, **options)
                    return
                text = io.StringIO()
                original(subject, file=text, **options)
                self.sealed("traceback", text.getvalue())

            return print_sealed

        traceback.print_list = sealing(traceback.print_list)
        traceback.TracebackException.print = sealing(  # type: ignore[method-assign]
            traceback.TracebackException.print
        )


class _Lines(io.RawIOBase):
    """Writes whole lines to a pipe that other workers write to as well.

    A write of at most PIPE_BUF bytes is never mixed with another (pipe(7)). A longer
    line takes a lock that all workers share.
    """

    def __init__(self, fd: int, lock: int, form: Callable[[str], bytes]) -> None:
        self._fd = fd
        self._lock = lock
        self._form = form
        self._partial = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        *lines, self._partial = (self._partial + bytes(data)).split(b"\n")
        for line in lines:
            self._put(self._form(line.decode("utf-8", "surrogateescape")))
        return len(data)

    def finish(self) -> None:
        if self._partial:
            self.write(b"\n")

    def _put(self, line: bytes) -> None:
        if len(line) <= select.PIPE_BUF:
            os.write(self._fd, line)
            return
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            while line:
                line = line[os.write(self._fd, line) :]
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
