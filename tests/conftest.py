"""What every test may take for granted of the process that runs it."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def _signals_end_what_tests_start() -> None:
    """Give every process that a test starts the default action of the signals that end it.

    A shell starts what it puts into the background with SIGINT ignored, nohup with SIGHUP
    ignored, and a process inherits that (execve(2)). A handler is not inherited: with one
    that does nothing, the tests themselves go on ignoring the signal.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
