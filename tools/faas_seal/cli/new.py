from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import click

from faas_seal.cli.printing import say, warn
from faas_seal.cli.run_seal import run_seal
from faas_seal.errors import ProgramFailed
from faas_seal.project.scaffold import add_function, check_new, provide_template
from faas_seal.project.stackfile import DEFAULT_GATEWAY, LANGUAGE, StackFile, find
from faas_seal.sealing.options import SealOptions


@click.command()
@click.argument("name")
@click.option(
    "-p",
    "--prefix",
    envvar="OPENFAAS_PREFIX",
    default="",
    help="The image's registry and owner. [$OPENFAAS_PREFIX]",
)
@click.option(
    "-g",
    "--gateway",
    metavar="URL",
    envvar="OPENFAAS_URL",
    default=DEFAULT_GATEWAY,
    help=f"For a new stack file. [$OPENFAAS_URL, {DEFAULT_GATEWAY}]",
)
@click.option(
    "-f",
    "--yaml",
    "-a",
    "--append",
    "stack_option",
    metavar="FILE",
    help="The stack file. [stack.yaml, stack.yml]",
)
def new(name: str, prefix: str, gateway: str, stack_option: str | None) -> None:
    """Make a function's folder, add it to the stack file, and seal it.

    \b
      faas-seal new greet
      faas-seal new greet --prefix registry.example/me

    Runs faas-cli new --lang python3-encrypted if faas-cli is installed, and makes the same
    folder if it is not. An existing stack file is extended; nothing is ever overwritten.
    The template comes with this command.
    """
    stack = find(stack_option)
    check_new(stack, name)
    if template := provide_template(stack.parent):
        warn(f"put the template into {template}", "note")
    # faas-cli appends to the last line of a file, and does not make the file of --append.
    fit = stack.read_text().endswith("\n") if stack.exists() else stack_option is None
    if fit and shutil.which("faas-cli"):
        _run_faas_cli(name, prefix, gateway, stack)
    else:
        add_function(stack, name, prefix=prefix, gateway=gateway)
    run_seal(StackFile.load(find(stack_option)), SealOptions((name,)))
    say(f"{name}: write your handler in {stack.parent / name / 'handler.py'}, then")
    which = "" if stack == find(None) else f" -f {shlex.quote(str(stack))}"
    for verb in ("seal", "local-run", "invoke"):
        say(f"  faas-seal {verb} {name}{which}")


def _run_faas_cli(name: str, prefix: str, gateway: str, stack: Path) -> None:
    command = ["faas-cli", "new", name, "--lang", LANGUAGE, "--gateway", gateway, "--quiet"]
    command += ["--prefix", prefix] if prefix else []
    command += ["--append", stack.name] if stack.exists() else []
    # faas-cli makes the folder where it runs. That must be beside the stack file.
    done = subprocess.run(  # noqa: S603
        command, cwd=stack.parent, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ProgramFailed(f"faas-cli new failed: {(done.stderr or done.stdout).strip()}")
