from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openfaas import programs as at_hand
from tests.openfaas.canary import Canary
from tests.openfaas.programs import Builder, Programs
from tests.openfaas.project import Project, new_project, succeed


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here share one Docker and one gateway."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.alone)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    programs = at_hand.find()
    if isinstance(programs, Programs):
        terminalreporter.write_line(f"with the real OpenFaaS: {programs.versions}", bold=True)
    else:
        terminalreporter.write_line(f"without the real OpenFaaS: {programs}", bold=True)


@pytest.fixture(scope="session", autouse=True)
def programs() -> Programs:
    """The real programs; without them every test here is skipped."""
    found = at_hand.find()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(params=["classic", "BuildKit"])
def builder(request: pytest.FixtureRequest, programs: Programs) -> Builder:
    """Each way to build an image that Docker has."""
    for builder in programs.builders:
        if builder.name == request.param:
            return builder
    pytest.skip(f"no Docker client on PATH can build with {request.param}")


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A folder in which nothing has happened yet."""
    project = new_project(tmp_path_factory.mktemp("project"))
    yield project
    _remove_images(project)


@pytest.fixture(scope="session")
def canary() -> Canary:
    return Canary()


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory, canary: Canary) -> Iterator[Project]:
    """A folder with the canary's function `greet`, sealed and built."""
    project = new_project(tmp_path_factory.mktemp("sealed"))
    project.new("greet")
    canary.write(project.folder / "greet")
    succeed(project.faas_seal("seal", "greet"))
    succeed(project.faas_cli("build"))
    yield project
    _remove_images(project)


def _remove_images(project: Project) -> None:
    listed = subprocess.run(
        ["docker", "image", "ls", "--quiet", f"{project.prefix}/*"],
        capture_output=True,
        text=True,
        check=True,
    )
    if ids := set(listed.stdout.split()):
        subprocess.run(["docker", "image", "rm", "--force", *ids], capture_output=True, check=True)
