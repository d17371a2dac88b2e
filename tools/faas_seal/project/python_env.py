"""The Python that a function runs in on this machine, with its requirements and nothing else."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from faas_seal.project.keystore import Keystore
from faas_seal.project.requirements import names, read_requirements
from faas_seal.project.stackfile import Function
from faas_seal.project.template import Template, find_template
from faas_seal.project.virtual_envs import VirtualEnv


@dataclass(frozen=True)
class PythonEnv:
    """The template and the requirements from which a function's Python is made.

    `requirements` is the function's own file, which need not exist. `folder` is the function's,
    and `venvs` that of the project's virtual environments, which functions share.
    """

    template: Template
    requirements: Path
    folder: Path
    venvs: Path

    @classmethod
    def of(cls, project: Path, function: Function, requirements: Path) -> PythonEnv:
        """Return the environment of a function, or raise CannotServe if there is no template."""
        kept = Keystore(project).folder
        return cls(
            template=find_template(project, function.lang),
            requirements=requirements,
            folder=kept / "local" / function.name,
            venvs=kept / "venvs",
        )


def find_interpreter(
    env: PythonEnv, say: Callable[[str], None], stopping: threading.Event | None = None
) -> Path:
    """Return the Python for a function, and make it first if it is missing.

    A function without requirements of its own runs in the Python of this command, which
    has what the template requires. Any other function gets a virtual environment, named
    after a digest of all that it is made from. So functions with the same requirements share
    it. It stays as long as this process runs; those that nobody has used for long are removed
    when another is made. `stopping` interrupts the making. Raises CannotServe.
    """
    template = env.template
    own = read_requirements(env.requirements)
    if not names(own) and _installed(names(_read(template.constraints))):
        return Path(sys.executable)
    venv = VirtualEnv(env.venvs / _digest(env, own)[:16])

    def make() -> None:
        """Install what the template's Dockerfile installs, in the same order."""
        say("making a virtual environment with the function's requirements, once")
        venv.create(stopping)
        venv.install("--require-hashes", "-r", str(template.requirements), stopping=stopping)
        if env.requirements.exists():
            constraints = ("-c", str(template.constraints))
            venv.install(*constraints, "-r", str(env.requirements), stopping=stopping)

    venv.ensure(make)
    return venv.python


def _digest(env: PythonEnv, own: bytes) -> str:
    """Return the digest of all that decides what an environment holds, in hexadecimal."""
    template = env.template
    interpreter = f"{sys.version}\0{sys.executable}\0{sysconfig.get_platform()}".encode()
    parts = [interpreter, _read(template.requirements), _read(template.constraints), own]
    lengths = b"".join(len(part).to_bytes(8, "big") for part in parts)
    return hashlib.sha256(lengths + b"".join(parts)).hexdigest()


def _installed(distributions: list[str]) -> bool:
    """Tell whether this Python has these distributions.

    Their versions are the ones that this command was installed with, not the template's pins.
    """
    try:
        return all(map(version, distributions))
    except PackageNotFoundError:
        return False


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
