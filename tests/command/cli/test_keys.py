from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from faas_seal import AuthorKey, FunctionKey
from faas_seal.errors import UsageError
from faas_seal.project.keystore import Keystore, author_key_path
from faas_sealed.formats.errors import KeyRefused
from faas_sealed.formats.keys import AUTHOR_SEED, FUNCTION_KEY, TextForm, key_id

from tests.command.conftest import Run

KEY = bytes(range(32))
TEXT = FUNCTION_KEY.encode(KEY)
HEADER = f"X-Function-Key: {TEXT}\n"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keygen_makes_a_function_key_that_only_its_owner_reads(project: Path, run: Run) -> None:
    result = run("keygen", "greet")
    path = project / ".faas-seal" / "greet.key"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert (path.parent / ".gitignore").read_text() == "*\n"
    key = Keystore(project).function_key("greet")
    assert key_id(key) in result.stdout
    assert FUNCTION_KEY.encode(key) not in result.output


def test_keygen_makes_the_signing_key_in_the_users_configuration(home: Path, run: Run) -> None:
    result = run("keygen", "--author")
    path = home / ".config" / "faas-seal" / "author.key"
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert "fsap1_" in result.stdout
    assert "fsa1_" not in result.output


def test_the_configuration_folder_follows_xdg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert author_key_path() == tmp_path / "xdg" / "faas-seal" / "author.key"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert author_key_path() == home / ".config" / "faas-seal" / "author.key"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("arguments", [["greet"], ["--author"], ["greet", "-o", "a.key"]])
def test_keygen_never_overwrites(run: Run, arguments: list[str]) -> None:
    path = Path(json.loads(run("keygen", *arguments, "--json").stdout)["file"])
    before = path.read_bytes()
    result = run("keygen", *arguments, status=3)
    assert "never overwritten" in result.stderr
    assert path.read_bytes() == before


def test_keygen_writes_elsewhere_only_if_asked_to(project: Path, run: Run) -> None:
    run("keygen", "greet", "--output", "partner.key")
    assert mode(project / "partner.key") == 0o600
    assert not (project / ".faas-seal").exists()


@pytest.mark.parametrize("arguments", [[], ["greet", "--author"], ["../greet"], ["Greet"]])
def test_keygen_wants_one_name(project: Path, run: Run, arguments: list[str]) -> None:
    before = list(project.rglob("*"))
    run("keygen", *arguments, status=2)
    assert list(project.rglob("*")) == before


@pytest.mark.usefixtures("project")
def test_keygen_makes_no_key_for_what_the_stack_file_has_not(run: Run) -> None:
    refused = run("keygen", "gret", status=2).stderr
    assert "stack.yaml has no function 'gret'" in refused
    assert "hint: its functions are greet" in refused
    run("keygen", "gret", "--output", "partner.key")


def test_keygen_takes_any_name_where_no_stack_file_is(project: Path, run: Run) -> None:
    (project / "stack.yaml").unlink()
    run("keygen", "other")
    assert (project / ".faas-seal" / "other.key").exists()


@pytest.mark.parametrize("verb", [("header",), ("invoke", "-d", "")])
def test_a_lost_key_is_restored_and_not_made_anew(
    project: Path, run: Run, verb: tuple[str, ...]
) -> None:
    assert "hint: faas-seal seal greet makes it" in run(*verb, "greet", status=3).stderr
    run("seal")
    (project / ".faas-seal" / "greet.key").unlink()
    said = run(*verb, "greet", status=3).stderr
    assert "hint: restore .faas-seal/greet.key from your copy" in said
    assert "faas-seal seal greet makes a new key: deploy again" in said
    assert "keygen" not in said


