"""The second implementation's secretstream is libsodium's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from tests.formats.second.stream import MESSAGE, Secretstream, hchacha20

KEY = bytes(range(32))


def test_hchacha20_agrees_with_the_published_example() -> None:
    # draft-irtf-cfrg-xchacha, section 2.2.1.
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    assert hchacha20(bytes(range(32)), nonce) == bytes.fromhex(
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    )


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=200)), max_size=5))
def test_both_write_the_same_whatever_the_tags(
    messages: list[tuple[int, bytes]],
) -> None:
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    second = Secretstream(KEY, bindings.crypto_secretstream_xchacha20poly1305_init_push(state, KEY))
    for tag, plaintext in messages:
        message = bindings.crypto_secretstream_xchacha20poly1305_push(state, plaintext, tag=tag)
        assert second.push(tag, plaintext) == message


def test_both_change_their_key_when_the_counter_is_spent() -> None:
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, KEY)
    second = Secretstream(KEY, header, counter=2**32 - 2)
    first_key = second.key
    # libsodium's state: the key of 32 bytes, then the counter.
    state.statebuf[32:36] = (2**32 - 2).to_bytes(4, "little")  # type: ignore[index]
    for plaintext in (b"last but one", b"last", b"first of the next key", bytes(100)):
        message = bindings.crypto_secretstream_xchacha20poly1305_push(state, plaintext)
        assert second.push(MESSAGE, plaintext) == message
    assert second.key != first_key
