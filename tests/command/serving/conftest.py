"""Projects whose functions are served by `faas-seal local-run`, a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from faas_seal.project.keystore import Keystore
from faas_sealed.formats.keys import FUNCTION_KEY
from ruamel.yaml import YAML

from tests.support import FAAS_SEAL, PATIENCE, Answer, Output, session, wait_until

# Executes the Python in the request's body, and answers with its variable `answer`.
PROGRAM = """\
import hashlib

def handle(event, context):
    if event.path == "/request":
        names = sorted(name for name, _ in event.headers.items())
        return {"body": {"method": event.method, "query": dict(event.query), "names": names,
                         "headers": dict(event.headers), "body": event.body.decode()}}
    if event.path == "/copy":
        return iter(event.stream)
    if event.path == "/digest":
        digest = hashlib.sha256()
        for piece in event.stream:
            digest.update(piece)
        return digest.hexdigest()
    scope = {"event": event, "context": context}
    exec(event.body, scope)
    return scope.get("answer")
"""


def says(text: str) -> str:
    """Return the source of a handler that answers a text."""
    return f"def handle(event, context):\n    return {text!r}\n"


class LocalRun:
    """A running `faas-seal local-run`."""

    def __init__(self, process: subprocess.Popen[bytes], project: Project) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.stdout = Output(process.stdout)
        self.stderr = Output(process.stderr)
        self._project = project

    @property
    def port(self) -> int:
        found = re.search(r"ready at http://127\.0\.0\.1:(\d+)/", self.stderr.text)
        assert found, self.stderr.text
        return int(found[1])

    def connect(self) -> socket.socket:
        """Return a new connection to the gateway."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def request(
        self,
        target: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Answer:
        """Send a request to the gateway; an iterable body goes out in chunks."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def call(
        self,
        path: str = "",
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        name: str = "program",
        method: str = "POST",
    ) -> Answer:
        """Call a function with its key."""
        headers = {"X-Function-Key": self.key(name), **(headers or {})}
        return self.request(f"/function/{name}{path}", body, headers, method)

    def run(self, code: str, *, name: str = "program") -> str:
        """Let the handler execute Python; return its `answer`."""
        answer = self.call("", code.encode(), name=name)
        assert answer.status == 200, answer
        return answer.text

    def head(self, path: str = "", *headers: str, method: str = "POST") -> bytes:
        """Return the bytes of a call up to its body."""
        lines = [f"{method} /function/program{path} HTTP/1.1", "Host: gateway"]
        lines += [f"X-Function-Key: {self.key()}", *headers]
        return "\r\n".join([*lines, "", ""]).encode()

    def key(self, name: str = "program") -> str:
        return FUNCTION_KEY.encode(Keystore(self._project.folder).function_key(name))

    def runtimes(self) -> list[int]:
        """Return the processes of the functions' runtimes, each the leader of its session."""
        return _leaders(self.process.pid)

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it with a signal and return its status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(PATIENCE)
        self.stdout.close()
        self.stderr.close()
        return status


class Project:
    """A folder with a stack file, keys and the functions' sources."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {
            **os.environ,
            "HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self.variables.pop("XDG_CONFIG_HOME", None)
        self._functions: dict[str, dict[str, Any]] = {}

    @property
    def stack(self) -> Path:
        return self.folder / "stack.yaml"

    def add(self, name: str = "program", source: str = PROGRAM, **members: Any) -> None:
        """Add a function to the stack file, or change it, without sealing it."""
        self.write(name, source)
        self._functions[name] = {
            "lang": "python3-encrypted",
            "handler": f"./{name}",
            "image": f"{name}:latest",
            **members,
        }
        provider = {"name": "openfaas", "gateway": "http://127.0.0.1:8080"}
        with self.stack.open("w") as file:
            YAML().dump({"provider": provider, "functions": self._functions}, file)

    def write(self, name: str, source: str) -> None:
        """Write the source of a function's handler."""
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "handler.py").write_text(source)

    def sealed_file(self, name: str = "program") -> Path:
        return self.folder / "sealed" / name / "function.sealed"

    def seal(self) -> None:
        done = self.run("seal")
        assert done.returncode == 0, done.stderr

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `faas-seal` to its end."""
        return subprocess.run(
            [*FAAS_SEAL, *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    @contextmanager
    def serving(
        self, *arguments: str, ready: bool = True, patience: float = PATIENCE
    ) -> Iterator[LocalRun]:
        """Run `faas-seal local-run`, and wait until it is ready unless `ready` is false."""
        process = subprocess.Popen(
            [*FAAS_SEAL, "local-run", "--port", "0", *arguments],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        running = LocalRun(process, self)
        try:
            if ready:
                wait_until(
                    lambda: "Ctrl-C" in running.stderr.text or process.poll() is not None,
                    "local-run is ready",
                    patience,
                )
                assert process.poll() is None, running.stderr.text
            yield running
        finally:
            try:
                if process.poll() is None:
                    runtimes = running.runtimes()
                    assert running.stop() == 0, running.stderr.text
                    assert_gone(runtimes)
            finally:
                process.kill()
                process.wait()


def assert_gone(leaders: Sequence[int]) -> None:
    """Wait until no process of these sessions is left: killed ones are reaped by init."""
    wait_until(lambda: not any(map(session, leaders)), "every process has ended")


def _leaders(parent: int) -> list[int]:
    """Return the children of a process that lead a session of their own."""
    leaders = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[1]) == parent and fields[3] == folder.name.encode():
                leaders.append(int(folder.name))
    return leaders


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with the program, not sealed yet."""
    project = Project(tmp_path)
    project.add()
    return project


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """The program, served; for tests that leave it as it is."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.add(environment={"exec_timeout": "3s"})
    project.seal()
    with project.serving() as running:
        yield running
