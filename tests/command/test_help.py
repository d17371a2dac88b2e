"""The help's promises: every verb is there, and the examples are command lines that parse."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from faas_seal.cli import VERBS, cli
from faas_sealed.formats import errors

from .conftest import Run

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
    for example in examples(verb):
        words = shlex.split(example.partition(")")[0])
        ends = [i for i, word in enumerate(words) if word in ("|", "<", ">", "&&", "&")]
        _, named, *arguments = words[: ends[0]] if ends else words
        assert named in VERBS
        with command(named).make_context(named, arguments):
            pass


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frob"], "No such command 'frob'"),
        (["verify"], "Missing argument"),
        (["seal", "--frob"], "No such option"),
    ],
)
def test_a_wrong_command_line_ends_with_status_2_and_a_hint(
    run: Run, arguments: list[str], message: str
) -> None:
    lines = run(*arguments, status=2).stderr.splitlines()
    assert lines[0].startswith(f"faas-seal: error: {message}")
    assert lines[1].startswith("hint: faas-seal ")
    assert lines[1].endswith("--help")
