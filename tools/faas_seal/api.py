"""Sealing and opening, for programs. Nothing is written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats import bundle, file
from faas_sealed.formats.grant import grant
from faas_sealed.formats.header import Header
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    IDENTITY_PUBLIC,
    TRANSPORT_PUBLIC,
    author_public,
)
from faas_sealed.formats.primitives import KEY_BYTES, context

from faas_seal.calling.auth import FunctionKey
from faas_seal.project.keystore import author_key_path, read_key_file
from faas_seal.sealing.source import check_files, read_source


@dataclass(frozen=True)
class AuthorKey:
    """An author's signing key; `seed` is its 32 secret bytes."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> AuthorKey:
        """Return a new random key."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str] | None = None) -> AuthorKey:
        """Read a key file, by default the one that `faas-seal` uses."""
        return cls(read_key_file(Path(path or author_key_path()), AUTHOR_SEED))

    @property
    def public(self) -> str:
        """The public key `fsap1_…`, by which others know this author."""
        return AUTHOR_PUBLIC.encode(author_public(self.seed))


def seal(
    source: str | os.PathLike[str] | Mapping[str, bytes],
    *,
    function: str,
    author: AuthorKey,
    keys: Iterable[FunctionKey] = (),
    identities: Iterable[str] = (),
    transport: str | None = None,
    created: int | None = None,
    expires: int | None = None,
) -> bytes:
    """Return the sealed file of a source folder, or of files given by relative name.

    `function` is the name that the function is deployed under. Each of `keys` opens it,
    and so does a key that is new for each of `identities`, public keys `fsip1_…`, and
    sealed to that. `transport` is the function's public key `fstp1_…`, for key tokens.
    Times are in seconds since the epoch; `created` is by default now, and a runtime that
    has one file takes only a newer one. Raises SourceRefused as `faas-seal seal` does,
    MalformedKey for a public key that is none.
    """
    checked = check_files(source) if isinstance(source, Mapping) else read_source(Path(source))
    aad = context(function, author_public(author.seed))
    recipients = [file.Recipient(key.secret) for key in keys]
    for identity in identities:
        new = os.urandom(KEY_BYTES)
        to = grant(new, IDENTITY_PUBLIC.decode(identity), aad)
        recipients.append(file.Recipient(new, to=to))
    return file.seal(
        bundle.pack(checked.files),
        function=function,
        seed=author.seed,
        recipients=recipients,
        created=int(time.time()) if created is None else created,
        expires=expires,
        transport=None if transport is None else TRANSPORT_PUBLIC.decode(transport),
        preload=checked.libraries,
    ).serialise()


def verify(sealed: bytes, *, author: str) -> Header:
    """Return the header of a sealed file that `author` (`fsap1_…`) signed.

    Raises WrongSignature if the file is altered or another's, MalformedFile if it is
    no sealed file.
    """
    return file.verify(sealed, AUTHOR_PUBLIC.decode(author)).header


def open_sealed(sealed: bytes, *, author: str, key: FunctionKey) -> dict[str, bytes]:
    """Verify and decrypt a sealed file, and return its files by relative name.

    Raises what `verify` raises, and UnknownKey if the key does not open the file.
    """
    verified = file.verify(sealed, AUTHOR_PUBLIC.decode(author))
    return bundle.unpack(verified.bundle(verified.content_key(key.secret, time.time())))
