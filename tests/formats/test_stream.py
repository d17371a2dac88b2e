from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from faas_sealed.formats.errors import MalformedBody
from faas_sealed.formats.stream import (
    CHUNK_BYTES,
    Head,
    Opener,
    Sealer,
    decode_head,
    encode_head,
    request_key,
    response_key,
    seal_pieces,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.second.stream import (
    FINAL,
    MESSAGE,
    PUSH,
    open_stream,
    seal_stream,
    stream_key,
)
from tests.formats.second.suite import Refused

SESSION = bytes(range(32))
KEY = request_key(SESSION)
HEAD = Head((("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")))
PLAIN_HEAD = b'{"headers":[]}'
SECRETSTREAM_HEADER = bytes(range(24))

names = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8)
contents = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)
headers = st.lists(st.tuples(names, contents), max_size=4).map(tuple)
heads = st.builds(Head, headers, st.none() | st.integers(200, 599))
pieces = st.lists(st.binary(max_size=60) | st.integers(65_500, 140_000).map(bytes), max_size=4)


def opened(data: bytes, key: bytes = KEY, cut: Iterable[int] = ()) -> tuple[bytes | None, bytes]:
    """Return head and body of a whole stream that is fed in parts that end at `cut`."""
    opener = Opener(key)
    body, start = b"", 0
    for end in [*sorted(cut), len(data)]:
        body += b"".join(opener.feed(data[start:end]))
        start = end
    opener.finish()
    return opener.head, body


def frames_of(data: bytes) -> list[bytes]:
    """Split a stream into its header and its frames, lengths included."""
    parts, at = [data[:24]], 24
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        parts.append(data[at:end])
        at = end
    return parts


def stream(*body: bytes, key: bytes = KEY) -> bytes:
    return b"".join(seal_pieces(key, HEAD, body))


def stream_of(*frames: tuple[int, bytes]) -> bytes:
    return seal_stream(KEY, SECRETSTREAM_HEADER, frames)


def refused(data: bytes, key: bytes = KEY) -> bool:
    """Return whether a stream is refused; fail unless both implementations say the same."""
    try:
        first = opened(data, key)
    except MalformedBody:
        with pytest.raises(Refused):
            open_stream(data, key)
        return True
    assert open_stream(data, key) == first
    return False


# What is sealed is opened.


@given(heads, pieces, st.data())
def test_a_body_survives_in_pieces_of_any_size(
    head: Head, body: list[bytes], data: st.DataObject
) -> None:
    sealed = b"".join(seal_pieces(KEY, head, body))
    cut = data.draw(st.lists(st.integers(0, len(sealed)), max_size=6))
    raw, plaintext = opened(sealed, cut=cut)
    assert plaintext == b"".join(body)
    assert raw is not None
    assert decode_head(raw, response=head.status is not None) == head
    assert open_stream(sealed, KEY) == (raw, plaintext)


def test_a_body_survives_byte_by_byte() -> None:
    sealed = stream(b"one", b"", b"two")
    assert opened(sealed, cut=range(len(sealed))) == (encode_head(HEAD), b"onetwo")


def test_a_piece_is_sent_and_received_before_the_next_is_made() -> None:
    made = []

    def body() -> Iterator[bytes]:
        for piece in (b"first", b"second"):
            made.append(piece)
            yield piece

    opener = Opener(KEY)
    sealed = seal_pieces(KEY, HEAD, body())
    assert opener.feed(next(sealed)) == []
    assert decode_head(opener.head or b"", response=False) == HEAD
    assert made == []
    assert opener.feed(next(sealed)) == [b"first"]
    assert made == [b"first"]


def test_a_long_piece_is_split_into_whole_chunks_and_a_rest() -> None:
    lengths = [len(frame) for frame in frames_of(stream(bytes(2 * CHUNK_BYTES + 5)))]
    overhead = 4 + 17
    assert lengths[2:] == [CHUNK_BYTES + overhead, CHUNK_BYTES + overhead, 5 + overhead, overhead]


def test_the_first_frame_may_be_the_last() -> None:
    sealed = Sealer(KEY).start(HEAD, final=True)
    assert opened(sealed) == (encode_head(HEAD), b"")
    assert open_stream(sealed, KEY) == (encode_head(HEAD), b"")


def test_a_sealer_writes_no_stream_that_an_opener_refuses() -> None:
    sealer = Sealer(KEY)
    with pytest.raises(ValueError, match="between"):
        sealer.frame(b"before the head")
    with pytest.raises(ValueError, match="pair"):
        sealer.start(Head((("not a name", ""),)))
    sealer.start(HEAD)
    with pytest.raises(ValueError, match="65536 bytes, found 65537"):
        sealer.frame(bytes(CHUNK_BYTES + 1))
    with pytest.raises(ValueError, match="has been started"):
        sealer.start(HEAD)
    sealer.frame(b"last", final=True)
    with pytest.raises(ValueError, match="between"):
        sealer.frame(b"behind the last")


def test_one_body_sealed_twice_looks_different() -> None:
    first, second = frames_of(stream(b"same")), frames_of(stream(b"same"))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_the_directions_have_keys_of_their_own() -> None:
    assert request_key(SESSION) == stream_key(SESSION, "request")
    assert response_key(SESSION) == stream_key(SESSION, "response")
    assert request_key(SESSION) != response_key(SESSION)
    with pytest.raises(ValueError, match="31 bytes"):
        request_key(SESSION[:31])


