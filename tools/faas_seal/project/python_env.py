"""The Python that a function runs in, with its requirements and nothing else."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from faas_seal.project.child import Child
from faas_seal.serving.deployment import Program
from faas_seal.serving.refusals import CannotServe

# What pip needs of this environment. The keys that a user may keep in variables must
# not reach a package's build script.
_FOR_PIP = re.compile(
    r"PIP_\w+|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE"
    r"|PATH|HOME|TMPDIR|LANG|LC_\w+|CC|CXX|CFLAGS|LDFLAGS",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_INSTALL_SECONDS = 1800.0


def find_interpreter(
    program: Program, say: Callable[[str], None], stopping: threading.Event
) -> Path:
    """Return the Python for a function, made if need be, or raise CannotServe.

    A function without requirements of its own runs in this very Python, where the command
    and so what the template requires is installed. Any other gets a virtual environment
    in its folder, named after all that it was made from. `stopping` ends the making.
    """
    own = _read(program.requirements)
    if not _names(own) and _installed(_names(_read(program.template.constraints))):
        return Path(sys.executable)
    common = _read(program.template.requirements)
    digest = hashlib.sha256(b"\0".join([sys.version.encode(), common, own])).hexdigest()
    folder = program.folder / f"venv-{digest[:12]}"
    python = folder / "bin" / "python"
    program.folder.mkdir(parents=True, exist_ok=True)
    with (program.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            say("making a virtual environment with its requirements, once")
            _make(program, folder, python, stopping)
            (folder / "complete").touch()
    return python


def install_beside(program: Program, python: Path, package: str, folder: str) -> None:
    """Install a package into a folder of a function's virtual environment.

    It is not on that Python's path: what serves the function must not find it. Raises
    CannotServe.
    """
    target = python.parents[1] / folder
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check", "--upgrade", "--target", str(target), package]
    with (program.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run(pip, program.folder, threading.Event())


def _make(program: Program, folder: Path, python: Path, stopping: threading.Event) -> None:
    """Install what the template's Dockerfile does, in the same order."""
    template = program.template
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check"]
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], program.folder, stopping)
    _run([*pip, "--require-hashes", "-r", str(template.requirements)], program.folder, stopping)
    if program.requirements.exists():
        own = ["-c", str(template.constraints), "-r", str(program.requirements)]
        _run([*pip, *own], program.folder, stopping)


def _installed(names: list[str]) -> bool:
    """Tell whether this Python has these distributions.

    Their versions are those that the command itself depends on, not the template's pins.
    """
    try:
        return all(map(version, names))
    except PackageNotFoundError:
        return False


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _names(requirements: bytes) -> list[str]:
    """Return what a requirements file asks for: names, and options such as `-r` as they are."""
    lines = re.sub(rb"\\\r?\n", b" ", requirements).decode("utf-8", "replace").splitlines()
    asked = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return [found[0] if (found := _NAME.match(line)) else line for line in asked]


def _run(argv: list[str], folder: Path, stopping: threading.Event) -> None:
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
            "its requirements cannot be installed: " + " / ".join(said),
            hint=f"try it by hand: {' '.join(argv)}",
        )
    if status is None:
        raise CannotServe(
            "its requirements were not installed: the gateway is ending, or time is up"
        )


def _pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if _FOR_PIP.fullmatch(name)}
