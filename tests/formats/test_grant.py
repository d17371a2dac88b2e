from __future__ import annotations

import pytest
from faas_sealed.formats.errors import UnknownKey
from faas_sealed.formats.file import Recipient, seal, verify
from faas_sealed.formats.grant import grant, open_grant
from faas_sealed.formats.header import GRANT_BYTES, Grant
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.hpke import seal as hpke_seal
from faas_sealed.formats.keys import identity_id
from faas_sealed.formats.primitives import context
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import forge
from tests.formats.second.file import granted_key, read_file

CONTEXT = context("greet", forge.public())
IDENTITY = PrivateKey(forge.IDENTITY_SEED)
keys = st.binary(min_size=32, max_size=32)


@given(key=keys, seed=keys)
def test_an_identity_opens_its_function_key_from_the_file(key: bytes, seed: bytes) -> None:
    identity = PrivateKey(seed)
    to = grant(key, identity.public, CONTEXT)
    assert to.id == identity_id(identity.public)
    assert len(to.sealed) == GRANT_BYTES
    recipient = Recipient(key, to=to)
    file = seal(b"", function="greet", seed=forge.SEED, recipients=[recipient], created=0)
    data = file.serialise()
    [slot] = verify(data, forge.public()).header.slots
    assert slot.to is not None
    assert open_grant(slot.to, identity, CONTEXT) == key
    assert granted_key(read_file(data, forge.public())[0], seed, 0) == key


def test_a_grant_opens_for_its_identity_function_and_author_only() -> None:
    to = grant(forge.FUNCTION_KEY, IDENTITY.public, CONTEXT)
    with pytest.raises(UnknownKey):
        open_grant(to, PrivateKey(bytes(32)), CONTEXT)
    for other in (context("other", forge.public()), context("greet", bytes(32))):
        with pytest.raises(UnknownKey):
            open_grant(to, IDENTITY, other)


@given(st.binary(max_size=GRANT_BYTES + 1))
def test_no_bytes_make_a_grant_fail_in_another_way(sealed: bytes) -> None:
    with pytest.raises(UnknownKey):
        open_grant(Grant(identity_id(IDENTITY.public), sealed), IDENTITY, CONTEXT)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_grant_holds_a_whole_key(length: int) -> None:
    with pytest.raises(ValueError, match=f"function key is {length} bytes, expected 32"):
        grant(bytes(length), IDENTITY.public, CONTEXT)
    sealed = hpke_seal(IDENTITY.public, bytes(length), b"grant", CONTEXT)
    with pytest.raises(UnknownKey):
        open_grant(Grant(identity_id(IDENTITY.public), sealed), IDENTITY, CONTEXT)


@pytest.mark.parametrize("length", [0, 32, 1215, 1217])
def test_only_whole_public_keys_are_identities(length: int) -> None:
    with pytest.raises(ValueError, match=f"public key is {length} bytes, expected 1216"):
        identity_id(bytes(length))
    with pytest.raises(ValueError, match="not a public key"):
        grant(forge.FUNCTION_KEY, bytes(length), CONTEXT)
