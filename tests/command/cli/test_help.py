"""The help's promises: every verb is there, and the examples are command lines that parse."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from faas_seal.cli import VERBS, cli
from faas_sealed.formats import errors

from tests.command.conftest import Run, start
from tests.support import FAAS_SEAL, PATIENCE

EXITS = {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def command(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


def examples(verb: str) -> list[str]:
    lines = (command(verb).help or "").splitlines()
    found = [line.strip() for line in lines if "faas-seal " in line and line.startswith("  ")]
    return [line[line.index("faas-seal ") :] for line in found]


def test_the_help_lists_every_verb_and_every_exit_status(run: Run) -> None:
    result = run("--help")
    listed = [line.split()[0] for line in result.stdout.partition("Commands:\n")[2].splitlines()]
    assert listed == list(VERBS)
    assert len(EXITS) == 6
    assert all(f"\n    {value}  " in result.stdout for value in (0, *EXITS.values()))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(run: Run, verb: str) -> None:
    assert run(verb, "--help").stdout == run(verb, "-h").stdout
    assert examples(verb)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_are_command_lines_that_parse(
    verb: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "greet.log").touch()
    monkeypatch.setenv("GREET_KEY", "unused")
    # click keeps a command's help option as its first context has it: --help alone without this.
    top = click.Context(cli, info_name="faas-seal", **cli.context_settings)
    for example in examples(verb):
        words = shlex.split(example.partition(")")[0])
        ends = [i for i, word in enumerate(words) if word in ("|", "<", ">", "&&", "&")]
        _, named, *arguments = words[: ends[0]] if ends else words
        assert named in VERBS
        with command(named).make_context(named, arguments, parent=top):
            pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frob"], "No such command 'frob'"),
        (["verify"], "Missing argument"),
        (["seal", "--frob"], "No such option"),
        (["invoke", "greet", "-d"], "Option '-d' requires an argument"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2_and_a_hint(
    run: Run, arguments: list[str], message: str
) -> None:
    lines = run(*arguments, status=2).stderr.splitlines()
    assert lines[0].startswith(f"faas-seal: error: {message}")
    verb = [*arguments, ""][0] if arguments[0] in VERBS else ""
    assert lines[1] == " ".join(filter(None, ["hint: faas-seal", verb, "--help"]))


def test_without_a_verb_the_help_is_shown_and_nothing_has_worked(run: Run) -> None:
    bare = run(status=2)
    assert bare.stdout == ""
    assert bare.stderr == run("--help").stdout


@pytest.mark.usefixtures("project")
def test_a_terminal_that_has_not_all_characters_shows_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with start("doctor", "--gateway", "http://127.0.0.1:1") as process:
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (1, b"")
    assert b"\nx greet: not sealed yet\n" in stdout
    assert b"+ stack file: " in stdout
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    with start("seal", "--help") as process:
        assert b"[NAME]..." in process.communicate(timeout=PATIENCE)[0]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_errors_are_coloured_on_a_terminal_unless_that_is_not_wanted(
    variables: dict[str, str], coloured: bool
) -> None:
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if "COLOR" not in name}
    subprocess.run(
        [*FAAS_SEAL, "seal", "nobody"],
        env={
            **inherited,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TERM": "xterm-256color",
            **variables,
        },
        stderr=theirs,
        check=False,
    )
    said = os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)
    assert b"has no function 'nobody'" in said
    assert (b"\x1b[31m" in said) == coloured


@pytest.mark.usefixtures("project")
def test_nothing_is_coloured_where_no_terminal_is(run: Run) -> None:
    assert "\x1b" not in run("seal", "nobody", status=2).stderr
    assert "\x1b" not in run("doctor", status=1).stdout
