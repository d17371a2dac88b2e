"""The state of a function: two digests, which tell whether its source is sealed as it is now.

One is of the source and its terms. It is keyed with the author's signing key, because a plain
digest would confirm guesses at the source. The other is of the sealed file.
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
    """Return the keyed digest of a source and its terms.

    `terms` are a summary, as `summary` returns it; `seed` is the author's signing seed (32
    bytes).
    """
    sealed_with = json.dumps([function, terms, source.libraries]).encode()
    key = hkdf(seed, b"source unchanged")
    return hmac.new(key, sealed_with + b"\0" + source.bundle, hashlib.sha256).hexdigest()


def state_of(digest: str, file: SealedFile) -> bytes:
    """Return the state of a function whose source has this digest and is sealed in `file`."""
    return f"source {digest}\nsealed {hashlib.sha256(file.serialise()).hexdigest()}\n".encode()


def is_of_same_file(one: bytes, other: bytes) -> bool:
    """Tell whether two states name the same sealed file, whatever source they name."""
    return one.partition(b"\n")[2] == other.partition(b"\n")[2]


def state_path(project: Path, function: str) -> Path:
    """Return the path of a function's state."""
    return Keystore(project).folder / f"{function}.state"


def remembered_state(project: Path, function: str) -> bytes:
    """Return the state of a function as the last seal wrote it, or b"" if there is none."""
    return read_if_there(state_path(project, function)) or b""


def summary_of(header: Header) -> object:
    """Return a summary of the terms of a sealed file.

    It names recipients by their identity, because each seal may make them a new key.
    """
    slots = [(slot.to.id if slot.to else slot.id, slot.expires) for slot in header.slots]
    return summary(slots, header.expires, header.transport)


def summary(
    who: Iterable[tuple[str, int | None]], expires: int | None, transport: bytes | None
) -> object:
    """Return a summary of terms, which can be serialised to JSON.

    `who` has, for each slot, the id of an identity or a key, and the expiry. `transport` is a
    public key (1,216 bytes).
    """
    digest = None if transport is None else hashlib.sha256(transport).hexdigest()
    return sorted(who, key=lambda slot: (slot[0], slot[1] or 0)), expires, digest
