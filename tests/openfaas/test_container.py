"""The image as a container: what it needs, what it answers, what it leaves behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openfaas import containers
from tests.openfaas.containers import Container
from tests.openfaas.project import Project
from tests.support import PATIENCE, wait_until

LOCKED_DOWN = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL")


@pytest.fixture(scope="module")
def greet(sealed: Project) -> Iterator[Container]:
    """The canary's function, with nothing but a writable /tmp."""
    with containers.running(sealed, "greet", *LOCKED_DOWN) as container:
        yield container


def test_answers_to_its_key(greet: Container, sealed: Project) -> None:
    response = greet.get("/?name=Ada", sealed.header("greet"))
    assert (response.status_code, response.text) == (200, "greetings, Ada")


def test_answers_to_nothing_else(greet: Container, project: Project) -> None:
    assert greet.get().status_code == 401
    project.new("other")
    project.faas_seal("seal", "other")
    assert greet.get(headers=project.header("other")).status_code == 403
    assert greet.get(headers={"X-Function-Key": "fsk1_"}).status_code == 400


def test_runs_as_a_user_other_than_root(greet: Container) -> None:
    users = greet.docker("top").splitlines()[1:]
    assert users
    assert all(line.split()[0] not in ("root", "0") for line in users)


def test_runs_as_whichever_user_the_provider_chooses(sealed: Project) -> None:
    with containers.running(sealed, "greet", *LOCKED_DOWN, "--user=12000") as container:
        assert container.get("/", sealed.header("greet")).text == "greetings, stranger"


def test_becomes_healthy(greet: Container) -> None:
    def health() -> str:
        return greet.docker("inspect", "--format={{.State.Health.Status}}").strip()

    wait_until(lambda: health() == "healthy", "the container is healthy")


def test_ends_where_it_shall_trust_another_author(sealed: Project, project: Project) -> None:
    project.new("other")
    project.faas_seal("seal", "other")
    author = f"--env=seal_author={project.environment('other')['seal_author']}"
    done = subprocess.run(
        ["docker", "run", "--rm", author, sealed.image("greet")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert "signed by another author" in done.stdout


def test_leaves_nothing_but_the_watchdogs_lock_file(sealed: Project) -> None:
    with containers.running(sealed, "greet") as container:
        for path in ("/", "/fail"):
            container.get(path, sealed.header("greet"))
        changed = {line.split()[1] for line in container.docker("diff").splitlines()}
    secrets = "/var/openfaas/secrets"  # which Docker has made, to mount them
    changed -= {secrets, *map(str, Path(secrets).parents)}
    assert changed == {"/tmp", "/tmp/.lock"}  # noqa: S108


def test_ends_by_itself_before_docker_kills_it(sealed: Project) -> None:
    with containers.running(sealed, "greet", *LOCKED_DOWN) as container:
        container.docker("stop")
        assert container.docker("inspect", "--format={{.State.ExitCode}}").strip() == "0"
