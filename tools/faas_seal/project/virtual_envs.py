"""The virtual environments of a project, which functions and processes share."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from faas_seal.errors import CannotServe
from faas_seal.project.child import Child

UNUSED_SECONDS = 30 * 24 * 3600.0
# The variables that pip needs. A user may keep keys in others, and a package's build
# script must not see those.
_FOR_PIP = re.compile(
    r"PIP_\w+|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE"
    r"|PATH|HOME|TMPDIR|LANG|LC_\w+|CC|CXX|CFLAGS|LDFLAGS",
    re.IGNORECASE,
)
_INSTALL_SECONDS = 1800.0

# The files that keep the environments of this process from being removed, open until it ends.
_in_use: dict[Path, IO[str]] = {}


class VirtualEnv:
    """A virtual environment, whose folder is named after all that it is made from.

    Several processes may make and use it at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._complete = folder / "complete"

    @classmethod
    def of(cls, python: Path) -> VirtualEnv:
        """Return the environment of an interpreter."""
        return cls(python.parents[1])

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def ensure(self, make: Callable[[], None]) -> None:
        """Let `make` make the environment if it is missing; keep it as long as this process runs.

        Before, others that were not used for long are removed.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if not self._complete.exists():
                remove_unused(self.folder.parent)
                make()
                _in_use.pop(self._complete, None)
            self._complete.touch()
            if self._complete not in _in_use:
                file = self._complete.open()
                fcntl.flock(file, fcntl.LOCK_SH)
                _in_use[self._complete] = file

    def create(self, stopping: threading.Event | None) -> None:
        """Make an environment with nothing in it but pip, or raise CannotServe."""
        venv = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
        _run(venv, self.folder.parent, stopping)

    def install(self, *arguments: str, stopping: threading.Event | None = None) -> None:
        """Let pip install what its arguments say, or raise CannotServe."""
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--no-input"]
        pip += ["--disable-pip-version-check", *arguments]
        _run(pip, self.folder.parent, stopping)

    def install_beside(self, package: str, name: str) -> None:
        """Install a package into the folder `name` of the environment, or raise CannotServe.

        The folder is not on the interpreter's path, so the served function cannot find the
        package.
        """
        with self._alone():
            self.install("--upgrade", "--target", str(self.folder / name), package)

    def remove_if_unused(self) -> None:
        """Remove the environment, unless it was used not long ago, or is in use."""
        with suppress(BlockingIOError, FileNotFoundError):
            if time.time() - self._complete.stat().st_mtime > UNUSED_SECONDS:
                with self._alone(wait=False), self._complete.open() as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(self.folder)

    @contextmanager
    def _alone(self, *, wait: bool = True) -> Iterator[None]:
        """Let nobody else make, extend or remove the environment, or raise BlockingIOError.

        The lock's file lies beside the environment, and stays: whoever waits for a lock must
        not wait for a file that is gone.
        """
        with self.folder.with_name(f"{self.folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield


def remove_unused(folder: Path) -> None:
    """Remove the environments in a folder that no process uses, and none has used for long."""
    for complete in folder.glob("*/complete"):
        VirtualEnv(complete.parent).remove_if_unused()


def _run(argv: list[str], folder: Path, stopping: threading.Event | None) -> None:
    said: deque[str] = deque(maxlen=5)

    def remember(line: bytes, _error: bool) -> None:
        said.append(line.decode("utf-8", "replace"))

    child = Child(argv, _pip_environment(os.environ), folder, remember)
    try:
        status = child.wait(_INSTALL_SECONDS, unless=stopping)
    finally:
        child.kill()
    if status:
        raise CannotServe(
            "the function's requirements cannot be installed: " + " / ".join(said),
            hint=f"try it by hand: {' '.join(argv)}",
        )
    if status is None:
        raise CannotServe(
            "the function's requirements were not installed: the gateway is ending, or time is up"
        )


def _pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if _FOR_PIP.fullmatch(name)}
