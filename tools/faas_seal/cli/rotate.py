from __future__ import annotations

import click

from faas_seal.cli.run_seal import run_seal
from faas_seal.cli.shared_options import function_names, key_options, stack_option
from faas_seal.project.key_source import KeySource
from faas_seal.project.stackfile import StackFile, find
from faas_seal.sealing.options import SealOptions


@click.command()
@click.argument("names", metavar="NAME…", nargs=-1, required=True, shell_complete=function_names)
@click.option("--keys", is_flag=True, help="Make new function keys for all recipients.")
@stack_option
@key_options("key", "function key")
@key_options("author-key", "signing key")
def rotate(
    names: tuple[str, ...],
    keys: bool,
    stack_option: str | None,
    key: KeySource,
    author_key: KeySource,
) -> None:
    """Seal functions anew, although nothing has changed.

    \b
      faas-seal rotate greet
      faas-seal rotate greet --keys

    This makes a new content key, as any seal of a changed source does. All who could call
    the function still can. --keys makes new function keys for the recipients (seal --to):
    once this is deployed, somebody who has an old key without the identity can no longer
    call. To change the project's own key, which callers got from you, move
    .faas-seal/NAME.key away and seal.

    A copy of what was sealed before stays readable to whoever could read it.
    """
    options = SealOptions(names, key, author_key, anew=True, new_keys=keys)
    run_seal(StackFile.load(find(stack_option)), options)
