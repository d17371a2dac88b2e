"""The keystore: the folders and files that hold keys.

A project's function keys lie in `.faas-seal/` beside its stack file. The author's signing key
lies in the user's configuration folder. A key is never overwritten. A file that other users can
read is never read, unless it is mounted read-only.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from faas_sealed.formats.errors import KeyRefused, MalformedKey
from faas_sealed.formats.header import FUNCTION_NAME
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    SESSION,
    TextForm,
    author_public,
    key_id,
)

from faas_seal.errors import (
    AuthorKeyMissing,
    FunctionKeyMissing,
    HomeMissing,
    InsecureKeyFile,
    KeyExists,
    KeyFileMissing,
    KeyFileRefused,
    MalformedKeyFile,
    WrongKindOfKey,
)
from faas_seal.project.files import WITHOUT_MODES, file_system, hide_from_git
from faas_seal.project.key_text import decode_bytes, parse_key
from faas_seal.project.stackfile import check_name, sealed_file

FOLDER = ".faas-seal"

_AUTHOR_WAY_BACK = "restore it from your copy; a new one is for new functions only"


class Keystore:
    """The folder `.faas-seal/` of one project: its function keys, and what sealing remembers."""

    def __init__(self, project: Path) -> None:
        self.folder = project / FOLDER

    def path(self, name: str) -> Path:
        """Return the path of the function key of `name`, whether the file exists or not."""
        return self.folder / f"{check_name(name)}.key"

    def function_key(self, name: str) -> bytes:
        """Return the function key (32 bytes) of `name`, or raise FunctionKeyMissing."""
        path = self.path(name)
        if not path.exists():
            sealed = self.sealed(name)
            raise FunctionKeyMissing(
                f"there is no function key for {name}: {path} does not exist",
                path=path,
                function=name,
                sealed=sealed,
                hint=_way_back(path, name, sealed=sealed),
            )
        return read_key_file(path, FUNCTION_KEY)

    def sealed(self, name: str) -> bool:
        """Tell whether `name` was sealed here. If so, a new key does not open what is deployed."""
        return sealed_file(self.folder.parent, name).exists()

    def add(self, name: str, key: bytes) -> Path:
        """Write a new function key and return where it lies, or raise KeyExists."""
        path = self.path(name)
        self.prepare()
        write_function_key(path, name, key)
        return path

    def terms_path(self, name: str) -> Path:
        """Return the file that keeps the terms of `name` (faas_seal.sealing.terms)."""
        return self.folder / f"{check_name(name)}.terms"

    def function_keys(self) -> Iterator[bytes]:
        """Yield every function key (32 bytes) of the project."""
        for path in sorted(self.folder.glob("*.key")):
            yield read_key_file(path, FUNCTION_KEY)

    def prepare(self) -> None:
        """Make the folder, closed to other users and ignored by git."""
        private_folder(self.folder)
        hide_from_git(self.folder)


def write_function_key(path: Path, name: str, key: bytes) -> None:
    """Write a function key to a new file, or raise KeyExists."""
    write_key_file(path, FUNCTION_KEY, key, f"function key of {name}, id {key_id(key)}")


def keep_session(path: Path, name: str, session: str) -> None:
    """Write the session of a call, `fss1_…`, to a new file, or raise KeyExists."""
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
        # By the XDG base directory specification a relative path is ignored.
        folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    except RuntimeError:
        raise HomeMissing(
            "this user has no home folder for keys",
            hint="set XDG_CONFIG_HOME, or name the file that holds the key",
        ) from None
    return folder / "faas-seal"


def add_author(seed: bytes) -> Path:
    """Write a new signing key and return where it lies, or raise KeyExists."""
    path = author_key_path()
    private_folder(path.parent)
    write_author_key(path, seed)
    return path


def write_author_key(path: Path, seed: bytes) -> None:
    """Write a signing key to a new file, or raise KeyExists."""
    public = AUTHOR_PUBLIC.encode(author_public(seed))
    write_key_file(path, AUTHOR_SEED, seed, f"author's signing key of {public}")


def author_seed() -> bytes:
    """Return the author's signing seed (32 bytes), or raise AuthorKeyMissing."""
    path = author_key_path()
    if not path.exists():
        raise AuthorKeyMissing(
            f"there is no signing key: {path} does not exist",
            path=path,
            hint=_AUTHOR_WAY_BACK,
        )
    return read_key_file(path, AUTHOR_SEED)


