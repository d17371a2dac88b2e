"""A seal whose notes, warnings and results are printed: several verbs begin with one."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click
from faas_sealed.formats.keys import AUTHOR_PUBLIC, TRANSPORT_PUBLIC, key_id

from faas_seal.cli.printing import say, say_json, warn
from faas_seal.project.secrets import creation, transport_secret
from faas_seal.project.source_folder import source_of
from faas_seal.project.stackfile import StackFile
from faas_seal.sealing.exposure import left_behind, source_in_git
from faas_seal.sealing.options import SealOptions
from faas_seal.sealing.plan import Plan
from faas_seal.sealing.seal import Seal, plan_seal
from faas_seal.sealing.writing import write_function_key, write_transport_secret

OLD_COPIES = "a copy of what was sealed before stays readable to whoever could read it"


def run_seal(
    stack: StackFile,
    options: SealOptions,
    *,
    clean: bool = False,
    as_json: bool = False,
    quiet: bool = False,
) -> Seal:
    """Seal functions of a stack file, write everything, and print notes and results.

    `clean` removes build folders that hold plaintext, and does not ask. `quiet` prints
    nothing about functions that have not changed.
    """
    seal = plan_seal(stack, options)
    if path := seal.write_author_key():
        warn(f"made your signing key {path}: keep a copy of it", "note")
    for plan in seal.plans:
        write_keys(plan)
        if plan.locked_out:
            warn(_locked_out(plan))
    seal.write()
    for message in seal.warnings():
        warn(message)
    if not quiet or any(plan.file is not None for plan in seal.plans):
        for message in seal.notes():
            warn(message, "note")
    for plan in seal.plans:
        for recipient in plan.dropped:
            warn(
                f"once {plan.name} is deployed, {recipient} can no longer call it; {OLD_COPIES}",
                "note",
            )
    for plan in seal.plans:
        _clear(left_behind(stack, plan.name), clean)
        source = source_of(plan.function)
        if seal.edits_stack_file and source_in_git(stack, source):
            warn(f"git tracks {source}: whoever reads that repository reads the source", "note")
    if as_json:
        say_json({plan.name: _result(plan) for plan in seal.plans})
        return seal
    for plan in seal.plans:
        if plan.file is not None or not quiet:
            _report(plan)
    if seal.edits_stack_file:
        say(f"{stack.path}: names what is sealed now")
    return seal


def write_keys(plan: Plan) -> None:
    """Write the new keys of a plan, and print where they are and who needs them."""
    if path := write_function_key(plan):
        warn(f"made the function key {path}", "note")
    if path := write_transport_secret(plan):
        secret = transport_secret(plan.function)
        command = shlex.join(creation(secret, path, plan.stack, plan.function))
        warn(
            f"made the transport secret {path}. The gateway needs it before {plan.name}: "
            f"faas-seal up brings it there, or: {command}",
            "note",
        )


def _locked_out(plan: Plan) -> str:
    old = ", ".join(plan.locked_out)
    said = f"callers with key {old} can no longer call {plan.name} once this is deployed"
    if plan.function_key is None:
        return said
    return (
        f"{said}: it opens with key {key_id(plan.function_key)} now. "
        f"To keep their key: faas-seal seal {plan.name} --key-file FILE"
    )


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


def _result(plan: Plan) -> dict[str, object]:
    return {
        "folder": str(plan.folder),
        "changed": plan.file is not None,
        "key_id": plan.function_key and key_id(plan.function_key),
        "recipients": [recipient.id for recipient in plan.terms.recipients],
        "transport": plan.transport and TRANSPORT_PUBLIC.encode(plan.transport),
        "left_out": list(plan.source.left_out),
        "taken_along": list(plan.source.taken_along),
        "preload": list(plan.source.libraries),
    }


def _report(plan: Plan) -> None:
    if plan.file is None:
        say(f"{plan.name}: unchanged, sealed in {plan.folder}")
        return
    say(f"{plan.name}: sealed into {plan.folder}, content id {plan.file.header.content_id}")
    if recipients := plan.terms.recipients:
        say(f"{plan.name}: opens for {', '.join(recipient.shown for recipient in recipients)}")
        author = AUTHOR_PUBLIC.encode(plan.author)
        say(f"{plan.name}: they call it with faas-seal invoke URL --author {author}")
    if plan.source.left_out:
        say(f"{plan.name}: left out {', '.join(plan.source.left_out)}")
