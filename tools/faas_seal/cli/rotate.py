from __future__ import annotations

import click

from faas_seal.cli.run_seal import run_seal
from faas_seal.cli.shared_options import function_names, key_options, stack_option
from faas_seal.project.keystore import KeySource
from faas_seal.project.stackfile import StackFile, find
from faas_seal.sealing.options import SealOptions


@click.command()
@click.argument("names", metavar="NAME…", nargs=-1, required=True, shell_complete=function_names)
@click.option("--keys", is_flag=True, help="New function keys for all who have an identity.")
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

    Each seal has a content key of its own, so this is what a change of the source does,
    too; those who could call the function still can. --keys makes the function keys of
    recipients (seal --to) anew: whoever holds one of the old ones without the identity
    can call no more, once this is deployed. The project's own key, which callers got
    from you, is changed by moving .faas-seal/NAME.key away.

    A copy of what was sealed before stays readable to whoever could read it.
    """
    options = SealOptions(names, key, author_key, anew=True, new_keys=keys)
    run_seal(StackFile.load(find(stack_option)), options)
