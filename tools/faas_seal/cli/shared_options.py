"""Options and arguments that several verbs share, and their completion."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from faas_sealed.formats.errors import MissingKey

from faas_seal.cli.hints import hint_for
from faas_seal.errors import FunctionKeyMissing, ProjectMissing, UsageError
from faas_seal.project.key_source import KeySource
from faas_seal.project.stackfile import StackFile, find

Command = TypeVar("Command", bound=Callable[..., Any])

_SECRET_IN_ARGUMENT = re.compile(r"fs[katis]1_[A-Za-z0-9_-]{16}")

stack_option = click.option(
    "-f",
    "--yaml",
    "stack_option",
    metavar="FILE",
    type=click.Path(),
    help="The stack file. [stack.yaml, stack.yml]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
author_option = click.option(
    "--author", metavar="KEY|FILE", help="The author's public key, fsap1_…, or a file with it."
)


def key_options(name: str, noun: str) -> Callable[[Command], Command]:
    """Add `--NAME-file`, `--NAME-env` and `--NAME-command`; the command gets one KeySource."""
    parameter = name.replace("-", "_")
    options = (
        ("file", "FILE", f"Read the {noun} from a file, or from standard input with -."),
        ("env", "VARIABLE", f"Read the {noun} from an environment variable."),
        ("command", "COMMAND", f"Read the {noun} from the output of a command."),
    )

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(*args: Any, **values: Any) -> Any:
            given = [values.pop(f"{parameter}_{kind}") for kind, _, _ in options]
            if len([value for value in given if value is not None]) > 1:
                raise UsageError(f"give only one of --{name}-file, -env and -command")
            values[parameter] = KeySource(*given)
            try:
                return command(*args, **values)
            except (FunctionKeyMissing, ProjectMissing) as error:
                if name != "key":
                    raise
                hint = f"{hint_for(error)}; or give the key with --key-file"
                raise MissingKey(str(error), hint=hint) from None

        decorated: Any = wrapped
        for kind, metavar, text in reversed(options):
            path = click.Path() if kind == "file" else None  # completed by the shell
            option = click.option(f"--{name}-{kind}", metavar=metavar, type=path, help=text)
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def function_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a function of the stack file; complete nothing if that is damaged."""
    try:
        functions = StackFile.load(find(context.params.get("stack_option"))).functions
    except Exception:  # a traceback would land in the line that somebody types
        return []
    return [name for name in functions if name.startswith(incomplete)]


def names_or_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a function, or else the path of a file."""
    names = function_names(context, parameter, incomplete)
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


def pair(text: str) -> tuple[str, str]:
    """Return name and value of `--query NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError("--query has the form NAME=VALUE")
    return name, value


def refuse_keys_in(arguments: Iterable[str]) -> None:
    """Raise UsageError if a secret key stands on the command line."""
    if any(_SECRET_IN_ARGUMENT.search(argument) for argument in arguments):
        raise UsageError(
            "a secret key stands on the command line: other users may have seen it, "
            "and it is in your shell's history. Replace that key",
            hint="give keys with --key-file, --key-env or --key-command",
        )
