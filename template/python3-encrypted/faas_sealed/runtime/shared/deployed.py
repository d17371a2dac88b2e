"""The sealed file that is deployed, and the secrets that go with it. All of them may change."""

from __future__ import annotations

import errno
import marshal
import os
import stat
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.file import SealedFile, verify
from faas_sealed.formats.header import KEY_ID, Header
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import key_lines
from faas_sealed.formats.transport import parse_transport_secret
from faas_sealed.runtime.shared.log import say
from faas_sealed.settings import Settings

# More than any sealed file has.
MOST_SEALED_BYTES = 128 * 2**20
# Kubernetes puts no more into a secret.
MOST_SECRET_BYTES = 2**20


@dataclass(frozen=True)
class Deployed:
    """The sealed file, the transport seeds (32 bytes each), and the ids of denied keys."""

    sealed: SealedFile
    transport: tuple[bytes, ...] = field(default=(), repr=False)
    denied: frozenset[str] = frozenset()

    def to_memory(self) -> int:
        """Return a descriptor of anonymous memory that holds all this, for a zygote to read."""
        fd = os.memfd_create("faas-seal-deployed")
        with os.fdopen(os.dup(fd), "wb") as file:
            content = (self.sealed.serialise(), self.transport, sorted(self.denied))
            file.write(marshal.dumps(content))
        return fd

    @classmethod
    def from_memory(cls, fd: int, author: bytes) -> Deployed:
        sealed, transport, denied = marshal.loads(  # noqa: S302 - our own
            os.pread(fd, os.fstat(fd).st_size, 0)
        )
        return cls(verify(sealed, author), transport, frozenset(denied))


def first_deployed(settings: Settings) -> Deployed:
    """Return what is deployed at the start, or raise SealError with one line.

    The sealed file is the newer of two: the one in the image, and the one in `seal_file`.
    """
    sealed = _newest(settings)
    transport = _fitting_keys(settings, sealed.header)
    return Deployed(sealed, transport, _read_denied(settings))


def next_deployed(settings: Settings, running: Deployed) -> Deployed:
    """Return what is deployed now, after `running`.

    The sealed file, the transport keys and the denied keys are each taken or refused alone. A
    refusal writes one line, and leaves that part as it was. So a key can be denied, or a
    transport key withdrawn, even where the pushed file is refused.
    """
    for take in (_take_file, _take_transport, _take_denied):
        try:
            running = take(settings, running)
        except SealError as error:
            say(f"an update is refused, and the function goes on as before: {error}")
    return running


def _take_file(settings: Settings, running: Deployed) -> Deployed:
    sealed = _successor(settings, running.sealed.header)
    if sealed == running.sealed:
        return running
    return replace(running, sealed=sealed, transport=_fitting_keys(settings, sealed.header))


def _take_transport(settings: Settings, running: Deployed) -> Deployed:
    return replace(running, transport=_fitting_keys(settings, running.sealed.header))


def _take_denied(settings: Settings, running: Deployed) -> Deployed:
    return replace(running, denied=_read_denied(settings))


def _newest(settings: Settings) -> SealedFile:
    if settings.pushed_file is None:
        return _read_file(settings.file, settings)
    try:
        in_image = _read_file(settings.file, settings)
    except SealError:
        return _read_file(settings.pushed_file, settings)
    try:
        return _successor(settings, in_image.header)
    except SealError as error:
        say(f"the sealed file in the image is run, and not that of seal_file: {error}")
        return in_image


def _successor(settings: Settings, before: Header) -> SealedFile:
    """Return the sealed file that is in place, or raise SealError if it may not follow `before`.

    It may not if it is older, or for another function.
    """
    path = settings.pushed_file or settings.file
    new = _read_file(path, settings)
    if new.header.function != before.function:
        raise SealError(
            f"{path} is for the function {new.header.function}, expected {before.function}"
        )
    if new.header.created < before.created:
        raise SealError(f"{path} is older than the present one")
    if new.header.created == before.created and new.header != before:
        raise SealError(f"{path} differs from the present one, and is as old")
    return new


def _read_file(path: Path, settings: Settings) -> SealedFile:
    try:
        sealed = verify(_read(path, MOST_SEALED_BYTES), settings.author)
    except OSError as error:
        raise SealError(
            f"cannot read the sealed file {path}: {error.strerror}; "
            "run `faas-seal seal` and build again"
        ) from None
    except SealError as error:
        raise SealError(f"{path}: {error}") from None
    if sealed.header.expires is not None and time.time() >= sealed.header.expires:
        raise SealError(f"{path} has expired; the author must seal it again")
    return sealed


def _fitting_keys(settings: Settings, header: Header) -> tuple[bytes, ...]:
    """Return the transport secret's keys, or raise SealError if they do not fit the sealed file."""
    keys = _read_keys(settings.transport) if settings.transport else ()
    if header.transport is None and "raw" not in settings.accept:
        raise SealError(
            "seal_accept is sealed, but the sealed file has no transport key: "
            "`faas-seal keygen --transport`, then seal and deploy"
        )
    if header.transport is not None and settings.transport is None:
        raise SealError("the sealed file has a transport key, but seal_transport names no secret")
    if header.transport is not None and header.transport not in (
        PrivateKey(seed).public for seed in keys
    ):
        raise SealError(
            f"the transport secret {settings.transport} does not fit the sealed file; "
            "update the secret, or seal with the key that is in it"
        )
    return keys


def _read_keys(path: Path) -> tuple[bytes, ...]:
    text = _secret(path)
    try:
        return parse_transport_secret(text)
    except SealError as error:
        raise SealError(f"{path}: {error}") from None


def _read_denied(settings: Settings) -> frozenset[str]:
    path = settings.denied
    ids = frozenset(key_lines(_secret(path))) if path else frozenset()
    if wrong := [text for text in ids if not KEY_ID.fullmatch(text)]:
        raise SealError(f"{path}: {len(wrong)} lines are no key ids of 16 hexadecimal digits")
    return ids


def _read(path: Path, most: int) -> bytes:
    """Return what is in a regular file of at most `most` bytes, or raise OSError.

    The acceptor reads the file, and must not stop: at a named pipe it would wait for ever.
    """
    with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most} bytes")
        return file.read()


def _secret(path: Path) -> str:
    """Return the text of a secret, or raise SealError."""
    try:
        return _read(path, MOST_SECRET_BYTES).decode("ascii")
    except OSError as error:
        raise SealError(
            f"cannot read the secret {path}: {error.strerror}; is it under `secrets` in the "
            "stack file, and created?"
        ) from None
    except UnicodeDecodeError:
        raise SealError(f"{path} is not text") from None