# What was altered is refused.


def test_every_frame_is_refused_in_another_place() -> None:
    header, *frames = frames_of(stream(b"one", b"two", b"three"))
    for at in range(len(frames)):
        for to in range(len(frames)):
            if at != to:
                moved = frames[:at] + frames[at + 1 :]
                moved.insert(to, frames[at])
                assert refused(header + b"".join(moved))


def test_a_frame_that_is_dropped_or_repeated_is_refused() -> None:
    header, *frames = frames_of(stream(b"one", b"one", b""))
    for at in range(len(frames)):
        assert refused(header + b"".join(frames[:at] + frames[at + 1 :]))
        assert refused(header + b"".join(frames[: at + 1] + frames[at:]))


def test_a_stream_that_ends_early_is_refused_wherever_it_ends() -> None:
    sealed = stream(b"one", b"two")
    assert all(refused(sealed[:end]) for end in range(len(sealed)))


def test_a_byte_behind_the_final_frame_is_refused_whenever_it_comes() -> None:
    sealed = stream(b"one")
    assert refused(sealed + b"\0")
    assert refused(sealed + sealed)
    opener = Opener(KEY)
    opener.feed(sealed)
    opener.finish()
    assert opener.feed(b"") == []
    with pytest.raises(MalformedBody):
        opener.feed(b"\0")


def test_frames_of_another_stream_are_refused() -> None:
    request = frames_of(stream(b"one", b"two"))
    same_direction = frames_of(stream(b"one", b"two"))
    response = frames_of(stream(b"one", b"two", key=response_key(SESSION)))
    other_call = frames_of(stream(b"one", b"two", key=request_key(bytes(32))))
    for other in (same_direction, response, other_call):
        for at in range(len(request)):
            assert refused(b"".join([*request[:at], other[at], *request[at + 1 :]]))
            if at:
                assert refused(b"".join([*request[:at], *other[at:]]))


def test_a_response_is_not_taken_for_the_request_nor_one_call_for_another() -> None:
    assert refused(stream(b"one"), response_key(SESSION))
    assert refused(stream(b"one"), request_key(bytes(32)))


@given(st.data())
def test_a_stream_with_one_other_bit_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(stream(b"one", b"two"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert refused(bytes(sealed))


@pytest.mark.parametrize("tag", [tag for tag in range(256) if tag not in (MESSAGE, PUSH, FINAL)])
def test_a_tag_that_no_frame_has_is_refused(tag: int) -> None:
    assert refused(stream_of((tag, PLAIN_HEAD), (FINAL, b"")))
    assert refused(stream_of((MESSAGE, PLAIN_HEAD), (tag, b"x"), (FINAL, b"")))
    assert refused(stream_of((MESSAGE, PLAIN_HEAD), (tag, b"x")))
    assert not refused(stream_of((MESSAGE, PLAIN_HEAD), (MESSAGE, b"x"), (FINAL, b"")))


@pytest.mark.parametrize("length", [0, 1, 16, 65_554, 2**31, 2**32 - 1])
def test_a_length_out_of_bounds_is_refused_before_anything_is_read(length: int) -> None:
    opener = Opener(KEY)
    opener.feed(SECRETSTREAM_HEADER)
    with pytest.raises(MalformedBody, match="length"):
        opener.feed(length.to_bytes(4, "big"))


def test_the_longest_frame_is_taken_and_a_longer_one_is_not() -> None:
    assert not refused(stream_of((MESSAGE, PLAIN_HEAD), (FINAL, bytes(CHUNK_BYTES))))
    assert refused(stream_of((MESSAGE, PLAIN_HEAD), (FINAL, bytes(CHUNK_BYTES + 1))))


@pytest.mark.parametrize("fault", [stream(b"x")[:-1] + b"\0", stream(b"x") + b"\0"])
def test_whoever_goes_on_after_an_error_gets_it_again(fault: bytes) -> None:
    opener = Opener(KEY)
    for call in (lambda: opener.feed(fault), lambda: opener.feed(b""), opener.finish):
        with pytest.raises(MalformedBody):
            call()
    early = Opener(KEY)
    for call in (early.finish, lambda: early.feed(stream(b"x"))):
        with pytest.raises(MalformedBody):
            call()


@given(st.binary(max_size=120))
def test_no_bytes_make_the_opener_fail_in_another_way(data: bytes) -> None:
    assert refused(data)
    assert refused(SECRETSTREAM_HEADER + data)


def test_an_opener_holds_one_frame_however_long_the_stream() -> None:
    chunk, data = bytes(CHUNK_BYTES), bytes(1000)
    sealer, opener = Sealer(KEY), Opener(KEY)
    opener.feed(sealer.start(HEAD))
    tracemalloc.start()
    try:
        for _ in range(50):
            frame = sealer.frame(chunk)
            for at in range(0, len(frame), len(data)):
                opener.feed(frame[at : at + len(data)])
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * CHUNK_BYTES
    assert peak < 8 * CHUNK_BYTES
