"""Key tokens and sealed bodies through the local gateway, as through that of OpenFaaS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from faas_seal import FunctionKey

from tests.command.serving.conftest import LocalRun, Project
from tests.support import FAAS_SEAL, PATIENCE


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, LocalRun]]:
    """A served function that accepts only key tokens, and is sealed to an identity as well."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.add(environment={"seal_accept": "sealed"})
    public = project.run("keygen", "--identity", "--output", "me.key").stdout.split()[-1]
    done = project.run("seal", "--to", public)
    assert done.returncode == 0, done.stderr
    with project.serving() as running:
        yield project, running


def invoke(sealed: tuple[Project, LocalRun], *arguments: str, body: bytes = b"") -> bytes:
    """Run `faas-seal invoke`, which must succeed; return what it has printed."""
    project, running = sealed
    done = subprocess.run(
        [*FAAS_SEAL, "invoke", *arguments, "--gateway", f"http://127.0.0.1:{running.port}"],
        cwd=project.folder,
        env=project.variables,
        input=body,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_call_is_one_with_a_token(sealed: tuple[Project, LocalRun]) -> None:
    code = b"answer = [event.path, dict(event.query), event.method]"
    options = ["--path", "a b/\u00e4", "--query", "x=1 2", "-m", "PUT"]
    said = json.loads(invoke(sealed, "program", *options, body=code))
    assert said == ["/a b/\u00e4", {"x": "1 2"}, "PUT"]
    assert sealed[1].call(body=b"").status == 403  # the raw key


def test_a_large_body_goes_both_ways_at_once(sealed: tuple[Project, LocalRun]) -> None:
    body = os.urandom(1 << 22)
    assert invoke(sealed, "program", "--sealed", "--path", "copy", body=body) == body


def test_python_calls_the_project_and_by_discovery(sealed: tuple[Project, LocalRun]) -> None:
    project, running = sealed
    url = f"http://127.0.0.1:{running.port}/function/program"
    known = FunctionKey.of_project("program", project.folder, sealed_body=True)
    assert requests.post(url, data=b"answer = 'x'", auth=known, timeout=10).text == "x"
    author = project.run("inspect", "program", "--json").stdout
    found = FunctionKey.discover(
        f"{url}/some/path", author=json.loads(author)["author"], key=FunctionKey(known.text)
    )
    assert requests.post(f"{url}/x", data=b"answer = 'x'", auth=found, timeout=10).text == "x"


@pytest.mark.parametrize("sealed_body", [False, True], ids=["in clear", "sealed"])
def test_python_calls_again_with_tickets(
    sealed: tuple[Project, LocalRun], sealed_body: bool
) -> None:
    project, running = sealed
    url = f"http://127.0.0.1:{running.port}/function/program"
    key = FunctionKey.of_project("program", project.folder, sealed_body=sealed_body)
    sent = []
    for _ in range(3):
        answer = requests.post(url, data=b"answer = 'x'", auth=key, timeout=PATIENCE)
        assert (answer.status_code, answer.text) == (200, "x")
        assert "X-Function-Ticket" not in answer.headers
        sent.append(answer.request.headers["X-Function-Key"].partition("_")[0])
    assert sent == ["fsx1", "fsxr1", "fsxr1"]


def test_an_identity_calls_from_a_folder_with_nothing_else(
    sealed: tuple[Project, LocalRun], tmp_path: Path
) -> None:
    project, running = sealed
    author = json.loads(project.run("inspect", "program", "--json").stdout)["author"]
    url = f"http://127.0.0.1:{running.port}/function/program"
    (tmp_path / "config" / "faas-seal").mkdir(parents=True)
    identity = tmp_path / "config" / "faas-seal" / "identity.key"
    identity.write_bytes((project.folder / "me.key").read_bytes())
    identity.chmod(0o600)
    done = subprocess.run(
        [*FAAS_SEAL, "invoke", url, "--author", author, "--sealed", "-d", "answer = 'for me'"],
        cwd=tmp_path,
        env={**project.variables, "XDG_CONFIG_HOME": str(tmp_path / "config")},
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, b"for me"), done.stderr


def test_a_header_serves_curl(sealed: tuple[Project, LocalRun], tmp_path: Path) -> None:
    project, running = sealed
    code = tmp_path / "code"
    code.write_bytes(b"answer = event.query['q']")
    header = project.run("header", "program", "--path", "/x?q=%C3%A4", "--data-file", str(code))
    name, _, value = header.stdout.strip().partition(": ")
    answer = running.request("/function/program/x?q=%C3%A4", code.read_bytes(), {name: value})
    assert (answer.status, answer.text) == (200, "\u00e4")
    other = running.request("/function/program/x?q=b", code.read_bytes(), {name: value})
    assert "token-mismatch" in other.text
