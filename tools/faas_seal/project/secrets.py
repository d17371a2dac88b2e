"""The folder `.secrets/`: secrets of OpenFaaS that belong to sealed functions.

It is faas-cli's folder. Each file is the secret of that name: `faas-cli local-run` mounts
them all as `/var/openfaas/secrets`, and `faas-cli secret create` sends one to a gateway.
"""

from __future__ import annotations

import codecs
import shlex
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from faas_sealed.formats.errors import KeyRefused, MalformedKey
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.transport import parse_transport_secret, serialise_transport_secret

from faas_seal.project.files import Replacement, hide_from_git, replace_together
from faas_seal.project.stackfile import (
    DEFAULT_GATEWAY,
    SECRETS_FOLDER,
    Function,
    StackFile,
    gateway_address,
)

FOLDER = SECRETS_FOLDER
# The settings of the runtime that name a secret.
SECRET_SETTINGS = ("seal_transport", "seal_denied", "seal_file")

# In the container of `faas-cli local-run` the function's user is neither root nor the owner
# of these files. So other users may read a file whose name they know, if the folders above
# let them in. A transport secret alone is of little use to them: it only opens tokens of
# calls that they have recorded.
_FOLDER_MODE = 0o711
_FILE_MODE = 0o644


class SecretFiles:
    """The folder `.secrets/` of one project."""

    def __init__(self, project: Path) -> None:
        self.folder = project / FOLDER

    def path(self, secret: str) -> Path:
        """Return the path of a secret, whether the file exists or not."""
        return self.folder / secret

    def transport_seeds(self, secret: str) -> tuple[bytes, ...]:
        """Return the transport seeds (32 bytes each) in a secret, or () if it does not exist.

        The first is the one to seal with. Raises KeyRefused if the file holds anything else.
        """
        path = self.path(secret)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise KeyRefused(
                f"the transport secret {path} cannot be read: {error.strerror}",
                hint=f"ls -l {shlex.quote(str(path))}",
            ) from None
        text = _ascii(data, path)
        try:
            return parse_transport_secret(text)
        except MalformedKey as error:
            raise MalformedKey(f"{path}: {error}") from None

    def write_transport(self, secret: str, name: str, seeds: Iterable[bytes]) -> Path:
        """Write the transport seeds of the function `name`, the newest first."""
        return self.write(secret, serialise_transport_secret(name, seeds).splitlines())

    def denied_lines(self, secret: str) -> list[str]:
        """Return the lines of a secret that denies keys: ids of keys, and comments."""
        try:
            return self.path(secret).read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return ["# ids of function keys that open nothing"]

    def write(self, secret: str, lines: Iterable[str]) -> Path:
        """Write a secret as lines of text, and return its path."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True)
            self.folder.chmod(_FOLDER_MODE)
        hide_from_git(self.folder)  # no secret can be called .gitignore
        path = self.path(secret)
        content = "".join(f"{line}\n" for line in lines).encode()
        replace_together([Replacement(path, content, self.folder, _FILE_MODE)])
        return path


def _ascii(data: bytes, path: Path) -> str:
    """Return the text of a transport secret, or raise MalformedKey for what no function takes."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        shown = shlex.quote(str(path))
        rest = "but a function takes its transport secret only in ASCII"
        if data.startswith(codecs.BOM_UTF8):
            raise MalformedKey(
                f"{path} begins with a byte-order mark, {rest}",
                hint=f"sed -i '1s/^\\xEF\\xBB\\xBF//' {shown}",
            ) from None
        if b"\0" in data:
            raise MalformedKey(
                f"{path} is in UTF-16, {rest}",
                hint=f"iconv -f utf-16 -t ascii {shown} > key.txt && mv key.txt {shown}",
            ) from None
        raise MalformedKey(
            f"{path} is not in ASCII, {rest}", hint="restore it from your copy"
        ) from None


def transport_public(seed: bytes) -> bytes:
    """Return the transport public key (1,216 bytes) of a seed."""
    return PrivateKey(seed).public


def transport_secret(function: Function) -> str:
    """Return the name of a function's transport secret: the stack file's, or the default."""
    return _named(function, "seal_transport") or f"{function.name}-transport"


def denied_secret(function: Function) -> str:
    """Return the name of the secret that denies keys: the stack file's, or the default."""
    return _named(function, "seal_denied") or f"{function.name}-denied"


def secrets_of(function: Function) -> list[str]:
    """Return the names of the secrets that a function's settings name, except the code's.

    The secret with the code is not text, and `push` brings it to the gateway.
    """
    found = (_named(function, setting) for setting in ("seal_transport", "seal_denied"))
    return [secret for secret in found if secret]


def creation(secret: str, path: Path, stack: StackFile, function: Function) -> list[str]:
    """Return the command that gives a gateway a secret, new or in place of an older one.

    It names gateway and namespace: for secrets, faas-cli does not take them from the stack file.
    """
    command = ["faas-cli", "secret", "create", secret, "--from-file", str(path), "--replace"]
    gateway = gateway_address(None, stack.gateway)
    command += [] if gateway == DEFAULT_GATEWAY else ["--gateway", gateway]
    return command + (["--namespace", function.namespace] if function.namespace else [])


def _named(function: Function, setting: str) -> str:
    # The setting may be a path in the container. Its last part is the secret's name.
    return PurePosixPath(function.environment.get(setting, "")).name
