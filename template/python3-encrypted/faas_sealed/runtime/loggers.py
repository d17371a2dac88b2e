"""The loggers of a process, put back after each call.

A module that adds a handler to a logger does so each time it is executed. Without this,
the tenth call in a burst would log every line ten times.
"""

from __future__ import annotations

import logging
from typing import Any


class Loggers:
    """Every logger as it is when this is made."""

    def __init__(self) -> None:
        manager = logging.root.manager
        self._known = dict(manager.loggerDict)
        self._disable = manager.disable
        self._states = [
            (logger, _state(logger))
            for logger in (logging.root, *self._known.values())
            if isinstance(logger, logging.Logger)
        ]

    def restore(self) -> None:
        """Undo what has been changed, and forget loggers that are new."""
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


def _state(logger: logging.Logger) -> tuple[Any, ...]:
    return (
        logger.level,
        tuple(logger.handlers),
        tuple(logger.filters),
        logger.propagate,
        logger.disabled,
        logger.parent,
    )
