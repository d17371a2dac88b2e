"""Padding of sealed bodies: frames that are longer than what they hold."""

from __future__ import annotations

from collections.abc import Iterator

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

from tests.formats.second.stream import (
    FINAL,
    MESSAGE,
    PUSH,
    open_stream,
    padded,
    padded_frames,
    seal_stream,
)
from tests.formats.second.suite import Refused

KEY = bytes(range(32))
HEAD = Head((("Content-Type", "text/plain"),))
PLAIN_HEAD = encode_head(HEAD)
SECRETSTREAM_HEADER = bytes(range(24))
SIZES = [2**power for power in range(8, 17)]

ends = st.sampled_from([b"", b"\0", b"\x80", b"\x80\0", b"\0\x80"])
contents = st.tuples(st.binary(max_size=60), ends).map(b"".join)
pieces = st.lists(contents | st.integers(65_400, 140_000).map(bytes), max_size=4)


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


def sealed(*body: bytes, head: Head = HEAD, pad: bool = True) -> bytes:
    return b"".join(seal_pieces(KEY, head, body, pad=pad))


def lengths_in(data: bytes) -> Iterator[int]:
    """Yield what anyone can read of a stream: how long the plaintext of each frame is."""
    at = 24
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield length - 17
        at += 4 + length


def stream_of(*frames: tuple[int, bytes]) -> bytes:
    return seal_stream(KEY, SECRETSTREAM_HEADER, frames)


# What is written.


@given(pieces)
def test_a_padded_body_is_read_as_it_was(body: list[bytes]) -> None:
    data = sealed(*body)
    assert opened(data) == (PLAIN_HEAD, b"".join(body))
    *lengths, last = lengths_in(data)
    assert last == 0
    assert set(lengths) <= set(SIZES)
    assert len(lengths) >= 2
    second = stream_of(*padded_frames(PLAIN_HEAD, body))
    assert list(lengths_in(second)) == [*lengths, last]
    assert opened(second) == (PLAIN_HEAD, b"".join(body))


@given(pieces)
def test_a_body_without_padding_keeps_what_looks_like_it(body: list[bytes]) -> None:
    assert opened(sealed(*body, pad=False)) == (PLAIN_HEAD, b"".join(body))


def test_a_frame_is_padded_to_the_next_size_and_no_further() -> None:
    for size in range(CHUNK_BYTES + 1):
        assert padded_size(size) == min(each for each in SIZES if each >= size)


