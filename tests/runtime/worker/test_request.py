"""Requests read from a socket by peeking: split anywhere, and never a byte too many."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from faas_sealed.formats.errors import SealError, SlowRequest
from faas_sealed.runtime.shared.system import _NOWHERE, discard, unread
from faas_sealed.runtime.worker import glance
from faas_sealed.runtime.worker import request as reading
from faas_sealed.runtime.worker.glance import settles_whole
from faas_sealed.runtime.worker.request import Disconnected, Request, Wire

BODY = b"a body of some length"
REQUESTS = {
    "no body": b"GET /path?query HTTP/1.1\r\nHost: x\r\n\r\n",
    "counted": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "chunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"8;ext=1\r\na body o\r\n0d\r\nf some length\r\n0\r\nTrailer: x\r\n\r\n",
}
NEXT = b"GET /next HTTP/1.1\r\n\r\n"
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Return the peer's end of a connection, and ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours, _ = listener.accept()
    with theirs, ours:
        yield theirs, ours


def read(wire: Wire, max_body: int = 1000) -> tuple[Request, bytes]:
    wire.deadline = time.monotonic() + 20
    request = Request(wire, max_body)
    return request, b"".join(request.pieces())


def lies_whole(sock: socket.socket) -> bool:
    return settles_whole(sock, until=0.0)


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_in_two_parts_is_read_and_the_next_one_left(
    kind: str, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SETTLE_SECONDS", 0.0)
    theirs, ours = pair
    whole = REQUESTS[kind]
    for at in range(len(whole) + 1):
        waits: list[int] = []

        def send_rest(at: int = at, waits: list[int] = waits) -> None:
            waits.append(at)
            theirs.sendall(whole[at:] + NEXT)

        if at < len(whole):
            theirs.sendall(whole[:at])
        else:
            theirs.sendall(whole + NEXT)
        request, body = read(Wire(ours, send_rest))
        assert body == (b"" if kind == "no body" else BODY)
        assert request.body_read
        assert waits == ([at] if at < len(whole) else [])
        assert ours.recv(1000) == NEXT


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\r\n\r\n"])
@pytest.mark.parametrize("kind", REQUESTS)
def test_only_a_whole_request_lies_whole(kind: str, before: bytes, pair: Pair) -> None:
    theirs, ours = pair
    whole = before + REQUESTS[kind]
    for at in range(len(whole)):
        theirs.sendall(whole[at : at + 1])
        while unread(ours) <= at:
            time.sleep(0)
        assert lies_whole(ours) == (at + 1 == len(whole)), whole[: at + 1]
    theirs.sendall(NEXT)
    assert lies_whole(ours)
    assert unread(ours) >= len(whole)


def test_a_request_settles_whole_or_is_found_not_to(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = pair
    theirs.sendall(REQUESTS["counted"][:-1])
    assert not settles_whole(ours, time.monotonic() + 20)
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
    monkeypatch.setattr(glance, "SETTLE_SECONDS", 20.0)
    start = time.monotonic()
    assert not settles_whole(ours, start + 0.05)
    assert 0.04 < time.monotonic() - start < 10
    theirs.sendall(REQUESTS["counted"][-1:])
    assert settles_whole(ours, time.monotonic() + 20)


def test_a_peer_that_closes_in_between_is_not_waited_for(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glance, "SETTLE_SECONDS", 20.0)
    theirs, ours = pair
    theirs.sendall(REQUESTS["counted"][:-1])
    theirs.shutdown(socket.SHUT_WR)
    start = time.monotonic()
    assert not settles_whole(ours, start + 20)
    assert time.monotonic() - start < 10


def test_what_does_not_come_in_time_is_slow(pair: Pair) -> None:
    theirs, ours = pair
    theirs.sendall(REQUESTS["counted"][:-1])
    wire = Wire(ours)
    wire.deadline = time.monotonic() + 0.05
    with pytest.raises(SlowRequest):
        b"".join(Request(wire, 1000).pieces())


def test_who_is_gone_before_the_head_is_whole_is_disconnected(pair: Pair) -> None:
    theirs, ours = pair
    theirs.sendall(b"GET / HT")
    theirs.close()
    with pytest.raises(Disconnected):
        read(Wire(ours))


def test_a_body_is_skipped_only_where_it_lies_untouched(pair: Pair) -> None:
    theirs, ours = pair
    wire = Wire(ours)
    wire.deadline = time.monotonic() + 20
    for kind in ("counted", "chunked"):
        theirs.sendall(REQUESTS[kind] + NEXT)
        while not lies_whole(ours):
            time.sleep(0)
        request = Request(wire, 1000)
        assert request.skip_body()
        assert ours.recv(len(NEXT)) == NEXT
        theirs.sendall(REQUESTS[kind][:-1])
        assert not Request(wire, 1000).skip_body()
        assert discard(ours)
    theirs.sendall(REQUESTS["chunked"][:-1])
    request = Request(wire, 1000)
    assert next(request.pieces()) == b"a body o"
    assert not request.skip_body()


def test_the_size_of_a_body_is_bounded_exactly(pair: Pair) -> None:
    theirs, ours = pair
    for kind in ("counted", "chunked"):
        theirs.sendall(REQUESTS[kind])
        assert read(Wire(ours), max_body=len(BODY))[1] == BODY
        theirs.sendall(REQUESTS[kind])
        with pytest.raises(SealError, match="larger than seal_max_body"):
            read(Wire(ours), max_body=len(BODY) - 1)
        assert discard(ours)


def test_what_is_discarded_never_comes_into_the_process(pair: Pair) -> None:
    theirs, ours = pair
    theirs.sendall(b"\xff" * 10_000)
    while unread(ours) < 10_000:
        time.sleep(0)
    assert discard(ours)
    assert unread(ours) == 0
    assert discard(ours)
    assert not any(_NOWHERE)
    theirs.close()
    while discard(ours):
        time.sleep(0)
