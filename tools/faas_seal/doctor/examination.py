"""The examination of a project: everything that a function needs to be sealed, built and called.

Nothing is changed.
"""

from __future__ import annotations

import filecmp
import platform
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import faas_sealed
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import FUNCTION_KEY

from faas_seal.doctor.check import Check
from faas_seal.doctor.function_checks import FunctionChecks
from faas_seal.doctor.gateway_checks import checks_of_gateway
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore, read_key_file
from faas_seal.project.secrets import SecretFiles
from faas_seal.project.stackfile import LANGUAGE, StackFile, gateway_address
from faas_seal.project.template import find_template
from faas_seal.sealing.exposure import open_to_git, warnings_of_project

TIMEOUT_SECONDS = 3.0


def examine(path: Path, names: Sequence[str], gateway: str | None) -> Iterator[Check]:
    """Yield the checks of the project with this stack file.

    If no function is named, all that are built from our template are checked.
    """
    yield from _programs()
    yield from _told("signing key", _signing_key())
    try:
        stack = StackFile.load(path)
        functions = stack.chosen(names)
    except SealError as error:
        yield Check.of_error("stack file", error)
        return
    shown = ", ".join(function.name for function in functions)
    yield Check("stack file", True, f"{path}: {shown}")
    yield from _told("keys", _keys(stack))
    yield from _told("template", _template(stack))
    looked_at = [FunctionChecks(stack, function) for function in functions]
    for each in looked_at:
        yield from _told(each.name, each.checks())
    address = gateway_address(gateway, stack.gateway)
    yield from checks_of_gateway(address, [(each.function, each.header) for each in looked_at])


def _told(subject: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Yield checks, and one more for a file that cannot be read: the examination goes on."""
    try:
        yield from checks
    except OSError as error:
        name = str(error.filename)
        yield Check(subject, False, f"{name}: {error.strerror}", f"ls -ld {shlex.quote(name)}")


def _programs() -> Iterator[Check]:
    yield Check("faas-seal", True, f"{faas_sealed.__version__}, Python {platform.python_version()}")
    for program, question, purpose in (
        ("faas-cli", ("version", "--short-version"), "to build and deploy"),
        ("docker", ("version", "--format", "{{.Server.Version}}"), "to build"),
    ):
        if shutil.which(program) is None:
            yield Check(program, None, f"not on PATH; needed {purpose}, not for local-run")
            continue
        answer = _ask(program, *question)
        if answer is None:
            yield Check(program, None, "does not answer; is its daemon running?")
        else:
            yield Check(program, True, answer.splitlines()[0] if answer else "found")


def _ask(*command: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _signing_key() -> Iterator[Check]:
    path = keystore.author_key_path()
    if not path.exists():
        yield Check("signing key", None, f"none yet at {path}; seal makes it")
        return
    yield from _open_folder("signing key", path.parent)
    try:
        keystore.author_seed()
    except SealError as error:
        yield Check.of_error("signing key", error)
        return
    yield Check("signing key", True, f"{path}: have you a copy of it?")


def _keys(stack: StackFile) -> Iterator[Check]:
    folder = Keystore(stack.folder).folder
    if folder.exists():
        yield from _open_folder("keys", folder)
    for private in (folder, SecretFiles(stack.folder).folder):
        if private.exists() and open_to_git(stack.folder, private.name):
            ignore = shlex.quote(str(private / ".gitignore"))
            yield Check("keys", False, f"git does not ignore {private}", f"echo '*' > {ignore}")
    for path in sorted(folder.glob("*.key")):
        try:
            read_key_file(path, FUNCTION_KEY)
        except SealError as error:
            yield Check.of_error("keys", error)
    for warning in warnings_of_project(stack):
        yield Check("keys", False, warning, "take it out, and replace the keys")


def _open_folder(subject: str, folder: Path) -> Iterator[Check]:
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        step = f"chmod 700 {shlex.quote(str(folder))}"
        yield Check(subject, False, f"others can look into {folder}", step)


def _template(stack: StackFile) -> Iterator[Check]:
    own = stack.folder / "template" / LANGUAGE
    if not own.is_dir():
        yield Check("template", None, f"not at {own}; faas-cli build will want it")
        return
    shipped = find_template(Path("/nowhere"), LANGUAGE).folder
    names = [path.relative_to(shipped).as_posix() for path in shipped.rglob("*") if path.is_file()]
    names = [name for name in names if "__pycache__" not in name]
    _, different, absent = filecmp.cmpfiles(own, shipped, names, shallow=False)
    if different or absent:
        yield Check(
            "template",
            False,
            f"{own} is not the one of this command: {', '.join((different + absent)[:3])}",
            f"rm -r {own} && faas-cli template pull URL --overwrite, or upgrade faas-seal",
        )
    else:
        yield Check("template", True, f"{own} is the one of this command")
