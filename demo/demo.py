"""The demo: seals the sample, serves it, and calls it with its key, without one, and with another.

    python demo/demo.py              with `faas-seal local-run`
    python demo/demo.py --openfaas   with `faas-cli build`, Docker and the watchdog

Everything happens in a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from faas_seal import FunctionKey
from rich.console import Console

CHECKOUT = Path(__file__).resolve().parent.parent
SAMPLE = CHECKOUT / "function-samples" / "pricing"
NAME = "pricing"
IMAGE = "faas-seal-demo/pricing:latest"
INQUIRY = '{"product": "sensor", "quantity": 40, "month": 11, "region": "uk", "years": 3}'
LINGER_SECONDS = 0.5
HEADER = "X-Function-Key"

console = Console(highlight=False, width=100)


class DemoFailed(Exception):
    """A step of the demo that did not do what the transcript says."""


class Demo:
    """One run in its own folder: its own stack file, keys and signing key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.failures = 0

    def prepare(self) -> None:
        ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
        shutil.copytree(SAMPLE, self.folder / NAME, ignore=ignored)
        shutil.copytree(CHECKOUT / "template", self.folder / "template", ignore=ignored)
        (self.folder / "stack.yml").write_text(
            "version: 1.0\n"
            "provider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\n"
            "functions:\n"
            f"  {NAME}:\n    lang: python3-encrypted\n    handler: ./{NAME}\n    image: {IMAGE}\n"
        )

    def run(self, *command: str, status: int = 0) -> str:
        """Show and run a command, which must end with `status`."""
        console.print(f"[bold]$ {' '.join(command)}[/bold]", markup=True)
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment, text=True, capture_output=True
        )
        for line in (result.stdout + result.stderr).splitlines():
            console.print(f"  {line}", markup=False, overflow="fold")
        if result.returncode != status:
            raise DemoFailed(f"{command[0]} ended with {result.returncode}, expected {status}")
        return result.stdout

    def call(
        self, what: str, expected: int, url: str, body: str = INQUIRY, **given: Any
    ) -> requests.Response:
        answer = requests.post(url, body, timeout=30, **given)
        self.check(answer.status_code == expected, f"{what}: {answer.status_code}")
        said = answer.json()
        if "type" in said:
            said = said["title"]
        console.print(f"      {said}", style="dim", markup=False)
        return answer

    def check(self, held: bool, text: str) -> None:
        console.print(f"  [{'green]✓' if held else 'red]✗'}[/] {text}")
        self.failures += not held

    def calls(self, url: str) -> None:
        step("Call it with a key token: the function key, sealed for one request only")
        key = FunctionKey.of_project(NAME, self.folder)
        answer = self.call("with a token", 200, url, auth=key)
        token = {HEADER: answer.request.headers[HEADER]}
        self.call("the same token for another question", 403, url, INQUIRY + " ", headers=token)
        sealed = FunctionKey.of_project(NAME, self.folder, sealed_body=True)
        self.call("with question and answer sealed as well", 200, url, auth=sealed)
        self.call("without a key", 401, url)
        step("Or call it with the key itself, as with curl over TLS to a gateway that you trust")
        self.call("with the raw key", 200, url, headers={HEADER: key.text})
        other = FunctionKey.generate().text
        self.call("with the key of another function", 403, url, headers={HEADER: other})

    def tampered(self) -> None:
        step("Alter one byte of the sealed file")
        sealed = self.folder / "sealed" / NAME / "function.sealed"
        altered = bytearray(sealed.read_bytes())
        altered[-1] ^= 1
        other = self.folder / "altered.sealed"
        other.write_bytes(altered)
        self.run("faas-seal", "verify", "altered.sealed", status=4)
        author = re.search(r"seal_author: (\S+)", (self.folder / "stack.yml").read_text())
        if author is None:
            raise DemoFailed("the stack file has no seal_author")
        started = subprocess.run(
            [sys.executable, str(self.folder / "template/python3-encrypted/index.py")],
            env={"seal_author": author[1], "seal_file": str(other), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            text=True,
            capture_output=True,
            timeout=30,
        )
        console.print(f"  {started.stderr.strip()}", markup=False)
        self.check(started.returncode != 0, "the runtime does not start with the altered file")

    def search(self, what: str, target: str) -> None:
        """Let `faas-seal scan` look for the source and the key; nothing may be found."""
        result = self.scan(target)
        if result is None:
            console.print(f"  - this user may not read {what}; root may search it")
            return
        hits = result["hits"]
        self.check(not hits, f"{what}: {len(hits)} hits, of {result['needles']} needles")
        for hit in hits[:5]:
            console.print(f"      {hit['canary']} in {hit['place']}", markup=False)

    def scan(self, target: str) -> Any:
        """Return what `faas-seal scan` finds, or None where it may not look."""
        found = subprocess.run(
            ["faas-seal", "scan", target, "--source", NAME, "-f", "stack.yml", "--json"],
            cwd=self.folder,
            env=self.environment,
            text=True,
            capture_output=True,
        )
        if "is closed to you" in found.stderr:
            return None
        result = json.loads(found.stdout or "{}")
        if not result or result["unread"]:
            raise DemoFailed(f"{target} cannot be searched:\n{found.stderr}")
        return result

    def prove_search(self) -> None:
        step("Search everything for lines, constants and names of the source, and for the key")
        found = {hit["canary"] for hit in self.scan(NAME)["hits"]}
        self.check(bool(found), f"the search finds {len(found)} of them in the source itself")

    def search_memory(self, root: int) -> None:
        """Search the memory of the function's processes.

        The gateway and the watchdog are not among them: they pass the key on.
        """
        time.sleep(LINGER_SECONDS)
        self.search("the memory of the function's processes", f"pid:{acceptor_below(root)}")

    # The two ways to run it.

    def locally(self) -> None:
        self.prepare()
        step("Seal the pricing model: encrypted and signed, into one file")
        self.run("faas-seal", "seal", NAME)
        self.run("faas-seal", "inspect", NAME)
        step("Serve it, as its container would")
        with self.serving("faas-seal", "local-run", NAME, "--port", "0") as (process, url):
            self.calls(f"{url}/function/{NAME}")
            self.tampered()
            self.prove_search()
            self.search("the folder that goes into the image", "sealed")
            self.search_memory(process.pid)

    def on_openfaas(self) -> None:
        missing = [name for name in ("faas-cli", "docker") if shutil.which(name) is None]
        if missing:
            raise DemoFailed(f"{' and '.join(missing)} not found on PATH")
        self.prepare()
        step("Seal the pricing model, and build its image")
        self.run("faas-seal", "seal", NAME)
        self.run("faas-cli", "build", "-f", "stack.yml", "--quiet")
        step("Run it in Docker, behind the watchdog")
        port = free_port()
        command = ("faas-cli", "local-run", NAME, "-f", "stack.yml", "--port", str(port))
        with self.serving(*command, url=f"http://127.0.0.1:{port}"):
            container = docker("ps", "-q", "--filter", f"ancestor={IMAGE}").split()[0]
            try:
                self.calls(f"http://127.0.0.1:{port}/")
                self.tampered()
                self.prove_search()
                self.search("the build folder", "build")
                self.search("every layer of the image", IMAGE)
                logs = subprocess.run(["docker", "logs", container], capture_output=True)
                (self.folder / "container.log").write_bytes(logs.stdout + logs.stderr)
                self.search("the container's log", "container.log")
                first = docker("inspect", "--format", "{{.State.Pid}}", container)
                self.search_memory(int(first))
            finally:
                docker("rm", "-f", container)
                docker("rmi", "-f", IMAGE)

    @contextlib.contextmanager
    def serving(self, *command: str, url: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Run a command that serves until it is interrupted; yield once it answers."""
        console.print(f"[bold]$ {' '.join(command)}[/bold]")
        output = self.folder / "serving.log"
        with output.open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                text=True,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process, wait_until_ready(process, output, url)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def wait_until_ready(process: subprocess.Popen[str], output: Path, url: str) -> str:
    """Return the address at which the function answers; `url` where it is known."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at and process.poll() is None:
        announced = re.search(r"http://127\.0\.0\.1:\d+", url or output.read_text())
        if announced:
            with contextlib.suppress(requests.RequestException):
                ready = "/healthz" if not url else "/_/ready"
                if requests.get(announced[0] + ready, timeout=5).ok:
                    console.print(f"  serves at {announced[0]}")
                    return announced[0]
        time.sleep(0.05)
    raise DemoFailed(f"the function does not answer:\n{output.read_text()}")


def acceptor_below(root: int) -> int:
    """Return the first process of the function that `root` has started."""
    parents = [root]
    for pid in parents:
        if Path(f"/proc/{pid}/comm").read_text() == "faas-acceptor\n":
            return pid
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            parents += map(int, children.read_text().split())
    raise DemoFailed("the function has no process")


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], text=True, capture_output=True, check=True).stdout


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def step(text: str) -> None:
    console.print(f"\n[cyan]── {text}[/cyan]")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--openfaas", action="store_true", help="with faas-cli and Docker")
    openfaas = parser.parse_args().openfaas
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faas-seal-demo-") as folder:
        demo = Demo(Path(folder))
        try:
            demo.on_openfaas() if openfaas else demo.locally()
        except (DemoFailed, subprocess.SubprocessError) as error:
            console.print(f"demo: error: {error}", style="red", markup=False)
            return 1
    seconds = time.monotonic() - started
    if demo.failures:
        console.print(f"\n{demo.failures} things did not hold.", style="red")
        return 1
    console.print(f"\nAll of it held, in {seconds:.0f} seconds. Nothing is left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
