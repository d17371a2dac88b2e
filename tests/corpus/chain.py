"""The real gateway and the real watchdog, with a provider between them, and a function behind.

Without containers: the provider, `provider/main.go`, is compiled with Go.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support import PATIENCE, free_port, wait_until

PROVIDER = Path(__file__).parent / "provider"
PROGRAMS = ("gateway", "fwatchdog", "go")
# The gateway has these ports, and the watchdog the last, and no others.
GATEWAY = ("127.0.0.1", 8080)
_PORTS = (GATEWAY[1], 8082, 8081)


def missing() -> str:
    """Return why the chain cannot run here, or an empty string."""
    for program in PROGRAMS:
        if not shutil.which(program):
            return f"there is no {program} on PATH"
    taken = [port for port in _PORTS if _is_open(port)]
    return f"port {taken[0]} is taken" if taken else ""


@contextmanager
def chain(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], port: int
) -> Iterator[None]:
    """Run a function on `port` with all that is real before it, up to GATEWAY."""
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(TemporaryDirectory()))
        build = ["go", "build", "-o", str(temporary / "provider"), "."]
        subprocess.run(build, cwd=PROVIDER, check=True)
        watchdog, provider = free_port(), free_port()
        variables = {
            "mode": "http",
            "fprocess": " ".join(command),
            "upstream_url": f"http://127.0.0.1:{port}",
            "port": str(watchdog),
            "TMPDIR": str(temporary),
            "healthcheck_interval": "1s",
            **environ,
        }
        stack.enter_context(_running(["fwatchdog"], folder, variables, watchdog))
        arguments = [f"127.0.0.1:{provider}", f"http://127.0.0.1:{watchdog}"]
        program = str(temporary / "provider")
        stack.enter_context(_running([program, *arguments], temporary, {}, provider))
        url = f"http://127.0.0.1:{provider}/"
        variables = {"functions_provider_url": url, "logs_provider_url": url}
        stack.enter_context(_running(["gateway"], temporary, variables, GATEWAY[1]))
        wait_until(lambda: _is_open(port), "the function listens")
        yield


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], port: int
) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "NO_PROXY": "*", **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _is_open(port) or process.poll() is not None, f"{command[0]} listens")
        assert process.poll() is None, f"{command[0]} has ended"
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
