"""What `seal` does, once: `rotate` and `up` do the same."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    TRANSPORT_PUBLIC,
    author_public,
    key_id,
)
from faas_sealed.formats.primitives import KEY_BYTES

from faas_seal.cli.common import say, say_json, warn
from faas_seal.errors import UsageError
from faas_seal.project import keystore
from faas_seal.project.keystore import KeySource, Keystore
from faas_seal.project.secrets import SecretFiles, creation, transport_secret
from faas_seal.project.stackfile import Function, StackFile
from faas_seal.sealing.imports import unexplained
from faas_seal.sealing.opening import Opening, gather
from faas_seal.sealing.plan import Plan, plan, point_to_sealed, write
from faas_seal.sealing.setting_checks import check_settings, unknown_settings
from faas_seal.sealing.terms import NO_CHANGE, Change, Terms
from faas_seal.sealing.warnings import left_behind, source_in_git, warnings_for, warnings_of_project

OLD_COPIES = "A copy of what was sealed before stays readable to whoever could read it."


@dataclass(frozen=True)
class Order:
    """What one command line asks for.

    `change` is what becomes of the terms that each function has; `transport` is a
    transport public key (1,216 bytes) whose secret is elsewhere; `anew` seals what has not
    changed, too.
    """

    names: tuple[str, ...]
    key: KeySource
    author_key: KeySource
    change: Change = NO_CHANGE
    transport: bytes | None = field(default=None, repr=False)
    new_author: bool = False
    clean: bool = False
    anew: bool = False


def seal_once(path: Path, order: Order, *, as_json: bool = False, quiet: bool = False) -> None:
    """Seal what is ordered; `quiet` says nothing of functions that have not changed."""
    stack = StackFile.load(path)
    chosen = stack.chosen(order.names)
    if (order.key or order.transport) and len(chosen) > 1:
        raise UsageError("one key cannot be for several functions", hint="name one function")
    if order.key.file == order.author_key.file == "-":
        raise UsageError("both keys cannot come from standard input")
    store = Keystore(stack.folder)
    seed, seed_is_new = _signing_key(order.author_key)
    given = order.key.read(FUNCTION_KEY) if order.key else None
    plans, dropped = [], []
    for function in chosen:
        check_settings(function)
        before = Terms.load(store.terms_path(function.name))
        after = changed_terms(before, order, function.name)
        dropped += [
            (function.name, invoker.shown)
            for invoker in before.invokers
            if invoker.id not in after.ids
        ]
        opening = gather(
            stack,
            function,
            author_public(seed),
            after,
            function_key=given,
            transport=order.transport,
            new_author=order.new_author,
        )
        plans.append(
            plan(
                stack,
                function.name,
                seed,
                opening,
                new_author=order.new_author,
                anew=order.anew,
            )
        )
    edited = point_to_sealed(stack, plans, author_public(seed))
    # Nothing is written before every function is known to be in order.
    if seed_is_new:
        path = keystore.add_author(seed)
        warn(f"made your signing key {path}: keep a copy of it", "note")
    for item in plans:
        write_keys(stack, store, item.function, item.opening)
        if item.locked_out:
            warn(_lock_out(item))
    write(plans, stack, edited)
    for message in _warnings(edited, plans):
        warn(message)
    for name, invoker in dropped:
        warn(f"once {name} is deployed, {invoker} can call it no more. {OLD_COPIES}", "note")
    for item in plans:
        _clear(left_behind(stack, item.function.name), order.clean)
        if edited is not stack and source_in_git(stack, item.source):
            warn(f"git tracks {item.source}: let nobody read that repository but who may", "note")
    if as_json:
        say_json({item.function.name: _result(item) for item in plans})
        return
    for item in plans:
        if item.file is not None or not quiet:
            _report(item)
    if edited is not stack:
        say(f"{stack.path}: names what is sealed now")


def changed_terms(before: Terms, order: Order, name: str) -> Terms:
    """Return the terms that are ordered, or raise UsageError for those that have ended."""
    terms = order.change.of(before)
    if terms.expires is not None and terms.expires <= time.time():
        raise UsageError(
            f"{name} is sealed to expire, and the time has come",
            hint=f"faas-seal seal {name} --expires 30d, or --expires never",
        )
    return terms


def _signing_key(source: KeySource) -> tuple[bytes, bool]:
    if source:
        return source.read(AUTHOR_SEED), False
    if keystore.author_key_path().exists():
        return keystore.author_seed(), False
    return os.urandom(KEY_BYTES), True


def write_keys(stack: StackFile, store: Keystore, function: Function, opening: Opening) -> None:
    """Write the keys that were made for a function, and say what is to be done with them."""
    name = function.name
    if opening.function_key is not None and opening.new_function_key:
        warn(f"made the function key {store.add(name, opening.function_key)}", "note")
    if opening.new_transport_seed is not None:
        secret = transport_secret(function)
        files = SecretFiles(stack.folder)
        path = files.write_transport(secret, name, [opening.new_transport_seed])
        command = shlex.join(creation(secret, path, stack, function))
        warn(
            f"made the transport secret {path}. The gateway needs it before {name}: faas-seal up "
            f"brings it there, or: {command}",
            "note",
        )


def _lock_out(item: Plan) -> str:
    name, old = item.function.name, ", ".join(item.locked_out)
    if item.opening.function_key is None:
        return f"callers with key {old} can no longer call {name} once this is deployed"
    new = key_id(item.opening.function_key)
    return (
        f"callers with key {old} can no longer call {name} once this is deployed: it opens with "
        f"key {new} now. To keep theirs: faas-seal seal {name} --key-file FILE"
    )


def _warnings(stack: StackFile, plans: list[Plan]) -> Iterator[str]:
    yield from warnings_of_project(stack)
    for item in plans:
        name = item.function.name
        yield from warnings_for(stack, name, item.source)
        yield from unknown_settings(item.function)
        for module in item.own_modules:
            yield f"{name} imports {module}, a module of its own: from .{module} import …"
        if item.opening.transport is None and (secret := _named_in_vain(stack, name)):
            yield (
                f"{stack.path.name} still gives {name} the secret {secret}, which it does not "
                "need: take it out of secrets and of environment"
            )
        for invoker in item.opening.terms.invokers:
            if invoker.expires is not None and invoker.expires <= time.time():
                yield f"{name} no longer opens for {invoker.shown}, whose key has expired"
        missing = unexplained(item.preload, item.requirements.decode(errors="replace"))
        if missing:
            yield f"{name} imports {', '.join(missing)}, which requirements.txt lacks"


def _named_in_vain(stack: StackFile, name: str) -> str:
    function = stack.function(name)
    return transport_secret(function) if function.environment.get("seal_transport") else ""


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


def _result(item: Plan) -> dict[str, object]:
    key, transport = item.opening.function_key, item.opening.transport
    return {
        "folder": str(item.folder),
        "changed": item.file is not None,
        "key_id": key and key_id(key),
        "recipients": [invoker.id for invoker in item.opening.terms.invokers],
        "transport": transport and TRANSPORT_PUBLIC.encode(transport),
        "left_out": list(item.left_out),
        "preload": list(item.preload),
    }


def _report(item: Plan) -> None:
    name = item.function.name
    if item.file is None:
        say(f"{name}: unchanged, sealed in {item.folder}")
        return
    say(f"{name}: sealed into {item.folder}, content id {item.file.header.content_id}")
    if invokers := item.opening.terms.invokers:
        say(f"{name}: opens for {', '.join(invoker.shown for invoker in invokers)}")
        author = AUTHOR_PUBLIC.encode(item.file.header.author)
        say(f"{name}: they call it with faas-seal invoke URL --author {author}")
    if item.left_out:
        say(f"{name}: left out {', '.join(item.left_out)}")
