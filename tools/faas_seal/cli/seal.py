from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import click
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import AUTHOR_SEED, FUNCTION_KEY, author_public, key_id
from faas_sealed.formats.primitives import KEY_BYTES

from faas_seal import keystore
from faas_seal.cli.common import (
    complain,
    function_names,
    json_option,
    key_options,
    reason,
    say,
    say_json,
    stack_option,
    warn,
)
from faas_seal.errors import UsageError
from faas_seal.imports import unexplained
from faas_seal.keystore import KeySource, Keystore
from faas_seal.remains import left_behind, source_in_git, warnings_for, warnings_of_project
from faas_seal.sealing import Plan, plan, point_to_sealed, source_of, write
from faas_seal.stackfile import StackFile, find
from faas_seal.watching import changes


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1, shell_complete=function_names)
@stack_option
@click.option("--new-author", is_flag=True, help="Take over functions of another author.")
@click.option("--clean", is_flag=True, help="Remove build folders that hold plaintext.")
@click.option("--watch", is_flag=True, help="Seal again whenever the source changes.")
@key_options("key", "function key")
@key_options("author-key", "signing key")
@json_option
def seal(
    names: tuple[str, ...],
    stack_option: str | None,
    new_author: bool,
    clean: bool,
    watch: bool,
    key: KeySource,
    author_key: KeySource,
    as_json: bool,
) -> None:
    """Seal functions of the stack file: all of them, or those named.

    \b
      faas-seal seal greet
      faas-cli up

    Encrypts and signs the handler's folder into sealed/NAME/, and points the stack file
    there, so that faas-cli builds ciphertext. Where the source lies is kept in the stack
    file under x-faas-seal. Source that has not changed changes nothing.

    Missing keys are made: the function key in .faas-seal/, your signing key in
    ~/.config/faas-seal/. Files that .sealignore names (in the syntax of .gitignore) are
    left out; without one tests, caches, .env and key files are.

    With --watch beside local-run the next call has what was just saved:

    \b
      faas-seal seal greet --watch
    """
    if watch and (as_json or "-" in (key.file, author_key.file)):
        raise UsageError("--watch goes neither with --json nor with keys from standard input")
    path = find(stack_option)
    once = partial(
        _seal, path, names, new_author=new_author, clean=clean, key=key, author_key=author_key
    )
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


def _seal(
    path: Path,
    names: tuple[str, ...],
    *,
    new_author: bool,
    clean: bool,
    key: KeySource,
    author_key: KeySource,
    as_json: bool = False,
    quiet: bool = False,
) -> None:
    """Seal once; `quiet` says nothing of functions that have not changed."""
    stack = StackFile.load(path)
    chosen = [function.name for function in stack.chosen(names)]
    if key and len(chosen) > 1:
        raise UsageError("one key cannot be for several functions", hint="name one function")
    if key.file == author_key.file == "-":
        raise UsageError("both keys cannot come from standard input")
    store = Keystore(stack.folder)
    seed, seed_is_new = _signing_key(author_key)
    keys = {name: _function_key(store, key, name) for name in chosen}
    plans = [
        plan(stack, name, seed, function_key, new_author=new_author)
        for name, (function_key, _) in keys.items()
    ]
    edited = point_to_sealed(stack, plans, author_public(seed))
    # Nothing is written before every function is known to be in order.
    if seed_is_new:
        path = keystore.add_author(seed)
        warn(f"made your signing key {path}: keep a copy of it", "note")
    for item in plans:
        function_key, is_new = keys[item.function.name]
        if is_new:
            warn(f"made the function key {store.add(item.function.name, function_key)}", "note")
        if item.locked_out:
            warn(_lock_out(item, key_id(function_key)))
    write(plans, stack, edited)
    for message in _warnings(edited, plans):
        warn(message)
    for item in plans:
        _clear(left_behind(stack, item.function.name), clean)
        if edited is not stack and source_in_git(stack, item.source):
            warn(f"git tracks {item.source}: let nobody read that repository but who may", "note")
    if as_json:
        say_json({item.function.name: _result(item, keys[item.function.name][0]) for item in plans})
        return
    for item in plans:
        if item.file is not None or not quiet:
            _report(item)
    if edited is not stack:
        say(f"{stack.path}: points to sealed/ now")


def _lock_out(item: Plan, new: str) -> str:
    name, old = item.function.name, ", ".join(item.locked_out)
    return (
        f"callers with key {old} can no longer call {name} once this is deployed: it opens with "
        f"key {new} now. To keep theirs: faas-seal seal {name} --key-file FILE"
    )


def _signing_key(source: KeySource) -> tuple[bytes, bool]:
    if source:
        return source.read(AUTHOR_SEED), False
    if keystore.author_key_path().exists():
        return keystore.author_seed(), False
    return os.urandom(KEY_BYTES), True


def _function_key(store: Keystore, source: KeySource, name: str) -> tuple[bytes, bool]:
    if source:
        return source.read(FUNCTION_KEY), False
    if store.path(name).exists():
        return store.function_key(name), False
    return os.urandom(KEY_BYTES), True


def _warnings(stack: StackFile, plans: list[Plan]) -> Iterator[str]:
    yield from warnings_of_project(stack)
    for item in plans:
        name = item.function.name
        yield from warnings_for(stack, name, item.source)
        for module in item.own_modules:
            yield f"{name} imports {module}, a module of its own: from .{module} import …"
        missing = unexplained(item.preload, item.requirements.decode(errors="replace"))
        if missing:
            yield f"{name} imports {', '.join(missing)}, which requirements.txt lacks"


def _clear(build: Path | None, clean: bool) -> None:
    """Remove a build folder that holds plaintext, if the user wants that."""
    if build is None:
        return
    warn(
        f"{build} holds the source, left there by a build before sealing. "
        "A remote builder or a registry may have got it then"
    )
    ask = sys.stdin.isatty() and sys.stderr.isatty()
    if clean or (ask and click.confirm(f"Remove {build}?", err=True)):
        shutil.rmtree(build)
        warn(f"removed {build}", "note")
    elif not ask:
        warn(f"faas-seal seal --clean {build.name} removes it", "note")


def _result(item: Plan, function_key: bytes) -> dict[str, object]:
    return {
        "folder": str(item.folder),
        "changed": item.file is not None,
        "key_id": key_id(function_key),
        "left_out": list(item.left_out),
        "preload": list(item.preload),
    }


def _report(item: Plan) -> None:
    name = item.function.name
    if item.file is None:
        say(f"{name}: unchanged, sealed in {item.folder}")
        return
    say(f"{name}: sealed into {item.folder}, content id {item.file.header.content_id}")
    if item.left_out:
        say(f"{name}: left out {', '.join(item.left_out)}")
