"""The signature of a sealed file, checked against the author that is expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from faas_sealed.formats.errors import MalformedFile, WrongSignature
from faas_sealed.formats.file import claimed_author
from faas_sealed.formats.keys import AUTHOR_PUBLIC

from faas_seal.errors import AlteredSealedFile, MalformedSealedFile, WrongAuthor

Verified = TypeVar("Verified")


def signed_by(
    author: bytes,
    data: bytes,
    verify: Callable[[bytes, bytes], Verified],
    *,
    path: Path | None = None,
    address: str = "",
) -> Verified:
    """Verify that `author` (public key, 32 bytes) signed `data`; return what `verify` returns.

    `verify` is `verify` or `verify_lines` of the formats. `path` or `address` says where `data`
    is from, for the errors. Raises WrongAuthor for a file that is whole and another author's,
    AlteredSealedFile for one that is altered, MalformedSealedFile for anything else.
    """
    try:
        try:
            return verify(data, author)
        except WrongSignature:
            found = claimed_author(data)
            if found == author:
                raise
            verify(data, found)
    except WrongSignature as error:
        raise AlteredSealedFile(str(error), path=path, address=address) from None
    except MalformedFile as error:
        raise MalformedSealedFile(str(error), path=path, address=address) from None
    shown, expected = AUTHOR_PUBLIC.encode(found), AUTHOR_PUBLIC.encode(author)
    raise WrongAuthor(
        f"the file is signed by {shown}, expected {expected}",
        expected=expected,
        found=shown,
        path=path,
        address=address,
    )
