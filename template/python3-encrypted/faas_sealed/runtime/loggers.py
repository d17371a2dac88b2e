"""The loggers of a process: set up as python3-http does, and put back after each call.

A module that adds a handler to a logger does so each time it is executed. Without this,
the tenth call in a burst would log every line ten times.
"""

from __future__ import annotations

import logging
from typing import Any

from faas_sealed.runtime.loader import PACKAGE


class Loggers:
    """Every logger as it is when this is made."""

    def __init__(self) -> None:
        manager = logging.root.manager
        self._known = dict(manager.loggerDict)
        self._disable = manager.disable
        self._added: logging.Handler | None = None
        self._states = [
            (logger, _state(logger))
            for logger in (logging.root, *self._known.values())
            if isinstance(logger, logging.Logger)
        ]

    def complete(self) -> None:
        """Give the root logger a handler, unless the modules have: they are now imported.

        waitress does so in python3-http, with `logging.basicConfig()`.
        """
        if not logging.root.handlers:
            self._added = logging.StreamHandler()
            self._added.setFormatter(_FORMAT)
            logging.root.addHandler(self._added)

    def restore(self) -> None:
        """Undo what has been changed, and forget loggers that are new."""
        if self._added is not None:
            logging.root.removeHandler(self._added)
            self._added = None
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
    """As `logging.basicConfig()`, but a module's name stays out of the log."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        inside = record.name.startswith(f"{PACKAGE}.")
        return f"{record.levelname}:{PACKAGE if inside else record.name}:{record.message}"


_FORMAT = _Format()


def _state(logger: logging.Logger) -> tuple[Any, ...]:
    return (
        logger.level,
        tuple(logger.handlers),
        tuple(logger.filters),
        logger.propagate,
        logger.disabled,
        logger.parent,
    )
