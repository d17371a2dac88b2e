"""The process of one version of a function: index.py, started as the watchdog would start it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from faas_sealed.formats.wire import READY_PATH

from faas_seal.errors import CannotServe
from faas_seal.project.child import POLL_SECONDS, Child
from faas_seal.project.stackfile import SEALED_FILE
from faas_seal.serving.console import Console
from faas_seal.serving.deployment import Deployment
from faas_seal.serving.runtime_connections import LOOPBACK, ConnectionPool

READY_SECONDS = 60.0
# Calls under way may finish, but Ctrl-C should not feel broken.
END_SECONDS = 3.0


class RuntimeProcess:
    """A process that serves one version of a function on a port of its own."""

    def __init__(self, deployment: Deployment, python: Path, console: Console) -> None:
        self.deployment = deployment
        self.started = time.monotonic()
        self._console = console
        self._last_error = ""
        self._lock = threading.Lock()
        self._requests = 0
        self._port_keeper = _keep_port()
        port: int = self._port_keeper.getsockname()[1]
        self.pool = ConnectionPool(port)
        deployment.home.mkdir(parents=True, exist_ok=True)
        # The runtime reads a copy, as it would in an image, and so does not follow a change
        # of the file. The supervisor starts another runtime with all that has changed.
        self._sealed_file = NamedTemporaryFile(  # noqa: SIM115 - lives as long as the process
            dir=deployment.folder, suffix=f"-{SEALED_FILE}"
        )
        self._sealed_file.write(deployment.sealed_file.read_bytes())
        self._sealed_file.flush()
        self._child = Child(
            [str(python), str(deployment.python_env.template.index)],
            deployment.variables(python, port, self._sealed_file.name),
            deployment.home,
            self._on_line,
        )

    def status(self) -> int | None:
        """Return the exit status, as subprocess.Popen.returncode has it, or None while it runs."""
        return self._child.status()

    def wait_ready(self, stopping: threading.Event) -> None:
        """Return when the function is ready; raise CannotServe, with the reason, if it never is."""
        name = self.deployment.name
        latest = time.monotonic() + READY_SECONDS
        with self._port_keeper:
            while not stopping.wait(POLL_SECONDS):
                status = self.status()
                if status is not None:
                    self._child.kill()
                    why = self._last_error or f"the runtime ended with status {status}"
                    hint = f"faas-seal doctor {name}"
                    raise CannotServe(f"{name} did not start: {why}", hint=hint)
                if self._ready():
                    return
                if time.monotonic() >= latest:
                    raise CannotServe(f"{name} was not ready in {READY_SECONDS:.0f} s")
        raise CannotServe("the gateway is ending")

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request as under way. `drain` waits for its end."""
        with self._lock:
            self._requests += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests -= 1

    def drain(self, stopping: threading.Event) -> None:
        """End the runtime after the requests under way, or when `exec_timeout` has passed."""
        latest = time.monotonic() + self.deployment.exec_timeout
        while self._requests and time.monotonic() < latest:
            if stopping.wait(POLL_SECONDS):
                break
        self.end()

    def tell_to_end(self) -> None:
        """Tell the runtime, by the end of its standard input, to finish its requests and end."""
        self.pool.close_idle()
        self._child.close_input()

    def end(self, seconds: float = END_SECONDS) -> None:
        """End the runtime and all that it started; kill what is left after `seconds`."""
        self.tell_to_end()
        self._child.wait(seconds)
        self._child.kill()
        self._sealed_file.close()
        # Threads that waited for the runtime notice its end now, and finish their answers.
        latest = time.monotonic() + END_SECONDS
        while self._requests and time.monotonic() < latest:
            time.sleep(POLL_SECONDS)

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.pool.port, timeout=READY_SECONDS)
        try:
            connection.request("GET", READY_PATH)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _on_line(self, line: bytes, error: bool) -> None:
        # The user knows the sealed file, but not its copy.
        line = line.replace(self._sealed_file.name.encode(), bytes(self.deployment.sealed_file))
        if error and line.strip():
            text = line.decode("utf-8", "replace").strip()
            self._last_error = text.removeprefix("faas-seal: error: ")
        self._console.log(self.deployment.name, line, error=error)


def _keep_port() -> socket.socket:
    """Return a socket that keeps a port for a runtime that has yet to listen on it.

    As long as it is bound, and does not listen, the kernel gives the port to nobody else,
    and lets a socket with SO_REUSEADDR listen there (socket(7)).
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind((LOOPBACK, 0))
    return keeper
