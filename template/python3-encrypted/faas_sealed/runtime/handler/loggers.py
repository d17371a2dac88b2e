"""The loggers of a process: set up as python3-http does, and put back after each call.

A module that adds a log handler adds another each time it is executed. If loggers were not put
back, the tenth call in a burst would log every line ten times.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from faas_sealed.runtime.handler.loader import PACKAGE


class Loggers:
    """The state of every logger, remembered when this object is made."""

    def __init__(self) -> None:
        manager = logging.root.manager
        self._known = dict(manager.loggerDict)
        self._disable = manager.disable
        self._handler = _new_handler()
        self._added = False
        self._states = [
            (logger, _state(logger))
            for logger in (logging.root, *self._known.values())
            if isinstance(logger, logging.Logger)
        ]

    def complete(self) -> None:
        """Give the root logger a log handler, unless a module has given it one.

        In python3-http waitress does this, with `logging.basicConfig()`.
        """
        if not logging.root.handlers:
            if _changed(self._handler):
                self._handler = _new_handler()
            self._handler.stream = sys.stderr
            logging.root.addHandler(self._handler)
            self._added = True

    def restore(self) -> None:
        """Undo what the call has changed, and forget loggers that are new."""
        if self._added:
            logging.root.removeHandler(self._handler)
            self._added = False
        manager = logging.root.manager
        if manager.disable != self._disable:
            logging.disable(self._disable)
        if manager.loggerDict != self._known:
            manager.loggerDict.clear()
            manager.loggerDict.update(self._known)
        for logger, state in self._states:
            if _state(logger) != state:
                level, handlers, filters, logger.propagate, logger.disabled, logger.parent = state
                logger.handlers[:] = handlers
                logger.filters[:] = filters
                logger.setLevel(level)


class _Format(logging.Formatter):
    """The format of `logging.basicConfig()`, without the names of the handler's modules."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        inside = record.name.startswith(f"{PACKAGE}.")
        return f"{record.levelname}:{PACKAGE if inside else record.name}:{record.message}"


_FORMAT = _Format()


def _new_handler() -> logging.StreamHandler[Any]:
    handler = logging.StreamHandler()
    handler.setFormatter(_FORMAT)
    return handler


def _changed(handler: logging.Handler) -> bool:
    """Tell whether a call has altered this log handler."""
    return bool(handler.filters or handler.level) or handler.formatter is not _FORMAT


def _state(logger: logging.Logger) -> tuple[Any, ...]:
    return (
        logger.level,
        tuple(logger.handlers),
        tuple(logger.filters),
        logger.propagate,
        logger.disabled,
        logger.parent,
    )
