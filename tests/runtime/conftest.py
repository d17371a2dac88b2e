"""Handlers that do as they are told, and the functions that serve them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from textwrap import indent

import pytest

from tests.support import Function, serve, wait_until

# Executes the Python in the request's body and answers what that leaves in `answer`.
PROGRAM = {
    "handler.py": """\
def handle(event, context):
    if event.path == "/echo":
        return event.body
    scope = {"event": event}
    exec(event.body, scope)
    return scope.get("answer")
"""
}


# The settings that decide how long a worker lives.
each_life = pytest.mark.parametrize(
    "life",
    [
        pytest.param({"seal_isolation": "request"}, id="request"),
        pytest.param({"seal_isolation": "burst"}, id="burst"),
        pytest.param({"seal_linger": "60s"}, id="burst, long linger"),
    ],
)


def serve_program(
    stdin: int = subprocess.PIPE, prefix: Sequence[str] = (), **settings: str | int
) -> AbstractContextManager[Function]:
    """Serve the program with these settings."""
    environ = {name: str(value) for name, value in settings.items()}
    return serve(PROGRAM, stdin=stdin, prefix=prefix, environ=environ)


@pytest.fixture(scope="module")
def program() -> Iterator[Function]:
    """The program with the default settings; for tests that leave it as it is."""
    with serve_program() as function:
        yield function


class Gate:
    """Holds calls of a handler until it is opened, and tells how many have come in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = folder / "open"

    @property
    def code(self) -> str:
        """Python with which a handler waits here."""
        return (
            "import os, pathlib, time\n"
            f"pathlib.Path({str(self._folder)!r}, f'{{os.getpid()}}.in').touch()\n"
            f"while not pathlib.Path({str(self._open)!r}).exists():\n"
            "    time.sleep(0.005)\n"
            "answer = str(os.getpid())\n"
        )

    @property
    def stream(self) -> str:
        """Python whose answer is "first" and, once a handler has waited here, "second"."""
        return (
            'def pieces():\n    yield "first"\n'
            f"{indent(self.code, '    ')}"
            '    yield "second"\nanswer = pieces()\n'
        )

    def inside(self) -> set[int]:
        """Return the processes that have come in."""
        return {int(path.stem) for path in self._folder.glob("*.in")}

    def wait_for(self, count: int) -> set[int]:
        wait_until(lambda: len(self.inside()) >= count, f"{count} are held at the gate")
        return self.inside()

    def open(self) -> None:
        self._open.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    folder = tmp_path / "gate"
    folder.mkdir()
    return Gate(folder)
