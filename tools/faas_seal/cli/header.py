from __future__ import annotations

import click
from faas_sealed.formats.keys import FUNCTION_KEY

from faas_seal.cli.common import function_key, function_names, key_options, stack_option
from faas_seal.keystore import KeySource


@click.command()
@click.argument("name", shell_complete=function_names)
@stack_option
@key_options("key", "function key")
def header(name: str, stack_option: str | None, key: KeySource) -> None:
    """Print the header that carries the function key.

    \b
      faas-seal header greet | curl -H @- http://127.0.0.1:8080/function/greet

    For other HTTP clients. curl reads it from standard input, or from what bash makes:

    \b
      curl -H @<(faas-seal header greet) http://127.0.0.1:8080/function/greet

    In -H "$(faas-seal header greet)" the key would stand on curl's command line, where
    other users of the machine can see it.
    """
    click.echo(f"X-Function-Key: {FUNCTION_KEY.encode(function_key(key, name, stack_option))}")
