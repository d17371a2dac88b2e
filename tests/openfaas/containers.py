"""Containers that the tests start, and what answers in them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from tests.openfaas.project import Project
from tests.support import wait_until


@dataclass(frozen=True)
class Container:
    """A running function; `url` is its watchdog's."""

    id: str
    url: str

    def docker(self, verb: str, *args: str) -> str:
        """Run `docker VERB ARGS… ID` and return what it printed, errors included."""
        return docker(verb, *args, self.id)

    def run(self, *command: str) -> str:
        """Run a command inside and return what it printed."""
        return docker("exec", self.id, *command)

    def ended(self) -> bool:
        return self.docker("inspect", "--format={{.State.Status}}").strip() == "exited"

    def get(self, path: str = "/", headers: Mapping[str, str] | None = None) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=10)


@contextmanager
def running(project: Project, name: str, *options: str, image: str = "") -> Iterator[Container]:
    """Start a function's container, wait until it is ready, and remove it at the end.

    It gets what the stack file gives it, and the secrets, as from `faas-cli local-run`.
    """
    image = image or project.image(name)
    given = [f"--env={variable}={value}" for variable, value in project.environment(name).items()]
    given += [f"--volume={project.folder / '.secrets'}:/var/openfaas/secrets:ro"]
    publish = "--publish=127.0.0.1::8080"
    # The last word is the container; a pull is reported before it.
    container = docker("run", "--detach", publish, *given, *options, image).split()[-1]
    try:
        port = docker("port", container, "8080").strip().rpartition(":")[2]
        running = Container(container, f"http://127.0.0.1:{port}")
        wait_until(lambda: is_ready(running.url) or running.ended(), f"{image} is ready")
        assert not running.ended(), running.docker("logs")
        yield running
    finally:
        docker("rm", "--force", container)


def is_ready(url: str) -> bool:
    """Tell whether the watchdog at `url` says that its function is ready."""
    try:
        return requests.get(f"{url}/_/ready", timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


def docker(*args: str) -> str:
    """Run docker, which must succeed, and return what it printed, errors included."""
    done = subprocess.run(
        ["docker", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
