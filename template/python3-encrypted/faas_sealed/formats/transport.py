"""The transport secret: the seeds of a function's transport keys, as lines of text.

The first line is the key that new sealed files name. The second, if there is one, is the key
before it, so that tokens sealed to either open while a new key spreads.
"""

from __future__ import annotations

from collections.abc import Iterable

from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.keys import TRANSPORT_SEED, key_lines

MOST_TRANSPORT_KEYS = 2


def parse_transport_secret(text: str) -> tuple[bytes, ...]:
    """Return the seeds (32 bytes each) in a transport secret, or raise MalformedKey."""
    seeds = tuple(map(TRANSPORT_SEED.decode, key_lines(text)))
    if not 1 <= len(seeds) <= MOST_TRANSPORT_KEYS:
        raise MalformedKey(f"found {len(seeds)} transport keys, expected one or two")
    return seeds


def serialise_transport_secret(function: str, seeds: Iterable[bytes]) -> str:
    """Return the text of the transport secret of `function`; the newest seed comes first."""
    comment = f"# transport secret of {function}; sealed files name the first line"
    return "".join(f"{line}\n" for line in [comment, *map(TRANSPORT_SEED.encode, seeds)])
