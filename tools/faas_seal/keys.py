"""Keys with a public half, as values: author keys, identities and transport keys.

No repr shows a secret. Two keys are equal if they are of the same kind and hold the same secret.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    IDENTITY_PUBLIC,
    IDENTITY_SEED,
    TRANSPORT_PUBLIC,
    TRANSPORT_SEED,
    TextForm,
    author_public,
    identity_id,
)
from faas_sealed.formats.primitives import KEY_BYTES
from faas_sealed.formats.transport import parse_transport_secret

from faas_seal.errors import MalformedKeyFile
from faas_seal.project.key_text import exact_key
from faas_seal.project.keystore import (
    author_key_path,
    identity_path,
    read_key_file,
    read_private,
)
from faas_seal.project.stackfile import SECRETS_FOLDER

if TYPE_CHECKING:
    from typing_extensions import Self

AnyPath = str | os.PathLike[str]


class _Seed:
    """A secret of 32 bytes with a text form and a public half."""

    _form: ClassVar[TextForm]

    def __init__(self, seed: str | bytes) -> None:
        """Take the secret as its text form or its 32 bytes, or raise MalformedKey."""
        if isinstance(seed, str):
            seed = exact_key(seed, self._form)
        elif len(seed) != KEY_BYTES:
            raise MalformedKey(f"{self._form.noun} is {len(seed)} bytes, expected {KEY_BYTES}")
        self._seed = bytes(seed)

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        return cls(os.urandom(KEY_BYTES))

    @property
    def seed(self) -> bytes:
        """The secret, 32 bytes."""
        return self._seed

    @property
    def text(self) -> str:
        """The text form of the secret: keep it secret, too."""
        return self._form.encode(self._seed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Seed) or self._form is not other._form:
            return NotImplemented
        return hmac.compare_digest(self._seed, other._seed)

    def __hash__(self) -> int:
        return hash((self._form.prefix, self._seed))


class AuthorKey(_Seed):
    """An author's signing key. Its text form is `fsa1_…`."""

    _form = AUTHOR_SEED

    @classmethod
    def from_file(cls, path: AnyPath | None = None) -> AuthorKey:
        """Read a key file that only its owner may read; without a path, this user's own.

        Raises KeyRefused: AuthorKeyMissing, InsecureKeyFile, MalformedKeyFile, KeyFileRefused
        where the file cannot be read, or HomeMissing where this user has no folder for keys.
        """
        return cls(read_key_file(Path(path or author_key_path()), AUTHOR_SEED))

    @property
    def public(self) -> str:
        """The public key `fsap1_…`, by which others know this author."""
        return AUTHOR_PUBLIC.encode(author_public(self._seed))

    def __repr__(self) -> str:
        return f"<AuthorKey {self.public}>"


class Identity(_Seed):
    """An identity, to which authors seal function keys. Its text form is `fsi1_…`.

    It opens slots on its own machine, and is never sent.
    """

    _form = IDENTITY_SEED

    @classmethod
    def from_file(cls, path: AnyPath | None = None) -> Identity:
        """Read a key file that only its owner may read; without a path, this user's own.

        Raises KeyRefused: KeyFileMissing, InsecureKeyFile, MalformedKeyFile, KeyFileRefused
        where the file cannot be read, or HomeMissing where this user has no folder for keys.
        """
        return cls(read_key_file(Path(path or identity_path()), IDENTITY_SEED))

    @property
    def public(self) -> str:
        """The public key `fsip1_…`, which its owner gives to authors."""
        return IDENTITY_PUBLIC.encode(self.private.public)

    @property
    def id(self) -> str:
        """The identity's id, 32 hexadecimal digits: no secret."""
        return identity_id(self.private.public)

    @property
    def private(self) -> PrivateKey:
        """The identity as a private key of the formats."""
        return PrivateKey(self._seed)

    def __repr__(self) -> str:
        return f"<Identity {self.id}>"


class TransportKey(_Seed):
    """A function's transport key, to which callers seal their key tokens.

    Its text form is `fst1_…`: a line of the function's transport secret.
    """

    _form = TRANSPORT_SEED

    @classmethod
    def from_file(cls, path: AnyPath) -> TransportKey:
        """Read a transport secret, and return its first key: if it holds two, that is the newer.

        Only its owner may read the file, unless it lies in `.secrets/`: a container that
        faas-cli runs must be able to read that one.

        Raises KeyRefused: KeyFileMissing, InsecureKeyFile, MalformedKeyFile, or KeyFileRefused
        where the file cannot be read.
        """
        path = Path(path)
        shared = path.absolute().parent.name == SECRETS_FOLDER
        text = read_private(path, TRANSPORT_SEED, shared=shared)
        try:
            return cls(parse_transport_secret(text)[0])
        except MalformedKey as error:
            raise MalformedKeyFile(f"{path}: {error}", path=path, hint=error.hint) from None

    @property
    def public(self) -> str:
        """The public key `fstp1_…`, which `seal` takes as `transport`."""
        return TRANSPORT_PUBLIC.encode(PrivateKey(self._seed).public)

    def __repr__(self) -> str:
        return f"<TransportKey {self.public[:22]}…>"  # the whole has 1,634 characters


def expect(name: str, value: object, *kinds: type) -> None:
    """Raise TypeError unless an argument called `name` is of one of some kinds."""
    if not isinstance(value, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} is a {type(value).__name__}, expected {expected}")


def public_bytes(author: AuthorKey | str) -> bytes:
    """Return an author's public key (32 bytes), or raise MalformedKey for another text."""
    expect("author", author, AuthorKey, str)
    return AUTHOR_PUBLIC.decode(author.public if isinstance(author, AuthorKey) else author)