def test_frames_on_the_wire_tell_of_a_body_only_between_which_powers_of_two_it_is() -> None:
    for least, most in [(0, 256), *((size + 1, 2 * size) for size in SIZES[:-1])]:
        seen = {
            tuple(lengths_in(sealed(bytes(size))))
            for size in (least, least + 1, (least + most) // 2, most - 1, most)
        }
        assert seen == {(256, most, 0)}


@pytest.mark.parametrize("chunks", [2, 3, 4])
def test_a_longer_body_is_in_whole_chunks(chunks: int) -> None:
    for size in (chunks - 1) * CHUNK_BYTES + 1, chunks * CHUNK_BYTES - 1, chunks * CHUNK_BYTES:
        assert list(lengths_in(sealed(bytes(size)))) == [256, *[CHUNK_BYTES] * chunks, 0]


def test_a_body_in_whole_chunks_looks_like_the_same_in_one_piece() -> None:
    for size in 0, 1, 65_535, 65_536, 65_537, 66_000, 70_000, 131_072, 200_000:
        body = bytes(size)
        chunks = [body[at : at + CHUNK_BYTES] for at in range(0, size, CHUNK_BYTES)]
        assert list(lengths_in(sealed(*chunks))) == list(lengths_in(sealed(body)))


def test_what_follows_a_whole_chunk_is_filled_and_other_pieces_are_padded_by_themselves() -> None:
    whole = bytes(CHUNK_BYTES)
    for size in 1, 300, CHUNK_BYTES:
        lengths = list(lengths_in(sealed(b"x", whole, bytes(size))))
        assert lengths == [256, 256, CHUNK_BYTES, CHUNK_BYTES, 0]
    seen = sealed(whole, b"x", *[b"x" * 300] * 500)
    assert list(lengths_in(seen)) == [256, CHUNK_BYTES, CHUNK_BYTES, *[512] * 500, 0]


def test_the_head_is_padded_too() -> None:
    for size, length in ((0, 256), (100, 256), (300, 512), (30_000, 32_768), (60_000, 65_536)):
        data = sealed(head=Head((("x", "y" * size),)))
        assert list(lengths_in(data)) == [length, 256, 0]
    longest = Head((("x", "y" * (CHUNK_BYTES - len('{"headers":[["x",""]]}'))),))
    data = sealed(head=longest)
    assert opened(data)[0] == encode_head(longest)
    assert list(lengths_in(data)) == [CHUNK_BYTES, 256, 0]


def test_no_body_looks_like_a_short_one() -> None:
    bodies: list[list[bytes]] = [[], [b""], [b"", b""], [b"x"], [b"x" * 256]]
    assert {tuple(lengths_in(sealed(*body))) for body in bodies} == {(256, 256, 0)}


def test_a_stream_without_padding_tells_all_lengths() -> None:
    data = sealed(b"body", pad=False)
    assert list(lengths_in(data)) == [len(PLAIN_HEAD), 4, 0]


def test_pieces_of_a_padded_body_are_not_held_back() -> None:
    opener = Opener(KEY)
    parts = seal_pieces(KEY, HEAD, [b"first", b"second"], pad=True)
    assert opener.feed(next(parts)) == []
    assert opener.feed(next(parts)) == [b"first"]
    assert opener.feed(next(parts)) == [b"second"]
    assert opener.feed(b"".join(parts)) == []
    opener.finish()


def test_the_first_frame_of_a_padded_stream_may_be_the_last() -> None:
    data = Sealer(KEY, pad=True).start(HEAD, final=True)
    assert opened(data) == (PLAIN_HEAD, b"")


# What is read.


@given(contents, contents, st.integers(0, 80))
def test_padding_of_any_length_comes_off_and_nothing_else(
    head: bytes, body: bytes, missing: int
) -> None:
    frames = [padded(content, len(content) + missing) for content in (head, body)]
    assert opened(stream_of(*frames, (FINAL, b"\x80\0"))) == (head, body + b"\x80\0")


def test_a_frame_that_holds_nothing_stands_anywhere_before_the_last() -> None:
    nothing = (PUSH, b"\x80" + bytes(40))
    head, body = (MESSAGE, PLAIN_HEAD), (MESSAGE, b"bo")
    data = stream_of(head, nothing, body, nothing, nothing, (FINAL, b"dy"))
    assert opened(data) == (PLAIN_HEAD, b"body")
    # Such a first frame is the head.
    assert opened(stream_of(nothing, body, (FINAL, b"dy"))) == (b"", b"body")


@pytest.mark.parametrize("frame", [b"\x80", b"\x80" + bytes(CHUNK_BYTES - 1)], ids=len)
def test_padding_is_as_long_as_any_frame(frame: bytes) -> None:
    data = stream_of((MESSAGE, PLAIN_HEAD), (PUSH, frame), (FINAL, b"body"))
    assert opened(data) == (PLAIN_HEAD, b"body")


@pytest.mark.parametrize("plaintext", [b"", b"\0", bytes(40), b"x", b"x\0", b"\x80x", b"\x80\1\0"])
def test_padding_of_another_form_is_refused(plaintext: bytes) -> None:
    for frames in (
        [(PUSH, PLAIN_HEAD + plaintext), (FINAL, b"")],
        [(MESSAGE, PLAIN_HEAD), (PUSH, plaintext), (FINAL, b"")],
    ):
        with pytest.raises(MalformedBody):
            opened(stream_of(*frames))


@pytest.mark.parametrize(
    "frames",
    [
        [(PUSH, PLAIN_HEAD + b"\x80")],
        [(MESSAGE, PLAIN_HEAD), (PUSH, b"\x80")],
        [(MESSAGE, PLAIN_HEAD), (PUSH, b"\x80" + bytes(CHUNK_BYTES)), (FINAL, b"")],
        [(MESSAGE, PLAIN_HEAD), (FINAL, b""), (PUSH, b"\x80")],
    ],
    ids=["only", "last", "too long", "behind the last"],
)
def test_padding_in_another_place_or_too_long_is_refused(frames: list[tuple[int, bytes]]) -> None:
    with pytest.raises(MalformedBody):
        opened(stream_of(*frames))


def test_every_byte_of_padding_is_authentic() -> None:
    data = stream_of((MESSAGE, PLAIN_HEAD), (PUSH, b"\x80" + bytes(7)), (FINAL, b""))
    start = len(stream_of((MESSAGE, PLAIN_HEAD)))
    for at in range(start, start + 29):
        altered = bytearray(data)
        altered[at] ^= 1
        with pytest.raises(MalformedBody):
            opened(bytes(altered))
    with pytest.raises(MalformedBody):
        opened(data[:start] + data[start + 29 :])
