from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from itertools import islice, takewhile

import click

from faas_seal.cli.run_seal import run_seal
from faas_seal.cli.shared_options import function_names, stack_option
from faas_seal.errors import ProgramFailed, ProgramMissing, UsageError
from faas_seal.project.secrets import SecretFiles, creation, secrets_of
from faas_seal.project.stackfile import Function, StackFile, find, gateway_address
from faas_seal.sealing.options import SealOptions

_VALUED = ("-g", "--gateway", "-n", "--namespace", "-k", "--token")
_GIVEN = re.compile(r"^(Created|Updated): ", re.MULTILINE)


class _PassesOn(click.Command):
    """A command that takes its own options, and leaves every other word as it is.

    click's ignore_unknown_options looks into unknown short options: it takes the h of
    -ghttp://gateway for --help, and the f of -eA=f for --yaml.
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
def up(words: tuple[str, ...], stack_option: str | None) -> int:
    """Seal what has changed, then build, push and deploy with faas-cli up.

    \b
      faas-seal up
      faas-seal up greet --tag sha --gateway https://gateway.example

    Takes every function of the stack file, or those named before the first option. They
    are sealed, which costs nothing if the source has not changed, and faas-cli is held to
    them with --regex. With your own --filter or --regex, all functions are sealed.

    The gateway first gets the secrets of these functions that lie in .secrets/, unless
    --skip-deploy is given.

    All other words go to faas-cli up as they are, and its exit status comes back. If a
    function cannot be sealed, faas-cli is not started. --copy-extra is refused, because it
    copies in clear: configuration.copy in the stack file is sealed.
    """
    if shutil.which("faas-cli") is None:
        raise ProgramMissing(
            "faas-cli is not on PATH",
            hint="install it (docs.openfaas.com/cli/install), or serve here: faas-seal local-run",
        )
    names = tuple(takewhile(lambda word: not word.startswith("-"), words))
    others = words[len(names) :]
    if any(word.partition("=")[0] == "--copy-extra" for word in others):
        raise UsageError(
            "--copy-extra would put files into the build in clear",
            hint="name them under configuration.copy in the stack file: they are sealed then",
        )
    stack = run_seal(StackFile.load(find(stack_option)), SealOptions(names)).after
    if "--skip-deploy" not in others:
        for function in stack.chosen(names):
            _give_secrets(stack, function, _for_secrets(others))
    command = ["faas-cli", "up", "--yaml", str(stack.path)]
    command += ["--regex", f"^({'|'.join(names)})$"] if names else []
    return subprocess.run([*command, *others], check=False).returncode  # noqa: S603


def _give_secrets(stack: StackFile, function: Function, options: list[str]) -> None:
    """Give the gateway the secrets that the function's settings name, if they are here."""
    files = SecretFiles(stack.folder)
    for secret in secrets_of(function):
        path = files.path(secret)
        if not path.exists():
            continue
        command = [*creation(secret, path, stack, function), *options]
        done = subprocess.run(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        # The exit status is 0 even if the gateway refuses.
        if done.returncode or not _GIVEN.search(done.stdout):
            hint = shlex.join(creation(secret, path, stack, function))
            if "unauthorized" in done.stdout:
                hint = f"faas-cli login --gateway {_gateway(options, stack)}"
            raise ProgramFailed(
                f"the gateway did not take the secret {secret}: {done.stdout.strip()}", hint=hint
            )


def _gateway(options: list[str], stack: StackFile) -> str:
    """Return the gateway that faas-cli takes with these options: the last one counts."""
    given = None
    for index, word in enumerate(options):
        if word in ("-g", "--gateway"):
            given = "".join(options[index + 1 : index + 2])
        elif word.startswith(("-g", "--gateway=")):
            given = word.removeprefix("--gateway=").removeprefix("-g").removeprefix("=")
    return gateway_address(given, stack.gateway)


def _for_secrets(words: Iterable[str]) -> list[str]:
    """Return the options of faas-cli that say which gateway it is, and who asks."""
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in _VALUED:
            found += [word, *islice(rest, 1)]
        elif word.startswith(tuple(_VALUED)) or word == "--tls-no-verify":
            found.append(word)
    return found
