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
import requests
from faas_sealed.formats.errors import FileRefused, KeyRefused, MalformedKey, MissingKey, SealError
from faas_sealed.formats.file import verify
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, key_id

from faas_seal import keystore
from faas_seal.addresses import is_loopback
from faas_seal.author.draft import REQUIREMENTS, source_folder
from faas_seal.author.remains import left_behind, open_to_git, warnings_for, warnings_of_project
from faas_seal.author.sealing import in_step
from faas_seal.author.secretchecks import checks_of_secrets
from faas_seal.author.secretfiles import SecretFiles
from faas_seal.caller.problems import problem_in
from faas_seal.caller.tokens import HEADER
from faas_seal.check import Check
from faas_seal.keystore import Keystore, read_key_file
from faas_seal.local.template import find_template
from faas_seal.stackfile import (
    LANGUAGE,
    SEALED_FILE,
    Function,
    StackFile,
    gateway_address,
    sealed_folder,
)

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
    yield from _gateway(gateway_address(gateway, stack.gateway), functions)


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
    yield from _requirements(name, source / REQUIREMENTS)
    path = sealed_folder(stack.folder, name) / SEALED_FILE
    try:
        if not path.exists():
            yield _not_sealed(name)
            return
        author = keystore.known_author() or _named_author(function)
        file = verify(path.read_bytes(), author)
        key = Keystore(stack.folder).function_key(name)
        unchanged = in_step(stack, name, keystore.author_seed())
    except KeyRefused as error:
        yield Check(name, None, f"not known to be in order: {error}", error.hint)
        return
    except FileRefused as error:
        yield Check(name, False, str(error), error.hint or f"faas-seal seal {name}")
        return
    except SealError as error:
        step = error.hint or f"mend that, and then: faas-seal seal {name}"
        yield Check(name, False, str(error), step)
        return
    ids = [slot.id for slot in file.header.slots]
    if key_id(key) not in ids:
        finding = f"sealed for another key: it opens with {', '.join(ids)}, and yours is "
        step = f"put that key back, or seal for yours: faas-seal seal {name}"
        yield Check(name, False, finding + key_id(key), step)
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


def _named_author(function: Function) -> bytes:
    """Return the author that the stack file names, for those who have no signing key."""
    return AUTHOR_PUBLIC.decode(function.environment.get("seal_author", ""))


def _gateway(url: str, functions: Sequence[Function]) -> Iterator[Check]:
    try:
        _get(f"{url}/healthz")
    except requests.RequestException:
        yield Check("gateway", None, f"{url} does not answer", "faas-seal local-run")
        return
    yield Check("gateway", True, f"{url} answers")
    for function in functions:
        yield _header_arrives(f"{url}/function/{function.name}", function.name)


def _header_arrives(url: str, name: str) -> Check:
    """Ask with what is no key: only who has seen the header says that it is malformed."""
    try:
        answer = _get(url, {HEADER: "no key"})
    except requests.Timeout:
        finding = f"{url} has not answered within {TIMEOUT_SECONDS:.0f} s"
        return Check(name, None, finding, "try again: it may be starting")
    except requests.RequestException:
        return Check(name, None, f"{url} does not answer", "faas-seal up")
    problem = problem_in(answer)
    if problem is not None and problem.error is MalformedKey:
        return Check(name, True, f"deployed at {url}, and the key header arrives")
    if problem is not None and problem.error is MissingKey:
        return Check(
            name,
            False,
            f"{HEADER} does not arrive at {url}",
            "something on the way removes it: look at the ingress, or call the gateway itself",
        )
    if problem is None and answer.ok and not answer.is_redirect:
        return Check(name, False, f"what answers at {url} is not sealed", "faas-seal up")
    if answer.status_code == 404:
        return Check(name, None, f"not deployed at {url}", "faas-seal up")
    said = problem.error.title if problem else answer.reason
    return Check(name, None, f"{url} answers {answer.status_code}: {said}")


def _get(url: str, headers: dict[str, str] | None = None) -> requests.Response:
    with requests.Session() as session:
        # As in a call: no proxy for this machine's own addresses, and no redirect.
        session.trust_env = not is_loopback(url)
        return session.get(url, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