def known_author() -> bytes | None:
    """Return the public key (32 bytes) of this user's signing key, or None if there is none."""
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

    Raises what `read_private` raises, and MalformedKeyFile for any other content.
    """
    text = read_private(path, form)
    try:
        return parse_key(text, form, str(path), path=path)
    except WrongKindOfKey:
        raise
    except MalformedKey as error:
        raise MalformedKeyFile(str(error), path=path, hint=error.hint) from None


def read_private(path: Path, form: TextForm = FUNCTION_KEY, *, shared: bool = False) -> str:
    """Return the text of a file that holds keys of a form.

    Raises InsecureKeyFile if other users can read it, unless it is `shared` or on a read-only
    file system; KeyFileMissing if it does not exist; MalformedKeyFile if it is no text; and
    KeyFileRefused if it cannot be read.
    """
    try:
        if not shared:
            _check_others(path)
        return decode_bytes(path.read_bytes(), form, str(path))
    except MalformedKey as error:
        raise MalformedKeyFile(str(error), path=path, hint=error.hint) from None
    except OSError as error:
        message = f"the key file {path} cannot be read: {error.strerror}"
    if path.exists():
        raise KeyFileRefused(message, path=path, hint=f"ls -l {shlex.quote(str(path))}")
    raise _missing(path, form, message)


def _check_others(path: Path) -> None:
    """Raise InsecureKeyFile if other users can read a file.

    On a read-only file system nobody can change that, as in a container where secrets are
    mounted: there, whoever has mounted it has decided who reads it.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o077:
        return
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return
    shown = shlex.quote(str(path))
    message = f"other users can read {path} (mode {stat.S_IMODE(status.st_mode):04o})"
    kind = file_system(path)
    changeable = os.geteuid() in (0, status.st_uid) and kind not in WITHOUT_MODES
    if kind in WITHOUT_MODES:
        message += f", and {kind}, the file system that it lies on, has no modes"
    elif not changeable:
        message += ", and it is not yours to change"
    raise InsecureKeyFile(
        message,
        path=path,
        changeable=changeable,
        hint=f"chmod 600 {shown}" if changeable else f"install -m 600 {shown} ~/name.key",
    )


def _missing(path: Path, form: TextForm, message: str) -> KeyFileMissing:
    """Return the error about a key file that does not exist; its hint says how to get it back."""
    if form is AUTHOR_SEED:
        return AuthorKeyMissing(message, path=path, hint=_AUTHOR_WAY_BACK)
    name = path.stem
    if path.parent.name != FOLDER or not FUNCTION_NAME.fullmatch(name):
        example = f", such as {FOLDER}/greet.key" if form is FUNCTION_KEY else ""
        return KeyFileMissing(message, path=path, hint=f"name the file that holds it{example}")
    sealed = Keystore(path.parent.parent).sealed(name)
    hint = _way_back(path, name, sealed=sealed)
    return KeyFileMissing(message, path=path, function=name, sealed=sealed, hint=hint)


def _way_back(path: Path, name: str, *, sealed: bool) -> str:
    """Return the hint for a missing function key: how to get it back, or make a new one."""
    if sealed:
        return (
            f"restore {path} from your copy; without one, seal {name} again, which makes a new "
            "key: deploy again, and give it to the callers"
        )
    return f"seal {name}, which makes its key"


def write_key_file(path: Path, form: TextForm, key: bytes, comment: str) -> None:
    """Write a key to a new file of mode 0600, or raise KeyExists."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyExists(
            f"{path} exists, and keys are never overwritten",
            path=path,
            hint="if you want a new key, move the old one away first",
        ) from None
    with os.fdopen(file, "w") as output:
        output.write(f"# {comment}\n{form.encode(key)}\n")
