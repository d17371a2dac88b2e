"""`faas-seal up`: what it seals, and what it says to faas-cli."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import Run


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a program that is found as `faas-cli` writes its arguments; it ends with 7."""
    folder = tmp_path / "bin"
    folder.mkdir()
    said = tmp_path / "said"
    program = folder / "faas-cli"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {said}\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return said


def test_what_has_changed_is_sealed_and_the_rest_is_faas_clis(
    project: Path, run: Run, said: Path
) -> None:
    result = run("up", "--filter", "greet", "--tag=sha", "-g", "http://gateway:8080", status=7)
    assert "greet: sealed into" in result.stdout
    assert (project / "sealed" / "greet" / "function.sealed").exists()
    arguments = ["up", "--yaml", "stack.yaml", "--filter", "greet", "--tag=sha"]
    assert said.read_text().split() == [*arguments, "-g", "http://gateway:8080"]
    assert "greet: unchanged" in run("up", status=7).stdout


def test_the_stack_file_is_the_same_for_both(project: Path, run: Run, said: Path) -> None:
    (project / "stack.yaml").rename(project / "other.yaml")
    run("up", "-f", "other.yaml", status=7)
    assert said.read_text().split() == ["up", "--yaml", "other.yaml"]


def test_faas_cli_is_not_started_when_sealing_fails(project: Path, run: Run, said: Path) -> None:
    (project / "greet" / "handler.py").write_text("def handle(event, context:\n")
    assert "does not compile" in run("up", status=1).stderr
    assert not said.exists()


def test_without_faas_cli_nothing_is_done(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = run("up", status=1)
    assert "faas-cli is not on PATH" in result.stderr
    assert "hint: install it" in result.stderr
    assert not (project / "sealed").exists()
