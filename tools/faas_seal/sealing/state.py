"""The state of a function: a record of what was sealed last, which tells nothing of the source.

Two lines: a digest of the source and its terms, keyed with the author's signing key, because
a plain one would confirm guesses at the source; and the digest of the sealed file.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from pathlib import Path

from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.header import Header
from faas_sealed.formats.primitives import hkdf

from faas_seal.project.files import read_if_there
from faas_seal.project.keystore import Keystore
from faas_seal.sealing.source import Source


def source_digest(function: str, source: Source, terms: object, seed: bytes) -> str:
    """Return what tells a source, sealed on these terms, from any other.

    `terms` are a summary, `seed` is the author's signing seed (32 bytes).
    """
    sealed_with = json.dumps([function, terms, source.libraries]).encode()
    key = hkdf(seed, b"source unchanged")
    return hmac.new(key, sealed_with + b"\0" + source.bundle, hashlib.sha256).hexdigest()


def state_of(digest: str, file: SealedFile) -> bytes:
    """Return the state of a function whose source has this digest and is sealed in a file."""
    return f"source {digest}\nsealed {hashlib.sha256(file.serialise()).hexdigest()}\n".encode()


def is_of_same_file(one: bytes, other: bytes) -> bool:
    """Tell whether two states name the same sealed file, whatever source they name."""
    return one.partition(b"\n")[2] == other.partition(b"\n")[2]


def state_path(project: Path, function: str) -> Path:
    """Return where the state of a function is kept."""
    return Keystore(project).folder / f"{function}.state"


def remembered_state(project: Path, function: str) -> bytes:
    """Return the state of a function as it was kept, or nothing if it was not."""
    return read_if_there(state_path(project, function)) or b""


def summary_of(header: Header) -> object:
    """Return the terms of a sealed file, as JSON can say them.

    A recipient is named by their identity: their function key may be new at each seal.
    """
    slots = [(slot.to.id if slot.to else slot.id, slot.expires) for slot in header.slots]
    return summary(slots, header.expires, header.transport)


def summary(
    who: Iterable[tuple[str, int | None]], expires: int | None, transport: bytes | None
) -> object:
    """Return what `summary_of` returns for a file with these terms.

    `who` has the id, of an identity or a key, and the expiry of each slot; `transport` is
    a public key (1,216 bytes).
    """
    digest = None if transport is None else hashlib.sha256(transport).hexdigest()
    return sorted(who, key=lambda slot: (slot[0], slot[1] or 0)), expires, digest
