from __future__ import annotations

import shutil
import subprocess
from itertools import islice, takewhile

import click

from faas_seal.cli.common import function_names, stack_option
from faas_seal.cli.seal import seal
from faas_seal.errors import ProgramMissing
from faas_seal.stackfile import find


class _PassesOn(click.Command):
    """Takes its own options, and leaves every other word as it is.

    click's ignore_unknown_options looks into unknown short ones, and takes the h of
    -ghttp://gateway for --help and the f of -eA=f for --yaml.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own: list[str] = []
        others: list[str] = []
        words = iter(args)
        for word in words:
            if word == "--":
                others += words
            elif word in ("-f", "--yaml"):
                own += [word, *islice(words, 1)]
            elif word in ("-h", "--help") or word.startswith(("-f", "--yaml=")):
                own.append(word)
            else:
                others.append(word)
        return super().parse_args(ctx, [*own, "--", *others])


@click.command(cls=_PassesOn)
@click.argument(
    "words",
    metavar="[NAME]… [FAAS-CLI OPTION]…",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=function_names,
)
@stack_option
@click.pass_context
def up(context: click.Context, words: tuple[str, ...], stack_option: str | None) -> int:
    """Seal what has changed, then build, push and deploy with faas-cli up.

    \b
      faas-seal up
      faas-seal up greet --tag sha --gateway https://gateway.example

    Takes every function of the stack file, or those named before the first option: they
    are sealed, which costs nothing where the source has not changed, and faas-cli is held
    to them with --regex. With --filter or --regex of your own all are sealed.

    All else goes to faas-cli up as it is, and its exit status comes back. If something
    cannot be sealed, faas-cli is not started.
    """
    if shutil.which("faas-cli") is None:
        raise ProgramMissing(
            "faas-cli is not on PATH",
            hint="install it (docs.openfaas.com/cli/install), or serve here: faas-seal local-run",
        )
    names = tuple(takewhile(lambda word: not word.startswith("-"), words))
    context.invoke(seal, names=names, stack_option=stack_option)
    command = ["faas-cli", "up", "--yaml", str(find(stack_option))]
    command += ["--regex", f"^({'|'.join(names)})$"] if names else []
    return subprocess.run([*command, *words[len(names) :]], check=False).returncode  # noqa: S603
