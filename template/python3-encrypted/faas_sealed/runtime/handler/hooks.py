"""Hooks in the interpreter that seal what it would write about a handler.

Tracebacks, warnings and their like show source, names and messages. Where Python, or a
part of its standard library, would write them to the container's log by itself, a line
with a sealed trace is written instead. What a handler prints is not touched.
"""

from __future__ import annotations

import faulthandler
import inspect
import io
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from faas_sealed.runtime.handler.tracebacks import stack_here, trace_of
from faas_sealed.runtime.shared.log import Log

# The messages of these loggers describe the handler's objects.
_TALKATIVE_LOGGERS = ("asyncio", "concurrent.futures")


def seal_writes(log: Log) -> None:
    """Put a hook wherever the interpreter writes about the handler, for good."""
    _seal_hooks(log)
    _seal_tracebacks(log)
    _seal_logging(log)


def _seal_hooks(log: Log) -> None:
    def on_exception(
        _: type[BaseException], error: BaseException, __: TracebackType | None
    ) -> None:
        log.sealed("exception", trace_of(error))

    def on_exception_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            log.sealed("exception in a thread", trace_of(args.exc_value))

    def on_unraisable(args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            about = f"{args.err_msg or 'Exception ignored in'}: {_describe(args.object)}\n"
            log.sealed("exception that was ignored", about + trace_of(args.exc_value))

    def format_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        return log.seal(plain_warning(message, category, filename, lineno, line))

    def show_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        text = plain_warning(message, category, filename, lineno, line)
        if file is None:
            log.sealed("warning", text, level="warning")
        else:
            file.write(text)

    def on_breakpoint(*_: Any, **__: Any) -> None:
        """Go on: the debugger would show source, and nobody is at the other end."""

    plain_warning = warnings.formatwarning
    # A hook of the handler's own falls back on the name with underscores.
    for name, hook in (
        ("excepthook", on_exception),
        ("unraisablehook", on_unraisable),
        ("breakpointhook", on_breakpoint),
    ):
        setattr(sys, name, hook)
        setattr(sys, f"__{name}__", hook)
    threading.excepthook = threading.__excepthook__ = on_exception_in_thread
    warnings.formatwarning = format_warning  # for logging.captureWarnings()
    warnings.showwarning = show_warning


def _seal_tracebacks(log: Log) -> None:
    """Seal what `traceback.print_…` and `faulthandler` would write to the log."""

    def sealing(plain: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(plain)

        def print_sealed(*args: Any, **options: Any) -> None:
            call = signature.bind(*args, **options)
            if call.arguments.get("file") not in (None, sys.stdout, sys.stderr):
                plain(*args, **options)
                return
            text = call.arguments["file"] = io.StringIO()
            plain(*call.args, **call.kwargs)
            log.sealed("traceback", text.getvalue())

        return print_sealed

    traceback.print_list = sealing(traceback.print_list)
    traceback.print_exception = sealing(traceback.print_exception)
    if sys.version_info >= (3, 11):
        shown = traceback.TracebackException
        shown.print = sealing(shown.print)  # type: ignore[method-assign]
    # faulthandler writes while the process is dying, in C, and can seal nothing.
    faulthandler.disable()
    for name in ("enable", "dump_traceback", "dump_traceback_later", "register"):
        setattr(faulthandler, name, lambda *_, **__: None)


def _seal_logging(log: Log) -> None:
    def format_exception(_: logging.Formatter, info: Any) -> str:
        return log.seal(trace_of(info[1])) if info and info[1] else ""

    def format_stack(_: logging.Formatter, stack: str) -> str:
        return log.seal(stack)

    def handle_error(_: logging.Handler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if error is not None and logging.raiseExceptions:
            log.sealed(
                "logging failed",
                "Logged from (most recent call last):\n"
                + stack_here()
                + f"Message: {_describe(record.msg)}\nArguments: {_describe(record.args)}\n"
                + trace_of(error),
            )

    def emit_at_level(self: Any, record: logging.LogRecord) -> None:
        with log.at_level(record.levelname.lower()):
            plain_emit(self, record)

    def seal_record(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            text += "\n" + trace_of(record.exc_info[1])
        record.msg, record.args, record.exc_info = log.seal(text), (), None
        return True

    plain_emit = logging.StreamHandler.emit
    logging.Formatter.formatException = format_exception  # type: ignore[method-assign, assignment]
    logging.Formatter.formatStack = format_stack  # type: ignore[method-assign, assignment]
    logging.Handler.handleError = handle_error  # type: ignore[method-assign, assignment]
    logging.StreamHandler.emit = emit_at_level  # type: ignore[method-assign]
    for name in _TALKATIVE_LOGGERS:
        logging.getLogger(name).addFilter(seal_record)


def _describe(thing: object) -> str:
    try:
        return repr(thing)
    except Exception:
        return f"<{type(thing).__name__}>"
