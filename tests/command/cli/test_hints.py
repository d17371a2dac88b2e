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
from faas_seal import errors
from faas_seal.cli import VERBS, cli
from faas_seal.cli.hints import hint_for
from faas_seal.deploying import errors as deploying
from faas_seal.project import recipients
from faas_seal.sealing import errors as sealing
from faas_sealed.formats.errors import MissingKey, SealError

from tests.command.conftest import Run

SEALED = Path("sealed/greet/function.sealed")
FOLDERS = ("calling", "sealing", "deploying", "scan")
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


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (errors.StackFileMissing(hint="own"), "faas-seal new greet makes one; --yaml names"),
        (errors.StackFileEmpty(hint="own"), "faas-seal new greet writes one"),
        (errors.NoFunctions(hint="own"), "faas-seal new greet"),
        (errors.ProjectMissing(hint="own"), "is this the project's folder? --yaml names"),
        (errors.HomeMissing(hint="own"), "set XDG_CONFIG_HOME, or give the key with --author-key"),
        (errors.AuthorKeyMissing(hint="own"), "restore it from your copy; faas-seal keygen --aut"),
        (errors.KeyFileMissing(path=Path("a.key"), hint="own"), "own"),
        (errors.KeyFileMissing(function="greet", hint="own"), "faas-seal seal greet makes it"),
        (
            errors.FunctionKeyMissing(path=Path("a.key"), function="greet", sealed=True),
            "restore a.key from your copy; without one, faas-seal seal greet makes a new key",
        ),
        (errors.SealedFileMissing(path=SEALED, hint="own"), "faas-seal seal greet"),
        (errors.SealedFileMissing(path=Path("a.sealed")), "faas-seal seal"),
        (errors.WrongAuthor(path=SEALED), "fetch the file again, or, if it is yours, seal it anew"),
        (errors.MalformedSealedFile(path=SEALED), "fetch the file again, or, if it is yours, sea"),
        (errors.AlteredSealedFile(address="http://g"), "is that the function's address, and --au"),
        (errors.AlteredSealedFile(), ""),
        (errors.UnknownAuthor(hint="own"), "name the author with --author"),
        (errors.UnnamedFunction(hint="own"), "say which it is: --function NAME"),
        (errors.UnknownKeyForAddress(hint="own"), "give the key with --key-file, --key-env or"),
        (errors.ForeignFunction(hint="own"), "someone else's function? Name its author: --author"),
        (errors.IdentityWithoutFile(hint="own"), "give an address and its author with --author"),
        (errors.UnknownTransportKey(hint="own"), "give an address and its author with --author"),
        (errors.NoKeyFits(hint="own"), "give one with --identity, --key-file, --key-env or"),
        (errors.Unreachable(), "is the gateway up? faas-seal local-run serves"),
        (errors.Unreachable(hint="own"), "own"),
        (errors.UsageError(hint="own"), "own"),
        (MissingKey(), ""),
    ],
)
def test_an_error_has_the_hint_of_the_command(error: SealError, hint: str) -> None:
    assert hint_for(error).startswith(hint)
    assert bool(hint_for(error)) == bool(hint)


def test_a_verb_that_takes_a_key_says_so_once(project: Path, run: Run) -> None:
    hint = "hint: faas-seal seal greet makes it; or give the key with --key-file\n"
    run("seal")
    (project / ".faas-seal" / "greet.key").unlink()
    (project / "sealed" / "greet" / "function.sealed").rename(project / "greet.sealed")
    for arguments in (["header", "greet"], ["open", "greet.sealed", "--out", "out"]):
        said = run(*arguments, status=3).stderr
        assert said.endswith(hint)
    given = run("header", "greet", "--key-file", ".faas-seal/greet.key", status=3).stderr
    assert given.endswith("hint: faas-seal seal greet makes it\n")


@pytest.mark.usefixtures("project")
def test_who_signs_is_asked_for_where_nothing_says_it(run: Run, home: Path) -> None:
    run("seal")
    (home / ".config" / "faas-seal" / "author.key").unlink()
    error, hint = run("verify", str(SEALED), status=2).stderr.splitlines()
    assert error == "faas-seal: error: no author key: which author signs?"
    assert hint == "hint: name the author with --author"
