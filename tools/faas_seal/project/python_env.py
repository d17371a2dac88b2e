"""The Python that a function runs in on this machine, with its requirements and nothing else."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from faas_seal.errors import CannotServe
from faas_seal.project.child import Child
from faas_seal.project.keystore import Keystore
from faas_seal.project.stackfile import Function
from faas_seal.project.template import Template, find_template

# The variables that pip needs. A user may keep keys in others, and a package's build
# script must not see those.
_FOR_PIP = re.compile(
    r"PIP_\w+|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE"
    r"|PATH|HOME|TMPDIR|LANG|LC_\w+|CC|CXX|CFLAGS|LDFLAGS",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_INSTALL_SECONDS = 1800.0


@dataclass(frozen=True)
class PythonEnv:
    """The template and the requirements from which a function's Python is made.

    `requirements` is the function's own file, which need not exist. Virtual environments
    are made in `folder`.
    """

    template: Template
    requirements: Path
    folder: Path

    @classmethod
    def of(cls, project: Path, function: Function, requirements: Path) -> PythonEnv:
        """Return the environment of a function, or raise CannotServe if there is no template."""
        return cls(
            template=find_template(project, function.lang),
            requirements=requirements,
            folder=Keystore(project).folder / "local" / function.name,
        )


def find_interpreter(
    env: PythonEnv, say: Callable[[str], None], stopping: threading.Event | None = None
) -> Path:
    """Return the Python for a function, and make it first if it is missing.

    A function without requirements of its own runs in the Python of this command, which
    has what the template requires. Any other function gets a virtual environment, named
    after a digest of all that it was made from. `stopping` interrupts the making.
    Raises CannotServe.
    """
    own = _read(env.requirements)
    if not _names(own) and _installed(_names(_read(env.template.constraints))):
        return Path(sys.executable)
    common = _read(env.template.requirements)
    digest = hashlib.sha256(b"\0".join([sys.version.encode(), common, own])).hexdigest()
    venv = env.folder / f"venv-{digest[:12]}"
    python = venv / "bin" / "python"
    env.folder.mkdir(parents=True, exist_ok=True)
    with (env.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "complete").exists():
            say("making a virtual environment with the function's requirements, once")
            _make(env, venv, python, stopping)
            (venv / "complete").touch()
    return python


def install_beside(env: PythonEnv, python: Path, package: str, name: str) -> None:
    """Install a package into the folder `name` of a function's virtual environment.

    The folder is not on that Python's path, so the served function cannot find the
    package. Raises CannotServe.
    """
    target = python.parents[1] / name
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check", "--upgrade", "--target", str(target), package]
    with (env.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run(pip, env.folder, None)


def _make(env: PythonEnv, venv: Path, python: Path, stopping: threading.Event | None) -> None:
    """Install what the template's Dockerfile installs, in the same order."""
    template = env.template
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check"]
    _run([sys.executable, "-m", "venv", "--clear", str(venv)], env.folder, stopping)
    _run([*pip, "--require-hashes", "-r", str(template.requirements)], env.folder, stopping)
    if env.requirements.exists():
        own = ["-c", str(template.constraints), "-r", str(env.requirements)]
        _run([*pip, *own], env.folder, stopping)


def _installed(names: list[str]) -> bool:
    """Tell whether this Python has these distributions.

    Their versions are the ones that this command was installed with, not the template's pins.
    """
    try:
        return all(map(version, names))
    except PackageNotFoundError:
        return False


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _names(requirements: bytes) -> list[str]:
    """Return the names in a requirements file, and its options, such as `-r`, as whole lines."""
    lines = re.sub(rb"\\\r?\n", b" ", requirements).decode("utf-8", "replace").splitlines()
    asked = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return [found[0] if (found := _NAME.match(line)) else line for line in asked]


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
