"""Hints are the command's words: errors below it carry facts, and no options."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import click
import faas_seal
import pytest
from faas_seal.cli import VERBS, cli
from faas_seal.cli.hints import hint_for
from faas_seal.deploying import errors as deploying
from faas_seal.project import recipients
from faas_seal.sealing import errors as sealing
from faas_sealed.formats.errors import SealError

FOLDERS = ("sealing", "deploying", "scan")
# Their options are in commands for people to type.
OTHER_PROGRAMS = ("faas-cli ", "docker ", "git ")


def errors_in(module: ModuleType) -> list[type[SealError]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, SealError)
        and value.__module__ == module.__name__
    ]


def made(kind: type[SealError]) -> SealError:
    """Return an error of a class whose facts are their own names."""
    facts: list[object] = []
    for fact in inspect.signature(kind).parameters.values():
        facts.append({"str": fact.name, "Path": Path(fact.name), "float": 1.0}[fact.annotation])
    return kind(*facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind", [*errors_in(sealing), *errors_in(deploying), *errors_in(recipients)]
)
def test_an_error_with_facts_has_a_hint_of_the_command_and_none_of_its_own(
    kind: type[SealError],
) -> None:
    error = made(kind)
    assert hint_for(error)
    assert error.hint == ""


def options() -> set[str]:
    found: set[str] = set()
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        for parameter in command.params:
            found |= {name for name in parameter.opts if name.startswith("--")}
    return found


def named_in(path: Path, known: set[str]) -> set[tuple[str, str]]:
    """Return the texts in a module that name an option of the command, with the module's name."""
    nodes = ast.walk(ast.parse(path.read_text()))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return {
        (path.name, text)
        for text in texts
        if isinstance(text, str)
        and known & set(re.findall("--[a-z-]+", text))
        and not text.startswith(OTHER_PROGRAMS)
    }


def test_no_text_below_the_command_names_an_option_of_it() -> None:
    known = options()
    assert {"--to", "--gateway", "--author-key-file"} <= known
    folder = Path(faas_seal.__file__).parent
    assert named_in(folder / "cli" / "hints.py", known)
    paths = [path for name in FOLDERS for path in (folder / name).glob("*.py")]
    paths.append(folder / "project" / "recipients.py")
    assert len(paths) > 20
    assert set().union(*(named_in(path, known) for path in paths)) == set()
