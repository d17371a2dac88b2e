"""Whose signature it is, where it is not the one that was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from faas_sealed.formats.errors import WrongSignature
from faas_sealed.formats.file import claimed_author
from faas_sealed.formats.keys import AUTHOR_PUBLIC

Verified = TypeVar("Verified")


def signed_by(author: bytes, data: bytes, verify: Callable[[bytes, bytes], Verified]) -> Verified:
    """Return what `verify` of the formats, or `verify_lines`, returns for `data` and `author`.

    `author` is a public key (32 bytes). Raises what that raises, and for a file that is
    whole and another author's a WrongSignature that names both.
    """
    try:
        return verify(data, author)
    except WrongSignature:
        other = claimed_author(data)
        if other == author:
            raise
        verify(data, other)
    found, expected = AUTHOR_PUBLIC.encode(other), AUTHOR_PUBLIC.encode(author)
    raise WrongSignature(f"the file is signed by {found}, expected {expected}")
