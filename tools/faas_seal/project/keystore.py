"""Where keys lie and where else they may come from: a file, a variable, a command.

A project's function keys lie in `.faas-seal/` beside its stack file, the author's
signing key in the user's configuration folder. No key is ever overwritten, and none
is read from a file that other users can read.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faas_sealed.formats.errors import KeyRefused, MalformedKey, MissingKey
from faas_sealed.formats.header import FUNCTION_NAME
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    SESSION,
    TextForm,
    author_public,
    key_id,
    key_lines,
)

from faas_seal.errors import InsecureKeyFile, KeyExists, UsageError
from faas_seal.project.files import hide_from_git
from faas_seal.project.stackfile import check_name, sealed_file

FOLDER = ".faas-seal"

_BY_HAND = "run it by hand, without a shell's pipes and variables: it must print the key alone"
_AUTHOR_WAY_BACK = (
    "restore it from your copy; faas-seal keygen --author makes a new one, for new functions"
)


class Keystore:
    """The folder `.faas-seal/` of one project: function keys, and what `seal` remembers."""

    def __init__(self, project: Path) -> None:
        self.folder = project / FOLDER

    def path(self, name: str) -> Path:
        """Return where the function key of `name` lies, whether it is there or not."""
        return self.folder / f"{check_name(name)}.key"

    def function_key(self, name: str) -> bytes:
        """Return the function key (32 bytes) of `name`, or raise MissingKey."""
        path = self.path(name)
        if not path.exists():
            raise MissingKey(
                f"there is no function key for {name}: {path} does not exist",
                hint=self.way_back(name),
            )
        return read_key_file(path, FUNCTION_KEY)

    def way_back(self, name: str) -> str:
        """Return what gives `name` a key that opens it: what is deployed opens with no new one."""
        path = self.path(name)
        if sealed_file(self.folder.parent, name).exists():
            return (
                f"restore {path} from your copy; without one, faas-seal seal {name} makes a new "
                "key: deploy again, and give it to the callers"
            )
        return f"faas-seal seal {name} makes it"

    def add(self, name: str, key: bytes) -> Path:
        """Write a new function key and return where it lies, or raise KeyExists."""
        path = self.path(name)
        self.prepare()
        write_function_key(path, name, key)
        return path

    def terms_path(self, name: str) -> Path:
        """Return where `seal` remembers the terms of `name` (faas_seal.sealing.terms)."""
        return self.folder / f"{check_name(name)}.terms"

    def function_keys(self) -> Iterator[bytes]:
        """Yield every function key of the project."""
        for path in sorted(self.folder.glob("*.key")):
            yield read_key_file(path, FUNCTION_KEY)

    def prepare(self) -> None:
        """Make the folder, closed to other users and ignored by git."""
        private_folder(self.folder)
        hide_from_git(self.folder)


@dataclass(frozen=True)
class KeySource:
    """Where one key shall come from instead of the keystore; nowhere if all are None.

    `file` is a path or `-` for standard input, `variable` the name of an environment
    variable, `command` is split as a shell would and run without one.
    """

    file: str | None = None
    variable: str | None = None
    command: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.file, self.variable, self.command))

    def read(self, form: TextForm) -> bytes:
        """Return the key's bytes, or raise KeyRefused."""
        if self.file == "-":
            return parse_key(sys.stdin.read(), form, "standard input")
        if self.file is not None:
            return read_key_file(Path(self.file), form)
        if self.variable is not None:
            if self.variable not in os.environ:
                raise MissingKey(
                    f"the environment variable {self.variable} is not set",
                    hint=f"export it, with a key's text: {form.prefix}…",
                )
            return parse_key(os.environ[self.variable], form, f"the variable {self.variable}")
        if self.command is not None:
            return parse_key(_output(self.command), form, "the command's output")
        raise UsageError("no key was given")


def write_function_key(path: Path, name: str, key: bytes) -> None:
    """Write a function key where nothing is yet, or raise KeyExists."""
    write_key_file(path, FUNCTION_KEY, key, f"function key of {name}, id {key_id(key)}")


def keep_session(path: Path, name: str, session: str) -> None:
    """Write the session of a call, `fss1_…`, where nothing is yet, or raise KeyExists."""
    write_key_file(path, SESSION, SESSION.decode(session), f"session of a call to {name}")


def author_key_path() -> Path:
    """Return where the author's signing key lies, in the user's configuration folder."""
    return _user_folder() / "author.key"


