"""The README's commands, run as they stand there."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command.conftest import STACK
from tests.support import PATIENCE, wait_until

CHECKOUT = Path(__file__).resolve().parent.parent


def commands_of(section: str) -> list[str]:
    text = (CHECKOUT / "README.md").read_text()
    body = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", body, re.DOTALL | re.MULTILINE)
    lines = [line for language, block in blocks if not language for line in block.splitlines()]
    return [line.partition("   #")[0].strip() for line in lines if line]


class Shell:
    """A terminal in an empty folder, with signing keys of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
        }

    def start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        with self.start(command) as process:
            try:
                output, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        assert process.returncode == 0, f"{command}\n{output}"
        return output


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "home").mkdir()
    return Shell(tmp_path)


def new_function(shell: Shell, command: str) -> None:
    """Run `faas-cli new`, or do by hand what it does, where there is no faas-cli."""
    shutil.copytree(CHECKOUT / "template", shell.folder / "template")
    if shutil.which("faas-cli"):
        shell.run(command)
    else:
        shutil.copytree(
            shell.folder / "template/python3-encrypted/function", shell.folder / "greet"
        )
        (shell.folder / "stack.yaml").write_text(STACK)


def test_from_nothing_to_curl(shell: Shell) -> None:
    new, test, seal, serve, invoke, curl = commands_of("From nothing to curl")[:6]
    shell.run(new)
    assert "passed" in shell.run(test)
    assert "greet: " in shell.run(seal)

    assert serve == "faas-seal local-run greet"
    with shell.start(f"exec {serve} --port 0") as server:
        try:
            assert server.stdout is not None
            gateway = next(found[0] for line in server.stdout if (found := address_in(line)))
            wait_for_gateway(gateway)
            for command in (invoke, curl):
                told = command.replace("http://127.0.0.1:8080", gateway)
                told += f" --gateway {gateway}" if command is invoke else ""
                assert shell.run(f"{told} 2>/dev/null") == "Hello, Ada!"
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.communicate(timeout=PATIENCE)
            finally:
                server.kill()
    assert server.returncode == 0


def test_a_function_that_faas_cli_has_made_is_sealed(shell: Shell) -> None:
    pull, new, up = commands_of("From nothing to curl")[-3:]
    assert pull.startswith("faas-cli template pull https://")
    assert new == "faas-cli new --lang python3-encrypted --prefix registry.example/me greet"
    new_function(shell, new)
    assert up == "faas-seal up greet"
    assert "sealed" in shell.run("faas-seal seal greet")


def address_in(line: str) -> re.Match[str] | None:
    return re.search(r"http://127\.0\.0\.1:\d+", line)


def wait_for_gateway(gateway: str) -> None:
    ask = ["curl", "-fs", f"{gateway}/healthz"]
    wait_until(
        lambda: subprocess.run(ask, stdout=subprocess.DEVNULL).returncode == 0,
        "the gateway answers",
    )


def test_the_make_targets_exist() -> None:
    named = [command for command in commands_of("See it") if command.startswith("make ")]
    assert len(named) == 2
    for command in named:
        subprocess.run(
            [*command.split(), "--dry-run"], cwd=CHECKOUT, check=True, capture_output=True
        )


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (CHECKOUT / "README.md").read_text())
    assert links
    assert [link for link in links if not (CHECKOUT / link).exists()] == []
