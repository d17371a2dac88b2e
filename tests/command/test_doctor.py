"""`faas-seal doctor`: each thing that can be wrong, and what it says to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faas_seal import keystore
from faas_seal.stackfile import LANGUAGE

from ..local.conftest import Project as LocalProject
from .conftest import Run
from .servers import Answer, server

TEMPLATE = Path(__file__).parents[2] / "template" / LANGUAGE
NOWHERE = "http://127.0.0.1:1"


def findings(run: Run, passed: bool | None, status: int, gateway: str = NOWHERE) -> str:
    """Return what doctor finds that has or has not passed, and what it says to do."""
    output = run("doctor", "--json", "--gateway", gateway, status=status).stdout
    return "\n".join(
        f"{check['subject']}: {check['finding']} -> {check['next_step']}"
        for check in json.loads(output)
        if check["passed"] is passed
    )


@pytest.mark.usefixtures("project")
def test_a_project_in_order_passes(run: Run) -> None:
    run("seal")
    said = findings(run, True, 0)
    assert "stack file: stack.yaml: greet" in said
    assert "greet: sealed as its source is" in said
    assert findings(run, False, 0) == ""


@pytest.mark.usefixtures("project")
def test_each_finding_is_a_line_with_a_mark(run: Run) -> None:
    lines = run("doctor", "--gateway", NOWHERE, status=1).stdout.splitlines()
    assert lines[lines.index("✗ greet: not sealed yet") + 1] == "    faas-seal seal greet"
    assert all(line[:2] in ("✓ ", "✗ ", "- ", "  ") for line in lines)


def change_source(project: Path) -> None:
    (project / "greet" / "handler.py").write_text("def handle(event, context): pass\n")


def break_source(project: Path) -> None:
    (project / "greet" / "handler.py").write_text("def handle(event, context:\n")


def alter_sealed_file(project: Path) -> None:
    path = project / "sealed" / "greet" / "function.sealed"
    path.write_bytes(path.read_bytes()[:-1] + b"#")


def open_key_to_others(project: Path) -> None:
    (project / ".faas-seal" / "greet.key").chmod(0o644)


def open_keys_to_others(project: Path) -> None:
    (project / ".faas-seal").chmod(0o755)


def open_signing_key_to_others(_: Path) -> None:
    keystore.author_key_path().chmod(0o640)


def leave_plaintext(project: Path) -> None:
    shutil.copytree(project / "greet", project / "build" / "greet" / "function")


def alter_template(project: Path) -> None:
    shutil.copytree(TEMPLATE, project / "template" / LANGUAGE)
    (project / "template" / LANGUAGE / "index.py").write_text("# changed\n")


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (change_source, "greet: the source has changed since -> faas-seal seal greet"),
        (break_source, "greet: handler.py does not compile"),
        (alter_sealed_file, "greet: the ciphertext is altered -> faas-seal seal greet"),
        (open_key_to_others, "-> chmod 600 .faas-seal/greet.key"),
        (open_keys_to_others, "others can look into .faas-seal -> chmod 700 .faas-seal"),
        (open_signing_key_to_others, "signing key: "),
        (leave_plaintext, "build/greet holds the source -> faas-seal seal --clean greet"),
        (alter_template, "is not the one of this command: index.py"),
    ],
)
def test_what_is_wrong_is_found_and_nothing_is_changed(
    project: Path, run: Run, damage: Callable[[Path], None], finding: str
) -> None:
    run("seal")
    damage(project)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    assert finding in findings(run, False, 1)
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_without_a_stack_file_it_says_how_to_get_one(project: Path, run: Run) -> None:
    (project / "stack.yaml").unlink()
    assert "there is no stack file stack.yaml" in findings(run, False, 1)


@pytest.mark.usefixtures("project")
def test_what_is_not_needed_is_no_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("seal")
    monkeypatch.setenv("PATH", "/nowhere")
    said = findings(run, None, 0)
    assert "faas-cli: not on PATH" in said
    assert "docker: not on PATH" in said
    assert f"gateway: {NOWHERE} does not answer" in said


@pytest.mark.usefixtures("project")
def test_a_gateway_that_removes_the_key_header_is_found(run: Run) -> None:
    run("seal")
    problem = json.dumps({"type": "urn:faas-seal:error:missing-key"}).encode()
    with server(lambda _: Answer(401, {}, problem)) as gateway:
        assert "X-Function-Key does not arrive" in findings(run, False, 1, gateway.url)


def test_a_function_that_is_served_is_asked_without_its_key(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    local = LocalProject(folder)
    local.add("program", "raise RuntimeError('it has run')\ndef handle(event, context): pass\n")
    local.seal()
    monkeypatch.setenv("HOME", local.variables["HOME"])
    monkeypatch.chdir(folder)
    with local.serving() as served:
        said = findings(run, True, 0, f"http://127.0.0.1:{served.port}")
        assert "program: deployed at" in said
        assert "the key header arrives" in said
        assert "handler-error" not in served.stderr.text
