"""Which programs of OpenFaaS are at hand, and which ways to build an image they offer."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

WATCHDOG_IMAGE = "ghcr.io/openfaas/of-watchdog:0.11.3"
PYTHON_IMAGE = "python:{}-slim-bookworm"


@dataclass(frozen=True)
class Builder:
    """One way in which `docker build` works here: a client, and what tells it how to build."""

    name: str
    docker: Path
    buildkit: bool

    def environment(self) -> dict[str, str]:
        """Return the variables that make faas-cli, too, build this way."""
        folder = Path(tempfile.gettempdir(), f"faas-seal-docker-{os.getuid()}-{self.name}")
        folder.mkdir(exist_ok=True)
        link = folder / "docker"
        link.unlink(missing_ok=True)
        link.symlink_to(self.docker)
        return {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "DOCKER_BUILDKIT": "1" if self.buildkit else "0",
        }


@dataclass(frozen=True)
class Programs:
    """What the tests here run. `versions` is for people."""

    versions: str
    builders: tuple[Builder, ...]


@functools.cache
def find() -> Programs | str:
    """Return the programs, or why the tests that need them cannot run."""
    if reason := no_docker():
        return reason
    if shutil.which("faas-cli") is None:
        return "faas-cli not found"
    server = _server()
    if not _watchdog():
        return f"neither fwatchdog nor the image {WATCHDOG_IMAGE} is at hand"
    if not image_at_hand(PYTHON_IMAGE.format("3.12")):
        return f"the image {PYTHON_IMAGE.format('3.12')} is not at hand"
    builders = tuple(_builders())
    faas_cli = re.search(r"[\d.]+", _ask("faas-cli", "version", "--short-version") or "")
    names = " and ".join(builder.name for builder in builders)
    return Programs(
        f"faas-cli {faas_cli[0] if faas_cli else '?'}, docker {server} building with {names}, "
        f"{WATCHDOG_IMAGE.rpartition('/')[2]}",
        builders,
    )


def no_docker() -> str | None:
    """Return why the tests that need no more than Docker cannot run, or None if they can."""
    if shutil.which("docker") is None:
        return "docker not found"
    return None if _server() else "Docker is not running"


@functools.cache
def _server() -> str | None:
    return _ask("docker", "version", "--format", "{{.Server.Version}}")


@functools.cache
def image_at_hand(name: str) -> bool:
    """Tell whether an image is here or can be pulled."""
    return (
        _ask("docker", "image", "inspect", "--format", "{{.Id}}", name) is not None
        or _ask("docker", "pull", "--quiet", name) is not None
    )


def _watchdog() -> bool:
    if image_at_hand(WATCHDOG_IMAGE):
        return True
    program = shutil.which("fwatchdog")
    if program is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(program, Path(folder, "fwatchdog"))
        Path(folder, "Dockerfile").write_text("FROM scratch\nCOPY fwatchdog /fwatchdog\n")
        return _ask("docker", "build", "--quiet", "--tag", WATCHDOG_IMAGE, folder) is not None


def _builders() -> list[Builder]:
    """Return a classic builder and BuildKit, as far as a client on PATH can do either."""
    found: dict[str, Builder] = {}
    for folder in os.get_exec_path():
        client = Path(folder, "docker")
        if not os.access(client, os.X_OK):
            continue
        version = _ask(str(client), "version", "--format", "{{.Client.Version}}") or "0"
        # From version 23 on a client leaves BuildKit to its plugin buildx.
        own_buildkit = int(version.partition(".")[0]) in range(19, 23)
        if own_buildkit or _ask(str(client), "buildx", "version") is not None:
            found.setdefault("BuildKit", Builder("BuildKit", client, buildkit=True))
        found.setdefault("classic", Builder("classic", client, buildkit=False))
    return sorted(found.values(), key=lambda builder: builder.name)


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
