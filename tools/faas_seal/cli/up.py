from __future__ import annotations

import shutil
import subprocess

import click

from faas_seal.cli.common import stack_option
from faas_seal.cli.seal import seal
from faas_seal.errors import ProgramMissing
from faas_seal.stackfile import find


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", metavar="[FAAS-CLI OPTION]…", nargs=-1, type=click.UNPROCESSED)
@stack_option
@click.pass_context
def up(context: click.Context, arguments: tuple[str, ...], stack_option: str | None) -> int:
    """Seal what has changed, then build, push and deploy with faas-cli up.

    \b
      faas-seal up
      faas-seal up --filter greet --gateway https://gateway.example

    Seals every function of the stack file, which costs nothing where the source has not
    changed. All else on the command line goes to faas-cli up as it is; so does its exit
    status come back. If something cannot be sealed, faas-cli is not started.
    """
    if shutil.which("faas-cli") is None:
        raise ProgramMissing(
            "faas-cli is not on PATH",
            hint="install it (docs.openfaas.com/cli/install), or serve here: faas-seal local-run",
        )
    context.invoke(seal, stack_option=stack_option)
    command = ["faas-cli", "up", "--yaml", str(find(stack_option)), *arguments]
    return subprocess.run(command, check=False).returncode  # noqa: S603
