"""`faas-cli template pull` and `faas-cli new`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faas_seal.project.stackfile import LANGUAGE
from ruamel.yaml import YAML

from tests.openfaas.project import ROOT, Project, succeed
from tests.support import free_port, wait_until

BRANCH = "stable"


def test_says_what_to_type_next(project: Project) -> None:
    printed = project.new("greet")
    assert "faas-seal seal NAME" in printed
    assert "faas-cli up" in printed


def test_gives_a_handler_and_its_test(project: Project) -> None:
    project.new("greet")
    files = {path.name for path in (project.folder / "greet").iterdir()}
    assert files == {"__init__.py", "handler.py", "handler_test.py", "requirements.txt"}


@pytest.mark.parametrize(
    ("ref", "lang"), [("", LANGUAGE), (f"#{BRANCH}", f"{LANGUAGE}@{BRANCH}")], ids=["", "at a ref"]
)
def test_the_template_is_pulled_from_a_repository(
    project: Project, repository: str, ref: str, lang: str
) -> None:
    shutil.rmtree(project.folder / "template")
    succeed(project.faas_cli("template", "pull", f"{repository}{ref}"))
    succeed(project.faas_cli("new", "--lang", lang, "greet"))
    succeed(project.faas_seal("seal", "greet"))
    succeed(project.faas_cli("build", "--shrinkwrap"))
    context = project.folder / "build" / "greet"
    assert (context / ".dockerignore").exists()
    assert (context / "function" / "function.sealed").exists()


def test_the_template_is_pulled_as_the_stack_file_says(project: Project, repository: str) -> None:
    project.new("greet")
    shutil.rmtree(project.folder / "template")
    yaml = YAML()
    stack = yaml.load(project.folder / "stack.yaml")
    templates = [{"name": LANGUAGE, "source": repository}]
    stack["configuration"] = {"templates": templates}
    yaml.dump(stack, project.folder / "stack.yaml")
    succeed(project.faas_seal("seal", "greet"))
    succeed(project.faas_cli("build", "--shrinkwrap"))
    context = project.folder / "build" / "greet"
    assert (context / "index.py").exists()
    assert (context / "function" / "function.sealed").exists()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """The URL of a git repository with the template, served on this machine."""
    folder = tmp_path / "repository"
    shutil.copytree(
        ROOT / "template", folder / "template", ignore=shutil.ignore_patterns("__pycache__")
    )
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for command in (
        ["init", "--quiet", f"--initial-branch={BRANCH}"],
        ["add", "."],
        ["commit", "--quiet", "--message=template"],
    ):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    port = free_port()
    options = ["--listen=127.0.0.1", f"--port={port}", "--reuseaddr"]
    options += ["--export-all", f"--base-path={tmp_path}"]
    with subprocess.Popen(["git", "daemon", *options], start_new_session=True) as daemon:
        url = f"git://127.0.0.1:{port}/repository"
        wait_until(lambda: lists(url), "the repository is served")
        yield url
        os.killpg(daemon.pid, signal.SIGTERM)


def lists(url: str) -> bool:
    return subprocess.run(["git", "ls-remote", url], capture_output=True).returncode == 0
