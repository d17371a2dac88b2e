"""The command `faas-seal`: a module for each verb, loaded when the verb is called for."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
from faas_sealed import __version__
from faas_sealed.formats.errors import EXIT_FAILURE, EXIT_USAGE, SealError

from faas_seal.cli.hints import hint_for
from faas_seal.cli.printing import fail, print_in_any_encoding, reason
from faas_seal.cli.shared_options import refuse_keys_in

# The order of the help: an author's day.
VERBS = (
    "new",
    "keygen",
    "test",
    "seal",
    "up",
    "push",
    "rotate",
    "sign",
    "deny",
    "inspect",
    "verify",
    "open",
    "local-run",
    "header",
    "invoke",
    "open-answer",
    "explain",
    "scan",
    "doctor",
    "completion",
)


class Commands(click.Group):
    """Finds the verb `some-verb` as `some_verb` in `faas_seal.cli.some_verb`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"faas_seal.cli.{name}")
        command = getattr(module, f"{name}_" if name == "open" else name)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(EXIT_USAGE)  # as click and git do: nothing was asked for, nothing is done
        refuse_keys_in(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb, and name it in errors of its options: click's parser does not always."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            verb = ctx.invoked_subcommand or ""
            command = self.get_command(ctx, verb)
            if error.ctx is None and command is not None:
                error.ctx = click.Context(command, parent=ctx, info_name=verb)
            raise

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command line and exit: errors become two lines and a documented status."""
        options = {"prog_name": "faas-seal", **options, "standalone_mode": False}
        try:
            status = super().main(*args, **options)
        except SealError as error:
            fail(str(error), hint_for(error), error.exit_code)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "faas-seal"
            fail(error.format_message(), f"{command} --help", EXIT_USAGE)
        except click.ClickException as error:
            fail(error.format_message(), "", EXIT_FAILURE)
        except click.Abort:
            fail("interrupted", "", EXIT_FAILURE)
        except OSError as error:
            fail(reason(error), "", EXIT_FAILURE)
        sys.exit(status if isinstance(status, int) else 0)


@click.command("faas-seal", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="faas-seal", message="%(prog)s %(version)s")
def cli() -> None:
    """Seal Python functions for OpenFaaS, and call them with a key.

    The provider builds, stores and runs ciphertext; a request that brings the function
    key decrypts the handler for as long as it takes to answer.

    \b
      faas-seal new greet
      faas-seal up greet
      faas-seal invoke greet

    Function keys lie in .faas-seal/ beside the stack file, your signing key in
    ~/.config/faas-seal/. A key may also come from a file, a variable or a command
    (--key-file, --key-env, --key-command), never from the command line itself.

    \b
    Exit status:
      0  all of it worked
      1  failure: the source, the stack file or this machine
      2  the command line asks for something that makes no sense
      3  a key is missing, damaged, or does not open the function
      4  a sealed file is malformed, altered, or another author's
      5  the function did not answer as it was asked to
      6  nobody answered
    """


def main() -> None:
    """The console script."""
    print_in_any_encoding()
    cli.main()
