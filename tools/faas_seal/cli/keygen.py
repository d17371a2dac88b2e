from __future__ import annotations

import os
from pathlib import Path

import click
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public, key_id
from faas_sealed.formats.primitives import KEY_BYTES

from faas_seal.cli.common import (
    check_function,
    function_names,
    json_option,
    project,
    say,
    say_json,
    stack_option,
)
from faas_seal.errors import UsageError
from faas_seal.keystore import Keystore, add_author, write_author_key, write_function_key
from faas_seal.stackfile import check_name


@click.command()
@click.argument("name", required=False, shell_complete=function_names)
@click.option("--author", is_flag=True, help="Make your signing key instead.")
@click.option("-o", "--output", metavar="FILE", help="Write the key here, and nowhere else.")
@stack_option
@json_option
def keygen(
    name: str | None, author: bool, output: str | None, stack_option: str | None, as_json: bool
) -> None:
    """Make the function key of NAME, or your signing key.

    seal makes the keys that it misses, so that this is for making them beforehand or
    elsewhere. A key that exists is never overwritten; one that is lost does not come
    back by this: what is deployed opens with the old one alone.

    \b
      faas-seal keygen greet
      faas-seal keygen greet --output partner.key
      faas-seal keygen --author

    Whoever holds the function key can call the function, and read it. Whoever holds the
    signing key can change it: keep a copy where it cannot be lost.
    """
    if author == (name is not None):
        raise UsageError("give either a function's name or --author", hint="faas-seal keygen greet")
    key = os.urandom(KEY_BYTES)
    if name is None:
        path = Path(output) if output else add_author(key)
        if output:
            write_author_key(path, key)
        public = AUTHOR_PUBLIC.encode(author_public(key))
        result, shown = {"file": str(path), "author": public}, f"Public key:        {public}"
    else:
        check_name(name)
        if not output:
            check_function(name, stack_option)
        path = Path(output) if output else Keystore(project(stack_option)).add(name, key)
        if output:
            write_function_key(path, name, key)
        result, shown = {"file": str(path), "id": key_id(key)}, f"Key ID:             {key_id(key)}"
    if as_json:
        say_json(result)
        return
    say(f"Wrote signing key: {path}" if name is None else f"Wrote function key: {path}")
    say(shown)
