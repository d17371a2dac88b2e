"""Looks at all that a function needs to be sealed, built and called; changes nothing."""

from __future__ import annotations

import filecmp
import platform
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import faas_sealed
import requests
from faas_sealed.formats.errors import MalformedKey, MissingKey, SealError
from faas_sealed.formats.file import SealedFile, verify
from faas_sealed.formats.keys import FUNCTION_KEY

from faas_seal import keystore
from faas_seal.client import HEADER
from faas_seal.keystore import Keystore, read_key_file
from faas_seal.local.template import find_template
from faas_seal.remains import left_behind, warnings_for, warnings_of_project
from faas_seal.sealing import SEALED_FILE, plan, sealed_folder
from faas_seal.stackfile import LANGUAGE, Function, StackFile

TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `passed` is None for what is not needed, or not known."""

    subject: str
    passed: bool | None
    finding: str
    next_step: str = ""


def examine(path: Path, gateway: str | None) -> Iterator[Check]:
    """Yield everything that can be said of the project with this stack file."""
    yield from _programs()
    yield from _signing_key()
    try:
        stack = StackFile.load(path)
        functions = [function for function in stack.functions.values() if function.sealed_lang]
    except SealError as error:
        yield Check("stack file", False, str(error), error.hint)
        return
    names = ", ".join(function.name for function in functions)
    yield Check(
        "stack file",
        bool(functions),
        f"{path}: {names or f'no function with lang: {LANGUAGE}'}",
        "" if functions else "faas-seal new greet",
    )
    yield from _project(stack)
    yield from _template(stack)
    for function in functions:
        yield from _function(stack, function)
    yield from _gateway(gateway or stack.gateway, functions)


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
    try:
        keystore.author_seed()
    except SealError as error:
        yield Check("signing key", False, str(error), error.hint)
        return
    yield Check("signing key", True, f"{path}: have you a copy of it?")


def _project(stack: StackFile) -> Iterator[Check]:
    folder = Keystore(stack.folder).folder
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Check("keys", False, f"others can look into {folder}", f"chmod 700 {folder}")
    for path in sorted(folder.glob("*.key")):
        try:
            read_key_file(path, FUNCTION_KEY)
        except SealError as error:
            yield Check("keys", False, str(error), error.hint)
    for warning in warnings_of_project(stack):
        yield Check("keys", False, warning, "faas-seal keygen, and deploy with the new key")


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
    if build := left_behind(stack, name):
        yield Check(name, False, f"{build} holds the source", f"faas-seal seal --clean {name}")
    path = sealed_folder(stack.folder, name) / SEALED_FILE
    try:
        file = _verified(path)
        if file is None:
            yield Check(name, False, "not sealed yet", f"faas-seal seal {name}")
            return
        if not _in_step(stack, name):
            yield Check(name, False, "the source has changed since", f"faas-seal seal {name}")
            return
    except (MissingKey, MalformedKey) as error:
        yield Check(name, None, f"sealed, but {error}", error.hint)
        return
    except SealError as error:
        yield Check(name, False, str(error), error.hint or f"faas-seal seal {name}")
        return
    if file.header.expires is not None and file.header.expires <= time.time():
        yield Check(name, False, "has expired", f"faas-seal seal {name}")
        return
    for warning in warnings_for(stack, name, function.source or function.handler):
        yield Check(name, False, warning, "change the stack file")
    yield Check(name, True, f"sealed as its source is, content id {file.header.content_id}")


def _verified(path: Path) -> SealedFile | None:
    author = keystore.known_author()
    if not path.exists() or author is None:
        return None
    return verify(path.read_bytes(), author)


def _in_step(stack: StackFile, name: str) -> bool:
    function_key = Keystore(stack.folder).function_key(name)
    return plan(stack, name, keystore.author_seed(), function_key).file is None


def _gateway(url: str, functions: list[Function]) -> Iterator[Check]:
    if not url:
        yield Check("gateway", None, "the stack file names none")
        return
    try:
        requests.get(f"{url}/healthz", timeout=TIMEOUT_SECONDS)
    except requests.RequestException:
        yield Check("gateway", None, f"{url} does not answer", "faas-seal local-run")
        return
    yield Check("gateway", True, f"{url} answers")
    for function in functions:
        yield _header_arrives(f"{url}/function/{function.name}", function.name)


def _header_arrives(url: str, name: str) -> Check:
    """Ask with what is no key: only who has seen the header says that it is malformed."""
    try:
        answer = requests.get(url, headers={HEADER: "no key"}, timeout=TIMEOUT_SECONDS)
        kind = str(answer.json().get("type", "")).rpartition(":")[2]
    except (requests.RequestException, ValueError, AttributeError):
        return Check(name, None, f"not deployed at {url}", "faas-seal up")
    if kind == "malformed-key":
        return Check(name, True, f"deployed at {url}, and the key header arrives")
    if kind == "missing-key":
        return Check(
            name,
            False,
            f"{HEADER} does not arrive at {url}",
            "something on the way removes it: look at the ingress, or call the gateway itself",
        )
    return Check(name, None, f"{url} answers {answer.status_code} {kind}")
