from __future__ import annotations

import pytest
from faas_sealed.formats.hpke import OVERHEAD_BYTES, PrivateKey, seal
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import forge
from tests.formats.second import hpke

KEY = PrivateKey(forge.TRANSPORT_SEED)
seeds = st.binary(min_size=32, max_size=32)
purposes = st.sampled_from([b"token", b"grant"])


@given(seeds)
def test_every_seed_gives_the_same_public_key_everywhere(seed: bytes) -> None:
    assert PrivateKey(seed).public == hpke.public(seed)


@given(seed=seeds, plaintext=st.binary(max_size=300), purpose=purposes, context=st.binary())
def test_what_one_implementation_seals_both_open(
    seed: bytes, plaintext: bytes, purpose: bytes, context: bytes
) -> None:
    key = PrivateKey(seed)
    info = b"faas-seal/v1 " + purpose + b"\0" + context
    sealed = seal(key.public, plaintext, purpose, context)
    assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
    assert key.open(sealed, purpose, context) == plaintext
    assert hpke.open_sealed(seed, sealed, info) == plaintext
    assert key.open(hpke.seal(key.public, plaintext, info), purpose, context) == plaintext


def check_refused(sealed: bytes, purpose: bytes = b"token", context: bytes = b"CTX") -> None:
    with pytest.raises(ValueError, match=r"^wrong key or context, or altered ciphertext$") as error:
        KEY.open(sealed, purpose, context)
    assert error.value.__suppress_context__


def test_one_message_sealed_twice_shares_no_byte_string() -> None:
    first, second = (seal(KEY.public, b"same", b"token", b"CTX") for _ in range(2))
    assert not {first[at : at + 8] for at in range(len(first) - 8)} & {
        second[at : at + 8] for at in range(len(second) - 8)
    }


def test_no_bit_of_what_is_sealed_can_be_another() -> None:
    whole = seal(KEY.public, b"a key", b"token", b"CTX")
    for at in range(len(whole)):
        for mask in (0x01, 0x80):
            check_refused(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :])


def test_what_is_sealed_cannot_be_shorter_or_longer() -> None:
    whole = seal(KEY.public, b"a key", b"token", b"CTX")
    for length in range(len(whole)):
        check_refused(whole[:length])
    check_refused(whole + b"\0")


@given(st.binary() | st.binary(min_size=1120, max_size=1200))
def test_no_bytes_make_opening_fail_in_another_way(data: bytes) -> None:
    check_refused(data)


def test_only_the_same_key_purpose_and_context_open() -> None:
    sealed = seal(KEY.public, b"a key", b"token", b"CTX")
    assert KEY.open(sealed, b"token", b"CTX") == b"a key"
    check_refused(sealed, purpose=b"grant")
    check_refused(sealed, context=b"CTX2")
    check_refused(sealed, context=b"")
    check_refused(seal(PrivateKey(bytes(32)).public, b"a key", b"token", b"CTX"))


@pytest.mark.parametrize("length", [0, 31, 33, 96])
def test_a_seed_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=rf"^seed is {length} bytes, expected 32$"):
        PrivateKey(bytes(length))


@pytest.mark.parametrize(
    "public",
    [
        b"",
        KEY.public[:-1],
        KEY.public + b"\0",
        KEY.public[:1184],
        KEY.public[1184:],
        b"\xff" * 1184 + KEY.public[1184:],  # coefficients that are not below the modulus
        KEY.public[:1184] + bytes(32),  # a point of low order
    ],
    ids=["empty", "short", "long", "mlkem", "x25519", "modulus", "low-order"],
)
def test_nothing_is_sealed_to_what_is_no_public_key(public: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not a public key of MLKEM768-X25519$"):
        seal(public, b"a key", b"token", b"CTX")


def test_a_private_key_shows_nothing_when_it_is_printed() -> None:
    shown = repr(KEY) + str(KEY) + repr(vars(KEY)["_key"])
    for secret in (forge.TRANSPORT_SEED, KEY.public):
        assert secret[:8].hex() not in shown
        assert repr(secret[:8])[2:-1] not in shown
