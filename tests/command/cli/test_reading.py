"""inspect, verify and open: what one learns of a sealed file, without a key and with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from faas_seal.project import keystore
from faas_seal.project.stackfile import StackFile
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY

from tests.command.conftest import HANDLER, Run, contents, start
from tests.support import PATIENCE

SEALED = "sealed/greet/function.sealed"


@pytest.fixture
def sealed(project: Path, run: Run) -> Path:
    """A project with a sealed function."""
    (project / "greet" / "data").mkdir()
    (project / "greet" / "data" / "rates.csv").write_bytes(b"a,1\r\n\xff")
    run("seal")
    return project


def author(project: Path) -> str:
    return StackFile.load(project / "stack.yaml").function("greet").environment["seal_author"]


def alter(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("target", ["greet", SEALED, "sealed/greet"])
def test_inspect_shows_the_header_to_people_and_programs(
    sealed: Path, run: Run, target: str
) -> None:
    (sealed / ".faas-seal" / "greet.key").unlink()
    shown = run("inspect", target).stdout
    header = json.loads(run("inspect", target, "--json").stdout)
    assert header["author"] == author(sealed)
    assert (header["function"], header["verified"], header["yours"]) == ("greet", True, True)
    assert all(word in shown for word in (header["content_id"], header["slots"][0]["id"], "(you)"))


def test_inspect_says_if_the_author_is_another(sealed: Path, run: Run, home: Path) -> None:
    (home / ".config" / "faas-seal" / "author.key").unlink()
    run("keygen", "--author")
    assert json.loads(run("inspect", "greet", "--json").stdout)["yours"] is False
    assert "(you)" not in run("inspect", "greet").stdout
    assert author(sealed) in run("inspect", "greet").stdout


@pytest.mark.parametrize("verb", [["inspect"], ["verify"], ["open", "--out", "out"]])
@pytest.mark.parametrize("at", [40, -1])
def test_an_altered_file_ends_with_status_4(
    sealed: Path, run: Run, verb: list[str], at: int
) -> None:
    alter(sealed / SEALED, at)
    result = run(*verb, "greet", status=4)
    assert result.stdout == ""
    assert "hint: fetch the file again" in result.stderr
    assert "faas-seal seal greet" in result.stderr
    assert not (sealed / "out").exists()


@pytest.mark.parametrize("verb", [["inspect"], ["verify"], ["open", "--out", "out"]])
def test_what_is_no_sealed_file_ends_with_status_4(
    project: Path, run: Run, verb: list[str]
) -> None:
    run("keygen", "--author")
    run(*verb, "stack.yaml", status=4)
    result = run(*verb, "greet", status=4)
    assert "hint: faas-seal seal greet" in result.stderr
    assert not (project / "out").exists()


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("verb", [["inspect"], ["verify"], ["open", "--out", "out"]])
def test_a_name_that_the_stack_file_has_not_is_told_with_those_it_has(
    run: Run, verb: list[str]
) -> None:
    said = run(*verb, "gret", status=2).stderr
    assert "has no function 'gret'" in said
    assert "hint: its functions are greet" in said


@pytest.mark.parametrize("verb", [["inspect"], ["verify"], ["open", "--out", "out"]])
def test_outside_of_a_project_it_is_told_of_the_folder(
    run: Run, verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(*verb, "greet", status=4).stderr
    assert "there is no stack file stack.yaml" in said
    assert "hint: is this the project's folder? " in said


@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_a_forgotten_seal_is_told_of(sealed: Path, run: Run, verb: str) -> None:
    assert run(verb, "greet").stderr == ""
    (sealed / "greet" / "handler.py").write_text(HANDLER + "# changed\n")
    said = run(verb, "greet").stderr
    assert "greet: the source has changed since it was sealed: faas-seal seal greet" in said
    assert run(verb, SEALED).stderr == ""


@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_a_seal_for_another_key_is_no_forgotten_one(
    sealed: Path, run: Run, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTNER_KEY", FUNCTION_KEY.encode(os.urandom(32)))
    run("seal", "greet", "--key-env", "PARTNER_KEY")
    assert run(verb, "greet").stderr == ""
    (sealed / "greet" / "handler.py").write_text(HANDLER + "# changed\n")
    assert "the source has changed" in run(verb, "greet").stderr
    (sealed / ".faas-seal" / "greet.state").unlink()  # as in a clone elsewhere
    assert run(verb, "greet").stderr == ""


def test_verify_takes_the_author_that_the_stack_file_names(sealed: Path, run: Run) -> None:
    assert "whole and signed by" in run("verify", "greet").stdout
    stack = sealed / "stack.yaml"
    other = AUTHOR_PUBLIC.encode(bytes(32))
    stack.write_text(stack.read_text().replace(author(sealed), other))
    run("verify", "greet", status=4)


def test_verify_takes_an_author_as_key_or_file(sealed: Path, run: Run) -> None:
    (sealed / "author.pub").write_text(f"# the author\n{author(sealed)}\n")
    run("verify", SEALED, "--author", "author.pub")
    run("verify", SEALED, "--author", author(sealed))
    assert json.loads(run("verify", "greet", "--json").stdout)["verified"] is True
    run("verify", SEALED, "--author", AUTHOR_PUBLIC.encode(bytes(32)), status=4)
    run("verify", SEALED, "--author", author(sealed)[:-1], status=3)
    run("verify", SEALED, "--author", "missing.pub", status=1)


@pytest.mark.usefixtures("sealed")
def test_verify_asks_for_an_author_where_none_is_known(run: Run, home: Path) -> None:
    run("verify", SEALED)
    (home / ".config" / "faas-seal" / "author.key").unlink()
    assert keystore.known_author() is None
    run("verify", "greet")
    run("verify", SEALED, status=2)


def test_open_gives_the_source_back(sealed: Path, run: Run) -> None:
    run("open", "greet", "--out", "new/source")
    expected = {name: data for name, (_, _, data) in contents(sealed / "greet").items()}
    assert {n: d for n, (_, _, d) in contents(sealed / "new" / "source").items()} == expected
    assert expected["handler.py"] == HANDLER.encode()


def test_open_writes_into_an_empty_folder_and_over_nothing(sealed: Path, run: Run) -> None:
    (sealed / "empty").mkdir()
    run("open", "greet", "--out", "empty")
    files = contents(sealed)
    run("open", "greet", "--out", "empty", status=2)
    run("open", "greet", "--out", "stack.yaml", status=2)
    assert contents(sealed) == files


def test_a_wrong_key_opens_nothing(sealed: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", FUNCTION_KEY.encode(os.urandom(32)))
    result = run("open", "greet", "--out", "out", "--key-env", "WRONG", status=3)
    assert "does not open" in result.stderr
    assert not (sealed / "out").exists()
    assert not list(sealed.glob(".out*"))


def test_open_can_insist_on_an_author(sealed: Path, run: Run) -> None:
    run("open", "greet", "--out", "out", "--author", author(sealed))
    other = AUTHOR_PUBLIC.encode(bytes(32))
    run("open", "greet", "--out", "other", "--author", other, status=4)
    assert not (sealed / "other").exists()


def test_inspect_cuts_nothing_off_on_a_narrow_terminal(
    sealed: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert f"{author(sealed)} (you)\n" in run("inspect", "greet").stdout


@pytest.mark.usefixtures("sealed")
def test_reading_needs_neither_a_usable_key_nor_a_home(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".config" / "faas-seal" / "author.key").chmod(0o644)
    run("inspect", "greet")
    run("verify", "greet")
    assert "chmod 600" in run("seal", status=3).stderr
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    run("inspect", "greet")
    run("verify", "greet")
    assert "XDG_CONFIG_HOME" in run("seal", status=3).stderr


def test_a_reader_that_has_had_enough_gets_no_complaint(sealed: Path) -> None:
    assert sealed.exists()
    process = start("inspect", "greet", "--json")
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == b""
    process.wait(PATIENCE)
    process.stderr.close()
