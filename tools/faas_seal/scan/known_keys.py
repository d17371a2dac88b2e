"""The keys that a scan looks for, under names that do not show them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from faas_sealed.formats.errors import MissingKey
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    TextForm,
    author_public,
    key_id,
)

from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_seal.sealing.terms import Terms

_SHOWN = re.compile(r"(fs[katis]1_)[A-Za-z0-9_-]+")


def author_canaries() -> dict[str, str | bytes]:
    """Return the canaries of this user's signing key, or {} if there is no such key."""
    try:
        return dict(_canaries(AUTHOR_SEED, keystore.author_seed()))
    except MissingKey:
        return {}


def function_canaries(store: Keystore) -> dict[str, str | bytes]:
    """Return the canaries of a project's function keys, those of recipients too."""
    found: dict[str, str | bytes] = {}
    for key in [*store.function_keys(), *_kept_for_recipients(store)]:
        found |= dict(_canaries(FUNCTION_KEY, key))
    return found


def _kept_for_recipients(store: Keystore) -> Iterator[bytes]:
    for path in sorted(store.folder.glob("*.terms")):
        for known in Terms.load(path).recipients:
            if known.function_key is not None:
                yield known.function_key


def name_of(form: TextForm, key: bytes) -> str:
    """Return a name for a secret key, by its id or its public half if it has one."""
    if form == FUNCTION_KEY:
        return f"the function key {key_id(key)}"
    if form == AUTHOR_SEED:
        return f"the author's signing key of {AUTHOR_PUBLIC.encode(author_public(key))}"
    return f"some {form.noun}"


def concealed(text: str) -> str:
    """Return a text, such as a command line or a file name, without the keys in it."""
    return _SHOWN.sub(r"\1…", text)


def _canaries(form: TextForm, key: bytes) -> Iterator[tuple[str, str | bytes]]:
    yield name_of(form, key), form.encode(key)
    yield f"the bytes of {name_of(form, key)}", key
