"""What is deployed: the sealed file, and the secrets that go with it. All may change."""

from __future__ import annotations

import marshal
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.file import SealedFile, verify
from faas_sealed.formats.header import Header
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import TRANSPORT_SEED
from faas_sealed.runtime.log import say
from faas_sealed.runtime.settings import Settings

# The one that the sealed file names, and the one before or after it.
MOST_TRANSPORT_KEYS = 2
_KEY_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Deployed:
    """Bytes of the sealed file, transport seeds (32 bytes each), ids of denied keys."""

    sealed: bytes = field(repr=False)
    transport: tuple[bytes, ...] = field(default=(), repr=False)
    denied: frozenset[str] = frozenset()

    def serialise(self) -> bytes:
        """Return it as bytes that another process of the same Python can read."""
        return marshal.dumps((self.sealed, self.transport, sorted(self.denied)))

    def to_memory(self) -> int:
        """Return a descriptor of anonymous memory that holds it, for a zygote to read."""
        fd = os.memfd_create("faas-seal-deployed")
        with os.fdopen(os.dup(fd), "wb") as file:
            file.write(self.serialise())
        return fd

    @classmethod
    def from_memory(cls, fd: int) -> Deployed:
        sealed, transport, denied = marshal.loads(  # noqa: S302 - our own
            os.pread(fd, os.fstat(fd).st_size, 0)
        )
        return cls(sealed, transport, frozenset(denied))


def read_deployed(settings: Settings, running: Header | None = None) -> tuple[Deployed, Header]:
    """Return what is deployed, and the sealed file's header, once all of it holds together.

    Of the file in the image and that of `seal_file` it is the newer one, in a container
    that has been `running` another the latter alone. Raises SealError with one line.
    """
    sealed = _newest(settings) if running is None else _successor(settings, running)
    header = sealed.header
    transport = _read_keys(settings.transport) if settings.transport else ()
    publics = [PrivateKey(seed).public for seed in transport]
    if header.transport is None and "raw" not in settings.accept:
        raise SealError(
            "seal_accept is sealed, but the sealed file has no transport key: "
            "`faas-seal keygen --transport`, then seal and deploy"
        )
    if header.transport is not None and settings.transport is None:
        raise SealError("the sealed file has a transport key, but seal_transport names no secret")
    if header.transport is not None and header.transport not in publics:
        raise SealError(
            f"the transport secret {settings.transport} does not fit the sealed file; "
            "update the secret, or seal with the key that is in it"
        )
    denied = _read_denied(settings.denied) if settings.denied else frozenset()
    return Deployed(sealed.serialise(), transport, denied), header


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
    """Return the file that may follow another, which an older one may not."""
    path = settings.pushed_file or settings.file
    new = _read_file(path, settings)
    if new.header.function != before.function:
        raise SealError(f"{path} is {new.header.function}, expected {before.function}")
    if new.header.created < before.created:
        raise SealError(f"{path} is older than the present one")
    if new.header.created == before.created and new.header != before:
        raise SealError(f"{path} is another than the present one, and as old")
    return new


def _read_file(path: Path, settings: Settings) -> SealedFile:
    try:
        sealed = verify(path.read_bytes(), settings.author)
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


def _read_keys(path: Path) -> tuple[bytes, ...]:
    try:
        keys = tuple(TRANSPORT_SEED.decode(line) for line in _lines(path))
    except SealError as error:
        raise SealError(f"{path}: {error}") from None
    if not 1 <= len(keys) <= MOST_TRANSPORT_KEYS:
        raise SealError(f"{path} holds {len(keys)} transport keys, expected one or two")
    return keys


def _read_denied(path: Path) -> frozenset[str]:
    ids = frozenset(_lines(path))
    if wrong := [text for text in ids if not _KEY_ID.fullmatch(text)]:
        raise SealError(f"{path}: {len(wrong)} lines are no key ids of 16 hexadecimal digits")
    return ids


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines that are neither empty nor comments."""
    try:
        text = path.read_text("ascii")
    except OSError as error:
        raise SealError(
            f"cannot read the secret {path}: {error.strerror}; is it under `secrets` in the "
            "stack file, and created?"
        ) from None
    except UnicodeDecodeError:
        raise SealError(f"{path} is not text") from None
    lines = map(str.strip, text.splitlines())
    return (line for line in lines if line and not line.startswith("#"))
