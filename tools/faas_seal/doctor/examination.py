"""Looks at all that a function needs to be sealed, built and called; changes nothing."""

from __future__ import annotations

import filecmp
import platform
import re
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import faas_sealed
from faas_sealed.formats.errors import KeyRefused, MissingKey, SealError, WrongSignature
from faas_sealed.formats.file import verify
from faas_sealed.formats.header import Header
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, author_public, key_id

from faas_seal.doctor.check import Check
from faas_seal.doctor.gateway_checks import checks_of_gateway
from faas_seal.doctor.secret_checks import checks_of_secrets
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore, read_key_file
from faas_seal.project.secrets import SecretFiles
from faas_seal.project.signatures import signed_by
from faas_seal.project.source_folder import REQUIREMENTS, source_folder
from faas_seal.project.stackfile import (
    LANGUAGE,
    Function,
    StackFile,
    gateway_address,
    sealed_file,
)
from faas_seal.project.template import find_template
from faas_seal.sealing.drift import in_step
from faas_seal.sealing.exposure import left_behind, open_to_git, warnings_for, warnings_of_project
from faas_seal.sealing.setting_checks import check_settings, unknown_settings
from faas_seal.sealing.terms import Terms

TIMEOUT_SECONDS = 3.0

_OTHER_FILE = re.compile(
    r"^[ \t]*(-[rce]|--requirement|--constraint|--editable)[ \t=]*(?!\w+(\+\w+)?://)\S+",
    re.MULTILINE,
)


def examine(path: Path, names: Sequence[str], gateway: str | None) -> Iterator[Check]:
    """Yield everything that can be said of the project with this stack file.

    Of its functions those named, or else all of ours.
    """
    yield from _programs()
    yield from _told("signing key", _signing_key())
    try:
        stack = StackFile.load(path)
        functions = stack.chosen(names)
    except SealError as error:
        yield Check("stack file", False, str(error), error.hint)
        return
    shown = ", ".join(function.name for function in functions)
    yield Check("stack file", True, f"{path}: {shown}")
    yield from _told("keys", _project(stack))
    yield from _told("template", _template(stack))
    for function in functions:
        yield from _told(function.name, _function(stack, function))
    sealed = [(function, _sealed(stack, function)) for function in functions]
    yield from checks_of_gateway(gateway_address(gateway, stack.gateway), sealed)


def _told(subject: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Yield checks; a file that cannot be read is one more finding, and not the end."""
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
        yield Check("signing key", False, str(error), error.hint)
        return
    yield Check("signing key", True, f"{path}: have you a copy of it?")


def _project(stack: StackFile) -> Iterator[Check]:
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
            yield Check("keys", False, str(error), error.hint)
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


def _function(stack: StackFile, function: Function) -> Iterator[Check]:
    name = function.name
    try:
        source = source_folder(stack, function)
    except SealError as error:
        yield Check(name, False, str(error), error.hint)
        return
    if build := left_behind(stack, name):
        yield Check(name, False, f"{build} holds the source", f"faas-seal seal --clean {name}")
    yield from _settings(function)
    yield from _requirements(name, source / REQUIREMENTS)
    path = sealed_file(stack.folder, name)
    if not path.exists():
        yield _not_sealed(name)
        return
    try:
        file = signed_by(_author_of(function), path.read_bytes(), verify)
        ids = [slot.id for slot in file.header.slots]
        own_id = _own_key_id(stack, name)
    except SealError as error:
        yield Check(name, False, str(error), error.hint or _seal_anew(function))
        return
    if own_id is not None and own_id not in ids:
        finding = f"sealed for another key: it opens with {', '.join(ids)}, and yours is {own_id}"
        step = f"put that key back, or seal for yours: faas-seal seal {name}"
        yield Check(name, False, finding, step)
        return
    try:
        unchanged = in_step(stack, name, keystore.author_seed())
    except KeyRefused as error:
        yield Check(name, None, f"not known to be in order: {error}", error.hint)
        return
    except WrongSignature as error:
        yield Check(name, False, str(error), _seal_anew(function))
        return
    except SealError as error:
        step = error.hint or f"mend that, and then: faas-seal seal {name}"
        yield Check(name, False, str(error), step)
        return
    if file.header.expires is not None and file.header.expires <= time.time():
        yield Check(name, False, "has expired", f"faas-seal seal {name}")
        return
    if not unchanged:
        finding = "the source has changed since it was sealed"
        if unchanged is None:
            finding = "sealed elsewhere, and whether the source has changed since is not known"
        yield Check(name, unchanged, finding, f"faas-seal seal {name}")
        return
    yield from checks_of_secrets(stack, function, file.header)
    for warning in warnings_for(stack, name, function.source or function.handler):
        yield Check(name, False, warning, "change the stack file")
    yield Check(name, True, f"sealed as its source is, content id {file.header.content_id}")


def _not_sealed(name: str) -> Check:
    step = f"faas-seal seal {name}"
    try:
        keystore.author_seed()
    except MissingKey:  # seal makes it
        pass
    except KeyRefused as error:
        return Check(name, False, "not sealed yet, and the signing key is refused", error.hint)
    return Check(name, False, "not sealed yet", step)


def _settings(function: Function) -> Iterator[Check]:
    try:
        check_settings(function)
    except SealError as error:
        yield Check(function.name, False, str(error), error.hint)
    for line in unknown_settings(function):
        yield Check(function.name, False, line, "mend it in the stack file")


def _requirements(name: str, path: Path) -> Iterator[Check]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return
    except UnicodeDecodeError:
        yield Check(name, False, f"{path} is not UTF-8", "save it as UTF-8")
        return
    if found := _OTHER_FILE.search(text):
        finding = f"{path} has {found[0].strip()!r}, a file that the image is built without"
        yield Check(name, False, finding, f"write into {path} what that says")


def _own_key_id(stack: StackFile, name: str) -> str | None:
    """Return the id of the project's own key, or None where only recipients open the function."""
    store = Keystore(stack.folder)
    own = Terms.load(store.terms_path(name)).own_key
    return key_id(store.function_key(name)) if own else None


def _author_of(function: Function) -> bytes:
    """Return whose signature the container wants, or else this user's."""
    named = function.environment.get("seal_author")
    return AUTHOR_PUBLIC.decode(named) if named else author_public(keystore.author_seed())


def _seal_anew(function: Function) -> str:
    """Return the command that seals a function again: seal takes nobody's place unasked."""
    command = f"faas-seal seal {function.name}"
    named, mine = function.environment.get("seal_author"), keystore.known_author()
    if not named or (mine is not None and named == AUTHOR_PUBLIC.encode(mine)):
        return command
    return f"{command} --author-key-file FILE, of its author; or {command} --new-author"


def _sealed(stack: StackFile, function: Function) -> Header | None:
    """Return the header of a function's sealed file, or None where that is not in order."""
    try:
        path = sealed_file(stack.folder, function.name)
        return signed_by(_author_of(function), path.read_bytes(), verify).header
    except (OSError, SealError):
        return None
