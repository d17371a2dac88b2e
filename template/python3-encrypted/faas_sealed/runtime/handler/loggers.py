"""The log handler of the root logger, as python3-http has one."""

from __future__ import annotations

import logging
import sys

from faas_sealed.runtime.handler.loader import PACKAGE


class _Format(logging.Formatter):
    """The format of `logging.basicConfig()`, without the names of the handler's modules."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        inside = record.name.startswith(f"{PACKAGE}.")
        return f"{record.levelname}:{PACKAGE if inside else record.name}:{record.message}"


_log_handler = logging.StreamHandler()
_log_handler.setFormatter(_Format())


def add_log_handler() -> None:
    """Give the root logger a log handler, unless the function's modules have given it one.

    In python3-http waitress does this, with `logging.basicConfig()`, once they are executed.
    """
    if not logging.root.handlers:
        _log_handler.stream = sys.stderr
        logging.root.addHandler(_log_handler)


def remove_log_handler() -> None:
    """Take away the log handler again, where the modules of another function will be executed."""
    logging.root.removeHandler(_log_handler)
