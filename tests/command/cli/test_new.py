"""`faas-seal new`, with faas-cli and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faas_seal.project.stackfile import StackFile
from ruamel.yaml import YAML

from tests.command.conftest import STACK, Run

WITH_FAAS_CLI = pytest.param(
    True,
    id="with faas-cli",
    marks=pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH"),
)


@pytest.fixture(params=[WITH_FAAS_CLI, pytest.param(False, id="without faas-cli")])
def faas_cli(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if not request.param:
        hide_faas_cli(monkeypatch)
    return bool(request.param)


def hide_faas_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# Keys differ, and so does what is sealed with them.
OF_THE_SEAL = ("sealed", ".faas-seal", ".secrets", "stack.yaml", ".gitignore")


def made_in(folder: Path) -> dict[str, bytes]:
    """Return what a user has then, but for what is sealed and the seal's settings."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return {
        name: content for name, content in files.items() if name.split("/")[0] not in OF_THE_SEAL
    }


def functions_in(folder: Path) -> object:
    stack = YAML(typ="safe").load(folder / "stack.yaml")
    for function in stack["functions"].values():
        function.get("environment", {}).pop("seal_author", None)
    return stack


@pytest.mark.usefixtures("faas_cli")
def test_a_new_function_is_sealed_and_can_be_built(folder: Path, run: Run) -> None:
    said = run("new", "greet", "--prefix", "registry.example/me").stdout
    assert "faas-seal local-run greet" in said
    assert (folder / "sealed" / "greet" / "function.sealed").exists()
    assert (folder / "template" / "python3-encrypted" / "Dockerfile").exists()
    assert "def handle(event, context)" in (folder / "greet" / "handler.py").read_text()
    function = StackFile.load(folder / "stack.yaml").function("greet")
    assert (function.lang, function.handler) == ("python3-encrypted", "./sealed/greet")
    assert "image: registry.example/me/greet:latest" in (folder / "stack.yaml").read_text()
    run("verify", "greet")


@pytest.mark.usefixtures("faas_cli")
def test_a_second_function_goes_into_the_same_stack_file(folder: Path, run: Run) -> None:
    run("new", "one")
    run("new", "two")
    assert list(StackFile.load(folder / "stack.yaml").functions) == ["one", "two"]


@pytest.mark.usefixtures("faas_cli")
def test_a_stack_file_keeps_what_it_says(folder: Path, run: Run) -> None:
    (folder / "stack.yml").write_text("# ours\n" + STACK.replace("greet", "other"))
    run("new", "greet")
    text = (folder / "stack.yml").read_text()
    assert text.startswith("# ours\n" + STACK.replace("greet", "other").rstrip())
    assert list(StackFile.load(folder / "stack.yml").functions) == ["other", "greet"]
    assert not (folder / "stack.yaml").exists()


@pytest.mark.usefixtures("faas_cli")
def test_a_stack_file_elsewhere_has_its_functions_beside_it(folder: Path, run: Run) -> None:
    elsewhere = folder / "else where"
    elsewhere.mkdir()
    run("new", "one", "-f", "else where/stack.yaml")
    said = run("new", "two", "--append", "else where/stack.yaml").stdout
    assert [path.name for path in folder.iterdir()] == ["else where"]
    assert (elsewhere / "two" / "handler.py").exists()
    assert list(StackFile.load(elsewhere / "stack.yaml").functions) == ["one", "two"]
    next_step = said.splitlines()[-1].split(maxsplit=1)[1]
    assert next_step == "invoke two -f 'else where/stack.yaml'"
    run("verify", "two", "-f", "else where/stack.yaml")


@pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")
def test_without_faas_cli_it_is_the_same(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "with", tmp_path / "without"]
    for folder in folders:
        folder.mkdir()
        monkeypatch.chdir(folder)
        if folder.name == "without":
            hide_faas_cli(monkeypatch)
        run("new", "greet", "--prefix", "me", "--gateway", "http://gateway.example")
        monkeypatch.setenv("OPENFAAS_PREFIX", "registry.example/us")
        run("new", "other")
        monkeypatch.delenv("OPENFAAS_PREFIX")
        run("new", "last")
    with_it, without_it = map(made_in, folders)
    assert with_it == without_it
    assert functions_in(folders[0]) == functions_in(folders[1])
    ignored = [set((folder / ".gitignore").read_text().split()) for folder in folders]
    assert ignored[0] == ignored[1]


@pytest.mark.usefixtures("faas_cli")
def test_nothing_is_overwritten(project: Path, run: Run) -> None:
    refused = run("new", "greet", status=2).stderr
    assert "has a function greet already" in refused
    assert "or seal it: faas-seal seal greet" in refused
    shutil.rmtree(project / "greet")
    assert "has a function greet already" in run("new", "greet", status=2).stderr
    assert not (project / "template").exists()


@pytest.mark.parametrize("stack", [True, False], ids=["a stack file", "none"])
def test_a_folder_that_is_there_is_added_by_hand_with_the_lines_of_the_hint(
    project: Path, run: Run, stack: bool
) -> None:
    (project / "greet").rename(project / "mine")
    before = STACK.replace("greet", "other") if stack else ""
    (project / "stack.yaml").unlink()
    if stack:
        (project / "stack.yaml").write_text(before)
    refused = run("new", "mine", status=2).stderr
    assert "there is a folder mine already" in refused
    hint = refused.partition("faas-seal seal mine\n")[2]
    (project / "stack.yaml").write_text(before + hint)
    run("seal", "mine")


def test_a_name_that_no_function_can_have_is_refused(folder: Path, run: Run) -> None:
    assert "is not a function's name" in run("new", "Greet_Me", status=2).stderr
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("faas_cli")
def test_a_stack_file_is_not_broken(project: Path, run: Run) -> None:
    stack = project / "stack.yaml"
    stack.write_text(STACK.rstrip("\n"))
    run("new", "other")
    assert list(StackFile.load(stack).functions) == ["greet", "other"]
    for text in (STACK + "configuration:\n  templates: []\n", "functions: {}\n"):
        stack.write_text(text)
        refused = run("new", "third", status=1).stderr
        assert "stack.yaml does not end with its functions" in refused
        assert "    handler: ./third" in refused
        assert stack.read_text() == text
        assert not (project / "third").exists()
