"""What several verbs share: options, and how results and errors are printed."""

from __future__ import annotations

import codecs
import functools
import io
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from click.shell_completion import CompletionItem
from faas_sealed.formats.errors import FileRefused, MissingKey
from faas_sealed.formats.header import FUNCTION_NAME
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, TextForm
from rich.console import Console

from faas_seal.errors import UsageError
from faas_seal.project import keystore
from faas_seal.project.keystore import KeySource, parse_key
from faas_seal.project.sealed import project_key
from faas_seal.project.stackfile import SEALED_FILE, SEALED_FOLDER, StackFile, find, sealed_file
from faas_seal.sealing.drift import forgotten

Command = TypeVar("Command", bound=Callable[..., Any])

_IN_ASCII = {"✓": "+", "✗": "x", "…": "..."}
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
    """Add `--NAME-file`, `--NAME-env` and `--NAME-command`, given on as one KeySource."""
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
                raise UsageError(f"more than one of --{name}-file, -env and -command")
            values[parameter] = KeySource(*given)
            return command(*args, **values)

        decorated: Any = wrapped
        for kind, metavar, text in reversed(options):
            path = click.Path() if kind == "file" else None  # completed by the shell
            option = click.option(f"--{name}-{kind}", metavar=metavar, type=path, help=text)
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


def function_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a function of the stack file; whatever is wrong there, with none."""
    try:
        functions = StackFile.load(find(context.params.get("stack_option"))).functions
    except Exception:  # a traceback would land in the line that someone types
        return []
    return [name for name in functions if name.startswith(incomplete)]


def names_or_files(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a function, or else the path of a file."""
    names = function_names(context, parameter, incomplete)
    return [CompletionItem(name) for name in names] or [CompletionItem(incomplete, type="file")]


def project(stack: str | None) -> Path:
    """Return the folder of the stack file: where sealed folders and keys lie."""
    return find(stack).parent


def sealed_path(target: str, stack: str | None) -> Path:
    """Return the sealed file that a function's name or a path means.

    Where there is none, raises UsageError for a name that the stack file has not, and
    FileRefused where there is no stack file either.
    """
    path = Path(target)
    if FUNCTION_NAME.fullmatch(target) and not path.is_file():
        path = sealed_file(project(stack), target)
        if not path.exists():
            if not find(stack).exists():
                raise FileRefused(
                    f"there is no sealed file {path}, and there is no stack file {find(stack)}",
                    hint="is this the project's folder? --yaml names a stack file elsewhere",
                )
            check_function(target, stack)
    elif path.is_dir():
        path = path / SEALED_FILE
    return path


def sealed_files(stack: str | None, others: Iterable[str]) -> list[Path]:
    """Return the sealed files of the project, and others by path."""
    return [*project(stack).glob(f"{SEALED_FOLDER}/*/{SEALED_FILE}"), *map(Path, others)]


def warn_if_forgotten(target: str, stack: str | None) -> None:
    """Warn if `target` is a function whose source has changed since it was sealed."""
    path = find(stack)
    if FUNCTION_NAME.fullmatch(target) and path.exists() and (said := forgotten(path, target)):
        warn(f"{target}: {said}")


def read_author(given: str) -> bytes:
    """Return the public key that `--author` means: the key itself, or a file with it."""
    return read_public(given, AUTHOR_PUBLIC)


def read_public(given: str, form: TextForm) -> bytes:
    """Return the public key of a form that an option means: the key itself, or a file with it."""
    if given.startswith(form.prefix):
        return form.decode(given)
    return parse_key(Path(given).read_text(errors="replace"), form, given)


def describe_author(author: bytes) -> str:
    """Return an author's public key as text, and whether it is this user's."""
    yours = author == keystore.known_author()
    return AUTHOR_PUBLIC.encode(author) + (" (you)" if yours else "")


def function_key(key: KeySource, name: str, stack: str | None) -> bytes:
    """Return the function key that the options name, or the one in the keystore."""
    if key:
        return key.read(FUNCTION_KEY)
    try:
        return project_key(find(stack), name)
    except MissingKey as error:
        error.hint += "; or give the key with --key-file"
        raise


def check_function(name: str, stack: str | None) -> None:
    """Raise UsageError for a name that the stack file, where there is one, has not."""
    path = find(stack)
    if path.exists():
        StackFile.load(path).function(name)


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


def print_in_any_encoding() -> None:
    """Let a terminal that has not all characters show others in their place."""

    def instead(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeEncodeError)
        missing = error.object[error.start : error.end]
        return "".join(_IN_ASCII.get(character, "?") for character in missing), error.end

    codecs.register_error("faas-seal", instead)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="faas-seal")


def console(*, stderr: bool = False) -> Console:
    """Return where people read: text is printed as it is, and lines are never cut."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(line: str) -> None:
    """Print a line of a result for people, on standard output."""
    console().print(line)


def say_body(pieces: Iterable[bytes]) -> None:
    """Print a body on standard output as it comes: its bytes and no more.

    On a terminal the line ends, so that what is said next stands on its own.
    """
    last = b"\n"
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            last = piece[-1:] or last
    finally:
        if last != b"\n" and sys.stdout.isatty():
            click.echo()


def say_json(value: object) -> None:
    """Print a result for programs, on standard output."""
    click.echo(json.dumps(value, indent=2))


def warn(message: str, kind: str = "warning") -> None:
    """Print a warning or a note, on standard error."""
    style = "yellow" if kind == "warning" else None
    console(stderr=True).print(f"faas-seal: {kind}: {message}", style=style)


def complain(message: str, hint: str) -> None:
    """Print what is wrong and what to do about it, on standard error."""
    errors = console(stderr=True)
    errors.print(f"faas-seal: error: {message}", style="red")
    if hint:
        errors.print(f"hint: {hint}")


def reason(error: OSError) -> str:
    """Return which file it is about, and what is wrong with that."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def fail(message: str, hint: str, status: int) -> NoReturn:
    """Print what is wrong and what to do about it, and exit."""
    complain(message, hint)
    sys.exit(status)
