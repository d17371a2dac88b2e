"""Checks of a function's secrets."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator

from faas_sealed.formats.errors import KeyRefused
from faas_sealed.formats.header import Header

from faas_seal.doctor.check import Check
from faas_seal.project.secrets import SecretFiles, secrets_of, transport_public, transport_secret
from faas_seal.project.stackfile import Function, StackFile


def checks_of_secrets(stack: StackFile, function: Function, header: Header) -> Iterator[Check]:
    """Yield the checks of the secrets of a function. `header` is its sealed file's."""
    name = function.name
    seal = f"faas-seal seal {name}"
    if header.transport is not None and not function.environment.get("seal_transport"):
        finding = "sealed with a transport key, and the stack file sets no seal_transport"
        yield Check(name, False, finding, seal)
    for secret in secrets_of(function):
        if secret not in function.secrets:
            finding = f"its settings name the secret {secret}, which is not under secrets"
            yield Check(name, False, finding, f"add secrets: [{secret}] to functions.{name}")
    if header.transport is not None:
        yield from _transport(stack, function, header.transport)


def _transport(stack: StackFile, function: Function, public: bytes) -> Iterator[Check]:
    name = function.name
    files = SecretFiles(stack.folder)
    path = files.path(transport_secret(function))
    shown = shlex.quote(str(path))
    try:
        publics = [transport_public(seed) for seed in files.transport_seeds(path.name)]
    except KeyRefused as error:
        yield Check.of_error(name, error, f"ls -l {shown}")
        return
    if not publics:
        finding = f"{path} is not here: a new gateway cannot get it from you"
        yield Check(name, None, finding, "restore it from your copy")
        return
    if public not in publics:
        finding = f"{path} does not fit the sealed file: the function would not start"
        yield Check(name, False, finding, f"faas-seal seal {name}")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    folder_mode = stat.S_IMODE(files.folder.stat().st_mode)
    if (mode | folder_mode) & 0o022:
        step = f"chmod go-w {shlex.quote(str(files.folder))} {shown}"
        yield Check(name, False, f"others can write to {path}, or put a file in its place", step)
    elif not (mode & 0o004 and folder_mode & 0o001):
        finding = f"the container of faas-cli local-run cannot read {path}; a gateway's can"
        step = f"chmod o+x {shlex.quote(str(files.folder))}; chmod o+r {shown}"
        yield Check(name, None, finding, step)
