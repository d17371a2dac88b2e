"""`faas-cli template pull` and `faas-cli new`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .project import ROOT, Project, succeed


def test_says_what_to_type_next(project: Project) -> None:
    printed = project.new("greet")
    assert "faas-seal seal NAME" in printed
    assert "faas-cli up" in printed


def test_gives_a_handler_and_its_test(project: Project) -> None:
    project.new("greet")
    files = {path.name for path in (project.folder / "greet").iterdir()}
    assert files == {"__init__.py", "handler.py", "handler_test.py", "requirements.txt"}


def test_the_template_is_pulled_from_a_repository(project: Project, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(
        ROOT / "template", repository / "template", ignore=shutil.ignore_patterns("__pycache__")
    )
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=template"]):
        subprocess.run(["git", *identity, *command], cwd=repository, check=True)
    shutil.rmtree(project.folder / "template")
    succeed(project.faas_cli("template", "pull", str(repository)))
    project.new("greet")
    assert (project.folder / "greet" / "handler.py").exists()
    assert (project.folder / "template" / "python3-encrypted" / ".dockerignore").exists()
