"""Access: which keys open a function, whatever a worker remembers of the previous one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faas_sealed.formats.bundle import pack
from faas_sealed.formats.errors import FunctionExpired, UnknownKey
from faas_sealed.formats.file import Recipient, seal
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public, key_id
from faas_sealed.runtime.shared.deployed import Deployed
from faas_sealed.runtime.worker.access import Access
from faas_sealed.settings import Settings

ONE, TWO, SEED = os.urandom(32), os.urandom(32), os.urandom(32)


def access_for(expires: int | None = None, denied: frozenset[str] = frozenset()) -> Access:
    """Return access to a function for two keys, of which the second expires at the time 100."""
    author = AUTHOR_PUBLIC.encode(author_public(SEED))
    sealed = seal(
        pack({"handler.py": b"def handle(event, context): pass"}),
        function="tested",
        seed=SEED,
        recipients=[Recipient(ONE), Recipient(TWO, expires=100)],
        created=1,
        expires=expires,
    )
    settings = Settings.from_environ({"seal_author": author}, Path())
    return Access.of(Deployed(sealed, denied=denied), settings)


def test_each_key_opens_the_same_whichever_came_before() -> None:
    access = access_for()
    keys = {access.content_key(key, 50) for key in (ONE, ONE, TWO, TWO, ONE)}
    assert keys == {access.sealed.content_key(ONE, 50)}


def test_a_wrong_key_opens_nothing_after_a_right_one_either() -> None:
    access = access_for()
    for key in (bytes(32), ONE[:-1] + bytes([ONE[-1] ^ 1]), b"", ONE + ONE):
        access.content_key(ONE, 50)
        with pytest.raises((UnknownKey, ValueError)):
            access.content_key(key, 50)


def test_a_key_that_was_just_used_expires_all_the_same() -> None:
    access = access_for()
    access.content_key(TWO, 99)
    with pytest.raises(UnknownKey):
        access.content_key(TWO, 100)
    access.content_key(ONE, 100)


def test_a_function_whose_key_was_just_used_expires_all_the_same() -> None:
    access = access_for(expires=80)
    access.content_key(ONE, 79)
    with pytest.raises(FunctionExpired):
        access.content_key(ONE, 80)


def test_a_denied_key_opens_nothing_and_the_others_do() -> None:
    access = access_for(denied=frozenset({key_id(ONE)}))
    with pytest.raises(UnknownKey):
        access.content_key(ONE, 50)
    assert access.content_key(TWO, 50)
    with pytest.raises(UnknownKey):
        access.content_key(ONE, 50)
