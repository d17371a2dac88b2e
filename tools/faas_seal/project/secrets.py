"""The files in `.secrets/`: secrets of OpenFaaS that belong to sealed functions.

The folder is faas-cli's: `faas-cli local-run` mounts it as `/var/openfaas/secrets`, each
file being the secret of its name, and `faas-cli secret create` sends one to a gateway.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from faas_sealed.formats.errors import KeyRefused, MalformedKey
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.transport import parse_transport_secret, serialise_transport_secret

from faas_seal.project.files import Replacement, replace_together
from faas_seal.project.stackfile import (
    DEFAULT_GATEWAY,
    Function,
    StackFile,
    gateway_address,
)

FOLDER = ".secrets"
# Settings of the runtime whose values are names of secrets.
SECRET_SETTINGS = ("seal_transport", "seal_denied", "seal_file")

# `faas-cli local-run` mounts the folder into a container, where the function's user is
# neither its owner nor root, and has no other way to the secrets. So others may read a
# file whose name they know, if the folders above let them. Of a transport secret alone
# nobody has more than of the traffic: it opens the tokens of calls that they have seen.
_FOLDER_MODE = 0o711
_FILE_MODE = 0o644


class SecretFiles:
    """The folder `.secrets/` of one project."""

    def __init__(self, project: Path) -> None:
        self.folder = project / FOLDER

    def path(self, secret: str) -> Path:
        """Return where a secret lies, whether it is there or not."""
        return self.folder / secret

    def transport_seeds(self, secret: str) -> tuple[bytes, ...]:
        """Return the transport seeds (32 bytes each) in a secret; none where it is not there.

        The first is the one to seal with. Raises KeyRefused for another content.
        """
        path = self.path(secret)
        try:
            text = path.read_text("ascii")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError):
            raise KeyRefused(f"the transport secret {path} cannot be read") from None
        try:
            return parse_transport_secret(text)
        except MalformedKey as error:
            raise MalformedKey(f"{path}: {error}") from None

    def write_transport(self, secret: str, name: str, seeds: Iterable[bytes]) -> Path:
        """Write the transport seeds of the function `name`, the newest first."""
        return self.write(secret, serialise_transport_secret(name, seeds).splitlines())

    def denied_lines(self, secret: str) -> list[str]:
        """Return the lines of a secret that denies keys: their ids, and comments."""
        try:
            return self.path(secret).read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return ["# ids of function keys that open nothing"]

    def write(self, secret: str, lines: Iterable[str]) -> Path:
        """Put lines of text where a secret lies, and return where that is."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True)
            self.folder.chmod(_FOLDER_MODE)
        ignore = self.folder / ".gitignore"  # no name that a secret can have, for faas-cli
        if not ignore.exists():
            ignore.write_text("*\n")
        path = self.path(secret)
        content = "".join(f"{line}\n" for line in lines).encode()
        replace_together([Replacement(path, content, self.folder, _FILE_MODE)])
        return path


def transport_public(seed: bytes) -> bytes:
    """Return the transport public key (1,216 bytes) of a seed."""
    return PrivateKey(seed).public


def transport_secret(function: Function) -> str:
    """Return the name of a function's transport secret: the stack file's, or the usual one."""
    return _named(function, "seal_transport") or f"{function.name}-transport"


def denied_secret(function: Function) -> str:
    """Return the name of the secret that denies keys: the stack file's, or the usual one."""
    return _named(function, "seal_denied") or f"{function.name}-denied"


def secrets_of(function: Function) -> list[str]:
    """Return the names of the secrets that settings of the runtime name, but for the code.

    That is no text, and push brings it to the gateway.
    """
    found = (_named(function, setting) for setting in ("seal_transport", "seal_denied"))
    return [secret for secret in found if secret]


def creation(secret: str, path: Path, stack: StackFile, function: Function) -> list[str]:
    """Return the command that gives a gateway a secret, or puts it in the place of an older one.

    faas-cli looks for neither gateway nor namespace in the stack file, as it does to deploy.
    """
    command = ["faas-cli", "secret", "create", secret, "--from-file", str(path), "--replace"]
    gateway = gateway_address(None, stack.gateway)
    command += [] if gateway == DEFAULT_GATEWAY else ["--gateway", gateway]
    return command + (["--namespace", function.namespace] if function.namespace else [])


def _named(function: Function, setting: str) -> str:
    # A path is the one in the container, where the secret stands under its name.
    return PurePosixPath(function.environment.get(setting, "")).name
