"""What a user has: a folder with a stack file and the template, and the two commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from tests.support import FAAS_SEAL

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template" / "python3-encrypted"


@dataclass(frozen=True)
class Project:
    """A user's folder. Images are named by a prefix that no other test has."""

    folder: Path
    prefix: str = field(default_factory=lambda: f"faas-seal-test-{uuid.uuid4().hex[:12]}")

    def faas_cli(
        self, *args: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run faas-cli in the folder; standard error goes where standard output does."""
        return self._run("faas-cli", *args, environment=environment)

    def faas_seal(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run faas-seal in the folder, with a configuration of its own."""
        return self._run(*FAAS_SEAL, *args)

    def new(self, name: str) -> str:
        """Make a function as a user does, and return what faas-cli printed."""
        language = ("--lang", "python3-encrypted")
        return succeed(self.faas_cli("new", *language, "--prefix", self.prefix, name))

    def image(self, name: str) -> str:
        return f"{self.prefix}/{name}:latest"

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables that the stack file gives to a function."""
        stack = YAML(typ="safe").load(self.folder / "stack.yaml")
        variables: dict[str, str] = stack["functions"][name]["environment"]
        return variables

    def header(self, name: str) -> dict[str, str]:
        """Return the header that carries the function key."""
        text = succeed(self.faas_seal("header", name, "--raw")).strip()
        field_name, _, value = text.partition(": ")
        return {field_name: value}

    def _run(
        self, *command: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={
                **os.environ,
                "XDG_CONFIG_HOME": str(self.folder / ".config"),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def new_project(folder: Path) -> Project:
    """Return a folder with the template, as `faas-cli template pull` leaves it."""
    shutil.copytree(
        TEMPLATE,
        folder / "template" / "python3-encrypted",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return Project(folder)


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command printed, which must have ended with status 0."""
    assert done.returncode == 0, done.stdout
    return done.stdout
