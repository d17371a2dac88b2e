from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

import click
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import TRANSPORT_PUBLIC

from faas_seal.cli.common import (
    complain,
    function_names,
    json_option,
    key_options,
    read_public,
    reason,
    stack_option,
    warn,
)
from faas_seal.cli.seal_once import Order, seal_once
from faas_seal.draft import source_of
from faas_seal.errors import UsageError
from faas_seal.keystore import KeySource
from faas_seal.stackfile import StackFile, find
from faas_seal.terms import Terms
from faas_seal.watching import changes


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1, shell_complete=function_names)
@stack_option
@click.option("--new-author", is_flag=True, help="Take over functions of another author.")
@click.option("--clean", is_flag=True, help="Remove build folders that hold plaintext.")
@click.option("--watch", is_flag=True, help="Seal again whenever the source changes.")
@click.option(
    "--transport/--no-transport",
    default=None,
    help="Whether callers can seal their key to the function. [--transport]",
)
@click.option(
    "--transport-key", metavar="KEY|FILE", help="The public key, fstp1_…, of a secret elsewhere."
)
@key_options("key", "function key")
@key_options("author-key", "signing key")
@json_option
def seal(
    names: tuple[str, ...],
    stack_option: str | None,
    new_author: bool,
    clean: bool,
    watch: bool,
    transport: bool | None,
    transport_key: str | None,
    key: KeySource,
    author_key: KeySource,
    as_json: bool,
) -> None:
    """Seal functions of the stack file: all of them, or those named.

    \b
      faas-seal seal greet
      faas-seal up greet

    Encrypts and signs the handler's folder into sealed/NAME/, and points the stack file
    there, so that faas-cli builds ciphertext. Where the source lies is kept in the stack
    file under x-faas-seal. Source that has not changed changes nothing.

    Missing keys are made: the function key in .faas-seal/, your signing key in
    ~/.config/faas-seal/, and in .secrets/NAME-transport a secret of OpenFaaS, which lets
    callers seal their key to the function: the gateway needs it before the function,
    and faas-seal up brings it there. --no-transport is for functions that take raw keys
    alone.

    Files that .sealignore names (in the syntax of .gitignore) are left out; without one
    tests, caches, .env and key files are.

    With --watch beside local-run the next call has what was just saved:

    \b
      faas-seal seal greet --watch
    """
    if watch and (as_json or "-" in (key.file, author_key.file)):
        raise UsageError("--watch goes neither with --json nor with keys from standard input")
    path = find(stack_option)

    def terms(before: Terms) -> Terms:
        return before if transport is None else replace(before, transport=transport)

    order = Order(
        names=names,
        terms=terms,
        transport=read_public(transport_key, TRANSPORT_PUBLIC) if transport_key else None,
        key=key,
        author_key=author_key,
        new_author=new_author,
        clean=clean,
    )
    once = partial(seal_once, path, order)
    if not watch:
        once(as_json=as_json)
        return
    stack = StackFile.load(path)
    sources = [stack.folder / source_of(function) for function in stack.chosen(names)]
    changed = changes(sources)  # what is saved while this seals counts
    once()
    warn(f"watching {', '.join(map(str, sources))}; Ctrl-C ends it", "note")
    with suppress(KeyboardInterrupt):
        for _ in changed:
            try:
                once(quiet=True)
            except SealError as error:  # half saved, perhaps
                complain(str(error), error.hint)
            except OSError as error:
                complain(reason(error), "")
