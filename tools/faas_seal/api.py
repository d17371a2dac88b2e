"""The functions of the Python API that seal, verify and open. They write no file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from faas_sealed.formats import bundle, file
from faas_sealed.formats.errors import MalformedBundle, MalformedFile, MalformedKey
from faas_sealed.formats.grant import grant
from faas_sealed.formats.header import Header
from faas_sealed.formats.hpke import checked_public
from faas_sealed.formats.keys import IDENTITY_PUBLIC, TRANSPORT_PUBLIC, author_public
from faas_sealed.formats.primitives import KEY_BYTES, context

from faas_seal.calling.slots import check_key, key_for
from faas_seal.errors import SourceRefused
from faas_seal.keys import AnyPath, AuthorKey, Identity, TransportKey, expect, public_bytes
from faas_seal.project.signatures import signed_by
from faas_seal.project.stackfile import check_name
from faas_seal.sealing.source import check_files, read_source

if TYPE_CHECKING:
    from faas_seal.function_key import FunctionKey


def seal(
    source: AnyPath | Mapping[str, bytes],
    *,
    function: str,
    author: AuthorKey,
    keys: Iterable[FunctionKey] = (),
    identities: Iterable[Identity | str] = (),
    transport: TransportKey | str | None = None,
    created: int | None = None,
    expires: int | None = None,
) -> bytes:
    """Return the sealed file of a source folder, or of files given by relative name.

    `function` is the name that the function is deployed under. Each of `keys` opens the file.
    Each of `identities` is a value or a public key `fsip1_…`. It gets a new function key, which
    the file holds sealed to it. `transport` is the function's transport key, a value or a public
    key `fstp1_…`: with it the function takes key tokens.

    Times are in seconds since the epoch. `created` is the present time by default; a runtime
    that has a file takes another only if it was created later. From `expires` on the file does
    not open; by default it does not expire.

    Raises UsageError for a name that no function can have, SourceRefused for a source that
    cannot be sealed as it is, MalformedKey for a text that is no public key of its kind, and
    MalformedFile unless there are 1 to 256 keys and identities.
    """
    expect("author", author, AuthorKey)
    check_name(function)
    checked = check_files(source) if isinstance(source, Mapping) else read_source(Path(source))
    aad = context(function, author_public(author.seed))
    recipients = [file.Recipient(_secret("a key in keys", key)) for key in keys]
    recipients += [_recipient(identity, aad) for identity in _listed(identities)]
    public_transport = None if transport is None else _transport_public(transport)
    if not recipients:
        raise MalformedFile(
            "nobody could open this file: it is for no key and no identity",
            hint="give keys or identities",
        )
    return file.seal(
        _pack(checked.files),
        function=function,
        seed=author.seed,
        recipients=recipients,
        created=int(time.time()) if created is None else created,
        expires=expires,
        transport=public_transport,
        preload=checked.libraries,
    ).serialise()


def verify(sealed: bytes, *, author: AuthorKey | str) -> Header:
    """Return the header of a sealed file that `author`, a key or `fsap1_…`, signed.

    Raises WrongSignature: WrongAuthor for a file that another author signed, AlteredSealedFile
    for one that was altered after it was signed. Raises MalformedFile for bytes that are no
    sealed file, and MalformedKey for a text that is no author's public key.
    """
    expect("sealed", sealed, bytes)
    return signed_by(public_bytes(author), sealed, file.verify).header


def open_sealed(
    sealed: bytes, *, author: AuthorKey | str, key: FunctionKey | Identity
) -> dict[str, bytes]:
    """Verify and decrypt a sealed file, and return its files by relative name.

    Raises what `verify` raises, UnknownKey if the key or identity does not open the file,
    FunctionExpired if the file has expired, and MalformedBundle if its content is damaged.
    """
    expect("sealed", sealed, bytes)
    verified = signed_by(public_bytes(author), sealed, file.verify)
    if isinstance(key, Identity):
        secret = key_for(verified.header, key.private)
    else:
        secret = check_key(verified.header, _secret("key", key))
    return bundle.unpack(verified.bundle(verified.content_key(secret, time.time())))


def _secret(name: str, key: FunctionKey) -> bytes:
    """Return the 32 bytes of a function key; raise TypeError if the argument `name` is none."""
    # A check of the class would import all that a call over HTTP needs.
    if not isinstance(getattr(key, "secret", None), bytes):
        raise TypeError(f"{name} is a {type(key).__name__}, expected FunctionKey")
    return key.secret


def _listed(identities: Iterable[Identity | str]) -> Iterable[Identity | str]:
    """Return identities; raise TypeError for one text, which would be taken letter by letter."""
    if isinstance(identities, str):
        raise TypeError("identities is a str, expected a list of identities")
    return identities


def _recipient(identity: Identity | str, context: bytes) -> file.Recipient:
    """Return a recipient with a new function key, sealed to the identity for `context`."""
    text = identity.public if isinstance(identity, Identity) else identity
    key = os.urandom(KEY_BYTES)
    try:
        return file.Recipient(key, to=grant(key, IDENTITY_PUBLIC.decode(text), context))
    except ValueError as error:
        raise MalformedKey(f"no key can be sealed to an identity: {error}") from None


def _transport_public(transport: TransportKey | str) -> bytes:
    text = transport.public if isinstance(transport, TransportKey) else transport
    return checked_public(TRANSPORT_PUBLIC.decode(text))


def _pack(files: Mapping[str, bytes]) -> bytes:
    try:
        return bundle.pack(files)
    except MalformedBundle as error:
        raise SourceRefused(f"the source cannot be sealed: {error}") from None