def identity_path() -> Path:
    """Return where the user's identity lies, in the user's configuration folder."""
    return _user_folder() / "identity.key"


def _user_folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        # The XDG base directory specification has relative paths ignored.
        folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    except RuntimeError:
        raise MissingKey(
            "this user has no home folder for keys",
            hint="set XDG_CONFIG_HOME, or give the key with --author-key-file",
        ) from None
    return folder / "faas-seal"


def add_author(seed: bytes) -> Path:
    """Write a new signing key and return where it lies, or raise KeyExists."""
    path = author_key_path()
    private_folder(path.parent)
    write_author_key(path, seed)
    return path


def write_author_key(path: Path, seed: bytes) -> None:
    """Write a signing key where nothing is yet, or raise KeyExists."""
    public = AUTHOR_PUBLIC.encode(author_public(seed))
    write_key_file(path, AUTHOR_SEED, seed, f"author's signing key of {public}")


def author_seed() -> bytes:
    """Return the author's signing seed (32 bytes), or raise MissingKey."""
    path = author_key_path()
    if not path.exists():
        raise MissingKey(
            f"there is no author's signing key: {path} does not exist",
            hint=_AUTHOR_WAY_BACK,
        )
    return read_key_file(path, AUTHOR_SEED)


def known_author() -> bytes | None:
    """Return the public key of this user's signing key, or None where there is none."""
    try:
        return author_public(author_seed())
    except KeyRefused:
        return None


def private_folder(path: Path) -> None:
    """Make a folder with mode 0700 where it does not exist yet."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)


def read_key_file(path: Path, form: TextForm) -> bytes:
    """Return the key in the file at `path`.

    Raises InsecureKeyFile if other users can read it, MalformedKey for another content.
    """
    return parse_key(read_private(path, form), form, str(path))


def read_private(path: Path, form: TextForm = FUNCTION_KEY) -> str:
    """Return the text of a file with keys of a form, which other users must not be able to read.

    Raises InsecureKeyFile if they can, KeyRefused if it cannot be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            raise InsecureKeyFile(
                f"other users can read {path} (mode {stat.S_IMODE(mode):04o})",
                hint=f"chmod 600 {shlex.quote(str(path))}",
            )
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyRefused(
            f"the key file {path} cannot be read: {_reason(error)}", hint=_instead_of(path, form)
        ) from None


def _instead_of(path: Path, form: TextForm) -> str:
    """Return what to do about a key file that cannot be read."""
    if path.exists():
        return f"ls -l {shlex.quote(str(path))}"
    if form is AUTHOR_SEED:
        return _AUTHOR_WAY_BACK
    if path.parent.name == FOLDER and FUNCTION_NAME.fullmatch(path.stem):
        return Keystore(path.parent.parent).way_back(path.stem)
    return f"name the file that holds it, such as {FOLDER}/greet.key"


def write_key_file(path: Path, form: TextForm, key: bytes, comment: str) -> None:
    """Write a key with mode 0600 where nothing is yet, or raise KeyExists."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyExists(
            f"{path} exists, and keys are never overwritten",
            hint="move it away first if a new key is what you want",
        ) from None
    with os.fdopen(file, "w") as output:
        output.write(f"# {comment}\n{form.encode(key)}\n")


def parse_key(text: str, form: TextForm, where: str) -> bytes:
    """Return the one key in `text`, which may have empty lines and `#` comments.

    Raises MalformedKey, naming `where` the text is from and never the text.
    """
    keys = key_lines(text)
    if len(keys) != 1:
        raise MalformedKey(
            f"{where} holds {len(keys)} keys, expected one",
            hint=f"beside comments (#) it has one line, which starts with {form.prefix}",
        )
    try:
        return form.decode(keys[0])
    except MalformedKey as error:
        raise MalformedKey(f"{where}: {error}", hint=error.hint) from None


def _output(command: str) -> str:
    try:
        argv = shlex.split(command)
        # Standard input is the request's body in `invoke`: the command must not eat it.
        done = subprocess.run(  # noqa: S603 - the user's own command, and no shell
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
        )
    except (OSError, ValueError, IndexError) as error:
        raise KeyRefused(
            f"the key command cannot be run: {_reason(error)}", hint=_BY_HAND
        ) from None
    if done.returncode:
        raise KeyRefused(f"the key command ended with status {done.returncode}", hint=_BY_HAND)
    return done.stdout


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is not text"
