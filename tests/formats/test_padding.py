"""Padding of sealed bodies: frames that hide how long a stream's body is, and are dropped."""

from __future__ import annotations

import pytest
from faas_sealed.formats.errors import MalformedBody
from faas_sealed.formats.stream import (
    CHUNK_BYTES,
    Head,
    Opener,
    Sealer,
    encode_head,
    padded_size,
    seal_pieces,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.second import stream as second_stream
from tests.formats.second.stream import FINAL, MESSAGE, PUSH, open_stream, seal_stream
from tests.formats.second.suite import Refused

KEY = bytes(range(32))
HEAD = Head((("Content-Type", "text/plain"),))
PLAIN_HEAD = encode_head(HEAD)
SECRETSTREAM_HEADER = bytes(range(24))

pieces = st.lists(st.binary(max_size=60) | st.integers(65_400, 140_000).map(bytes), max_size=4)
frames = st.lists(st.tuples(st.sampled_from([MESSAGE, PUSH]), st.binary(max_size=40)), max_size=6)


def opened(data: bytes) -> tuple[bytes | None, bytes]:
    """Return the head and body that both implementations find, or raise MalformedBody."""
    opener = Opener(KEY)
    try:
        body = b"".join(opener.feed(data))
        opener.finish()
    except MalformedBody:
        with pytest.raises(Refused):
            open_stream(data, KEY)
        raise
    assert open_stream(data, KEY) == (opener.head, body)
    return opener.head, body


def padded(*body: bytes) -> bytes:
    return b"".join(seal_pieces(KEY, HEAD, body, pad=True))


def stream_of(*frames: tuple[int, bytes]) -> bytes:
    return seal_stream(KEY, SECRETSTREAM_HEADER, frames)


# What is written.


def test_the_size_of_a_padded_stream_is_the_least_that_the_protocol_allows() -> None:
    for size in range(1, 3 * CHUNK_BYTES):
        assert padded_size(size) == second_stream.padded_size(size)


@given(st.integers(1, 2**40))
def test_a_padded_size_is_a_power_of_two_or_a_multiple_of_a_chunk(size: int) -> None:
    padded = padded_size(size)
    assert padded_size(padded) == padded
    assert padded == size or padded - size >= 21  # a frame of padding has as many bytes
    if padded < CHUNK_BYTES:
        assert padded.bit_count() == 1
        assert padded // 2 - size < 21
    else:
        assert padded % CHUNK_BYTES == 0
        assert padded - CHUNK_BYTES - size < 21


@given(pieces)
def test_a_padded_body_is_read_as_it_was(body: list[bytes]) -> None:
    data = padded(*body)
    assert opened(data) == (PLAIN_HEAD, b"".join(body))
    plain = b"".join(seal_pieces(KEY, HEAD, body))
    assert len(data) == second_stream.padded_size(len(plain))


def test_streams_of_one_bucket_have_one_length() -> None:
    lengths = [len(padded(bytes(size))) for size in range(4096)]
    assert set(lengths) == {256, 512, 1024, 2048, 4096, 8192}
    chunks = [len(padded(bytes(size))) for size in range(40_000, 270_000, 997)]
    assert set(chunks) == {count * CHUNK_BYTES for count in range(1, 6)}


def test_the_stream_without_padding_tells_the_length_of_its_body() -> None:
    lengths = {len(b"".join(seal_pieces(KEY, HEAD, [bytes(size)]))) for size in range(1, 300)}
    assert len(lengths) == 299


def test_pieces_of_a_padded_body_are_not_held_back() -> None:
    opener = Opener(KEY)
    sealed = seal_pieces(KEY, HEAD, [b"first", b"second"], pad=True)
    assert opener.feed(next(sealed)) == []
    assert opener.feed(next(sealed)) == [b"first"]
    assert opener.feed(next(sealed)) == [b"second"]
    assert opener.feed(b"".join(sealed)) == []
    opener.finish()


def test_nothing_is_padded_where_nothing_is_missing() -> None:
    for size in range(300):
        sealer = Sealer(KEY)
        written = sealer.start(HEAD) + sealer.frame(bytes(size))
        assert sealer.size == len(written)
        padding = sealer.padding()
        assert sealer.size == len(written + padding)
        total = len(written + padding + sealer.frame(b"", final=True))
        assert total == second_stream.padded_size(len(written) + 21)
        assert (padding == b"") == (len(written) + 21 == total)


def test_padding_stands_between_head_and_final_frame() -> None:
    sealer = Sealer(KEY)
    with pytest.raises(ValueError, match="between"):
        sealer.padding()
    data = sealer.start(HEAD) + sealer.padding() + sealer.frame(b"", final=True)
    with pytest.raises(ValueError, match="between"):
        sealer.padding()
    assert opened(data) == (PLAIN_HEAD, b"")


# What is read.


@given(frames, st.binary(max_size=40))
def test_padding_is_dropped_wherever_it_stands(body: list[tuple[int, bytes]], last: bytes) -> None:
    data = stream_of((MESSAGE, PLAIN_HEAD), *body, (FINAL, last))
    expected = b"".join(plaintext for tag, plaintext in body if tag == MESSAGE) + last
    assert opened(data) == (PLAIN_HEAD, expected)


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES])
def test_padding_is_as_long_as_any_frame(length: int) -> None:
    data = stream_of((MESSAGE, PLAIN_HEAD), (PUSH, bytes(length)), (FINAL, b"body"))
    assert opened(data) == (PLAIN_HEAD, b"body")


@pytest.mark.parametrize(
    "frames",
    [
        [(PUSH, PLAIN_HEAD)],
        [(PUSH, PLAIN_HEAD), (FINAL, b"")],
        [(PUSH, b""), (MESSAGE, PLAIN_HEAD), (FINAL, b"")],
        [(MESSAGE, PLAIN_HEAD), (PUSH, b"")],
        [(MESSAGE, PLAIN_HEAD), (PUSH, bytes(CHUNK_BYTES + 1)), (FINAL, b"")],
        [(MESSAGE, PLAIN_HEAD), (FINAL, b""), (PUSH, b"")],
    ],
    ids=["only", "head", "before the head", "last", "too long", "behind the last"],
)
def test_padding_in_another_place_or_too_long_is_refused(frames: list[tuple[int, bytes]]) -> None:
    with pytest.raises(MalformedBody):
        opened(stream_of(*frames))


def test_every_byte_of_padding_is_authentic() -> None:
    data = stream_of((MESSAGE, PLAIN_HEAD), (PUSH, bytes(8)), (FINAL, b""))
    start = len(stream_of((MESSAGE, PLAIN_HEAD)))
    for at in range(start, start + 29):
        altered = bytearray(data)
        altered[at] ^= 1
        with pytest.raises(MalformedBody):
            opened(bytes(altered))
    with pytest.raises(MalformedBody):
        opened(data[:start] + data[start + 29 :])