def test_outside_of_a_project_it_is_told_of_the_folder(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for verb in ("header", "invoke"):
        said = run(verb, "greet", status=3).stderr
        assert "no function key for greet, and there is no stack file stack.yaml" in said
        assert "hint: is this the project's folder? " in said
    with pytest.raises(KeyRefused) as caught:
        FunctionKey.of_project("greet", tmp_path)
    assert "folder= in Python" in caught.value.hint


@pytest.mark.usefixtures("project")
def test_a_program_is_told_which_functions_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        FunctionKey.of_project("gret")
    assert caught.value.hint == "its functions are greet"


@pytest.mark.usefixtures("project")
def test_a_key_that_a_program_cannot_have_has_a_hint_too(run: Run) -> None:
    run("seal")
    Path(".faas-seal/greet.key").unlink()
    Path("stack.yaml").chmod(0o600)
    for read, hint in (
        (lambda: FunctionKey.from_file(".faas-seal/greet.key"), "restore .faas-seal/greet.key"),
        (lambda: FunctionKey.from_file("nowhere.key"), "name the file that holds it"),
        (lambda: FunctionKey.from_file("stack.yaml"), "starts with fsk1_"),
        (lambda: FunctionKey.from_file("greet"), "ls -l greet"),
        (lambda: FunctionKey(TEXT[:-1]), "copy it anew and whole"),
        (lambda: AuthorKey.from_file("nowhere.key"), "restore it from your copy"),
    ):
        with pytest.raises(KeyRefused) as caught:
            read()
        assert hint in caught.value.hint


def test_header_prints_what_curl_reads(project: Path, run: Run) -> None:
    Keystore(project).add("greet", KEY)
    assert run("header", "greet").stdout == HEADER


def test_a_key_comes_from_a_file_with_comments(project: Path, run: Run) -> None:
    path = project / "a.key"
    path.write_text(f"# the partner's\n\n  {TEXT}  \n# end\n")
    path.chmod(0o600)
    assert run("header", "greet", "--key-file", "a.key").stdout == HEADER


def test_a_key_comes_from_standard_input_a_variable_or_a_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREET_KEY", TEXT)
    command = f"'{sys.executable}' -c 'import os; print(os.environ[\"GREET_KEY\"])'"
    assert run("header", "greet", "--key-file", "-", input=f"{TEXT}\n").stdout == HEADER
    assert run("header", "greet", "--key-env", "GREET_KEY").stdout == HEADER
    assert run("header", "greet", "--key-command", command).stdout == HEADER


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_refuses_a_key_file_that_others_can_read(project: Path, run: Run, mode: int) -> None:
    path = Keystore(project).add("greet", KEY)
    path.chmod(mode)
    result = run("header", "greet", status=3)
    assert result.stderr.endswith("hint: chmod 600 .faas-seal/greet.key\n")
    assert TEXT not in result.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds 0 keys"),
        (f"{TEXT}\n{TEXT}\n", "holds 2 keys"),
        (TEXT[:-1] + "_", "damaged"),
        (AUTHOR_SEED.encode(KEY), "holds an author's signing key, expected a function key"),
    ],
)
def test_says_what_is_wrong_with_a_key_and_never_the_key(
    run: Run, content: str, message: str
) -> None:
    result = run("header", "greet", "--key-file", "-", input=content, status=3)
    assert message in result.stderr
    assert "fsk1_A" not in result.output
    assert AUTHOR_SEED.encode(KEY) not in result.output


@pytest.mark.parametrize(
    "options",
    [
        ["--key-file", "missing.key"],
        ["--key-env", "MISSING_KEY"],
        ["--key-command", "false"],
        ["--key-command", "no-such-program"],
        ["--key-command", "'unclosed"],
        ["--key-command", ""],
        [],
    ],
)
@pytest.mark.usefixtures("project")
def test_a_key_that_cannot_be_had_ends_with_status_3(run: Run, options: list[str]) -> None:
    assert run("header", "greet", *options, status=3).stderr.startswith("faas-seal: error: ")


def test_takes_one_source_of_a_key(run: Run) -> None:
    run("header", "greet", "--key-env", "A", "--key-file", "b", status=2)


@pytest.mark.parametrize("form", [FUNCTION_KEY, AUTHOR_SEED])
@pytest.mark.parametrize(
    "arguments",
    [["header", "{}"], ["invoke", "greet", "-H", "X-Function-Key: {}"], ["seal", "--key={}"]],
)
def test_refuses_a_key_on_the_command_line(run: Run, form: TextForm, arguments: list[str]) -> None:
    key = form.encode(KEY)
    result = run(*(argument.format(key) for argument in arguments), status=2)
    assert "shell's history" in result.stderr
    assert key not in result.output
