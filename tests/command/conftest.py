"""A project as `faas-cli new` leaves it, and the command run in its folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from faas_seal.cli import cli

from tests.support import FAAS_SEAL

STACK = """\
version: 1.0
provider:
  name: openfaas
  gateway: http://127.0.0.1:8080
functions:
  greet:
    lang: python3-encrypted
    handler: ./greet
    image: greet:latest
"""

HANDLER = """\
def handle(event, context):
    return {"statusCode": 200, "body": "hello"}
"""

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, so that no test meets a real key."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name in ("OPENFAAS_URL", "OPENFAAS_PREFIX", "OPENFAAS_CONFIG", "CI", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack file with the function greet; the current folder."""
    folder = tmp_path / "project"
    (folder / "greet").mkdir(parents=True)
    (folder / "stack.yaml").write_text(STACK)
    (folder / "greet" / "handler.py").write_text(HANDLER)
    (folder / "greet" / "requirements.txt").write_text("# nothing\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run() -> Run:
    """Run `faas-seal` and return its status, output and errors.

    `status` is the one expected, 0 unless said; `input` goes to standard input.
    """

    def run(*arguments: str, status: int = 0, input: str = "") -> Result:
        result = CliRunner().invoke(cli, arguments, input=input)
        assert result.exit_code == status, result.output
        return result

    return run


def start(
    *arguments: str, stdin: int = subprocess.DEVNULL, output: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start `faas-seal` as a process of its own, with pipes to read from, or with an output."""
    return subprocess.Popen(
        [*FAAS_SEAL, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": ""},
        stdin=stdin,
        stdout=output,
        stderr=output,
    )


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, time of change and content of every file below a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }
