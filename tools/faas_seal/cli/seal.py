from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.hpke import checked_public
from faas_sealed.formats.keys import AUTHOR_PUBLIC, TRANSPORT_PUBLIC

from faas_seal.cli.hints import hint_for
from faas_seal.cli.lookup import read_author, read_public
from faas_seal.cli.printing import complain, reason, say, warn
from faas_seal.cli.run_seal import run_seal, write_keys
from faas_seal.cli.shared_options import (
    author_option,
    function_names,
    json_option,
    key_options,
    stack_option,
)
from faas_seal.cli.times import when
from faas_seal.errors import UsageError
from faas_seal.project.key_source import KeySource
from faas_seal.project.recipients import read_recipients
from faas_seal.project.source_folder import source_of
from faas_seal.project.stackfile import StackFile, find, sealed_folder
from faas_seal.project.watching import changes
from faas_seal.sealing.detached import finish, plan_unsigned, write_unsigned
from faas_seal.sealing.options import Expiry, SealOptions


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1, shell_complete=function_names)
@stack_option
@click.option("--new-author", is_flag=True, help="Take over functions of another author.")
@click.option("--clean", is_flag=True, help="Remove build folders that hold plaintext.")
@click.option("--watch", is_flag=True, help="Seal again whenever the source changes.")
@click.option(
    "--to",
    multiple=True,
    metavar="KEY|FILE",
    type=click.Path(),
    help="Add a recipient: their public key, fsip1_…, or a file of such keys.",
)
@click.option(
    "--drop",
    multiple=True,
    metavar="NAME|ID|KEY",
    help="Drop a recipient: they cannot open what is sealed from now on.",
)
@click.option(
    "--key-expires", metavar="WHEN", type=when, help="The time at which the keys of --to expire."
)
@click.option(
    "--expires", metavar="WHEN", type=when, help="The time at which the sealed file expires."
)
@click.option(
    "--own-key/--no-own-key",
    default=None,
    help="Whether the project's own function key opens the file, and the project keeps "
    "the recipients' keys. [--own-key]",
)
@click.option(
    "--transport/--no-transport",
    default=None,
    help="Whether callers can seal their key to the function. [--transport]",
)
@click.option(
    "--transport-key",
    metavar="KEY|FILE",
    help="The public key, fstp1_…, of a transport secret that is elsewhere.",
)
@click.option(
    "--unsigned", metavar="FILE", type=click.Path(), help="Write a file for the author to sign."
)
@click.option(
    "--signature",
    metavar="FILE",
    type=click.Path(),
    help="Finish what --unsigned wrote, with the output of faas-seal sign.",
)
@author_option
@key_options("key", "function key")
@key_options("author-key", "signing key")
@json_option
def seal(
    names: tuple[str, ...],
    stack_option: str | None,
    new_author: bool,
    clean: bool,
    watch: bool,
    to: tuple[str, ...],
    drop: tuple[str, ...],
    key_expires: Expiry | None,
    expires: Expiry | None,
    own_key: bool | None,
    transport: bool | None,
    transport_key: str | None,
    unsigned: str | None,
    signature: str | None,
    author: str | None,
    key: KeySource,
    author_key: KeySource,
    as_json: bool,
) -> None:
    """Seal functions of the stack file: all of them, or those named.

    \b
      faas-seal seal greet
      faas-seal up greet

    Encrypts and signs the handler's folder into sealed/NAME/, and points the stack file
    there, so that faas-cli builds ciphertext. The stack file names the source folder under
    x-faas-seal. A function whose source has not changed is not sealed again.

    Missing keys are made: the function key in .faas-seal/, your signing key in
    ~/.config/faas-seal/, and a secret of OpenFaaS in .secrets/NAME-transport. With that
    secret callers can seal their key to the function. The gateway needs it before it gets
    the function, and faas-seal up brings it there. --no-transport is for functions that
    take only raw keys.

    A recipient is somebody with an identity (faas-seal keygen --identity). They need no key
    from you: --to makes them one, and puts it into the sealed file, sealed to their public
    key. In a file of public keys, a comment says whose each key is. All this is remembered:
    the next seal needs no options to do the same.

    \b
      faas-seal seal greet --to team.keys --to fsip1_… --key-expires 30d
      faas-seal seal greet --drop Ada --expires 2026-12-31

    WHEN is 12h, 30d, 2w, a date (through its end, UTC) or never. A recipient who is
    dropped, or whose key expires, can still read what was sealed before, if they have a
    copy.

    Tests, caches, virtual environments, .env, key files and the like are left out, and so
    are files that .sealignore names, in the syntax of .gitignore; a pattern with ! takes
    something back. What configuration.copy of the stack file names is sealed with each
    function, and no longer copied in clear. docs/sealing.md has all of this.

    If the signing key is kept on another machine, the two lines that it signs travel in a
    file:

    \b
      faas-seal seal greet --author fsap1_… --unsigned greet.unsigned
      faas-seal sign greet.unsigned > greet.signature
      faas-seal seal greet --unsigned greet.unsigned --signature greet.signature

    With --watch beside local-run, the next call gets the code that you have just saved:

    \b
      faas-seal seal greet --watch
    """
    if watch and (as_json or "-" in (key.file, author_key.file)):
        raise UsageError("--watch goes neither with --json nor with keys from standard input")
    path = find(stack_option)
    if key_expires is not None and not to:
        raise UsageError("--key-expires is for the keys of --to", hint="--expires is for the file")
    options = SealOptions(
        names=names,
        key=key,
        author_key=author_key,
        transport_key=checked_public(read_public(transport_key, TRANSPORT_PUBLIC))
        if transport_key
        else None,
        new_author=new_author,
        to=read_recipients(to),
        drop=drop,
        key_expires=key_expires,
        expires=expires,
        own_key=own_key,
        transport=True if transport_key else transport,
    )
    if author or unsigned or signature:
        if not unsigned or watch or author_key or as_json:
            raise UsageError(
                "--author and --signature go with --unsigned, which goes neither with a signing "
                "key nor with --watch or --json"
            )
        public = read_author(author) if author else None
        _seal_detached(path, options, public, Path(unsigned), signature)
    elif watch:
        _watch(path, options, clean=clean)
    else:
        run_seal(StackFile.load(path), options, clean=clean, as_json=as_json)


def _seal_detached(
    path: Path, options: SealOptions, author: bytes | None, unsigned: Path, signature: str | None
) -> None:
    """Write what the author has to sign, or seal with their signature."""
    stack = StackFile.load(path)
    if len(options.names) != 1:
        raise UsageError("--unsigned is for one function", hint="faas-seal seal greet --unsigned …")
    (name,) = options.names
    if signature:
        file = finish(stack, name, author, unsigned, Path(signature))
        folder = sealed_folder(stack.folder, name)
        say(f"{name}: sealed into {folder}, content id {file.header.content_id}")
        return
    plan, to_sign = plan_unsigned(stack, name, author, options)
    write_keys(plan)
    write_unsigned(plan, to_sign, unsigned)
    say(f"{name}: wrote {unsigned}, for {AUTHOR_PUBLIC.encode(plan.author)} to sign")


def _watch(path: Path, options: SealOptions, *, clean: bool) -> None:
    """Seal, and seal again whenever a source changes, until Ctrl-C."""
    stack = StackFile.load(path)
    sources = [stack.folder / source_of(function) for function in stack.chosen(options.names)]
    sources += [stack.folder / path for path in stack.copied_paths]
    changed = changes(sources)  # a file that is saved during the first seal counts
    run_seal(StackFile.load(path), options, clean=clean)
    options = options.without_changes()
    warn(f"watching {', '.join(map(str, sources))}; Ctrl-C ends it", "note")
    with suppress(KeyboardInterrupt):
        for _ in changed:
            try:
                run_seal(StackFile.load(path), options, clean=clean, quiet=True)
            except SealError as error:  # a file may be half saved
                complain(str(error), hint_for(error))
            except OSError as error:
                complain(reason(error), "")
