"""The event loop: one callback for each descriptor that is ready, and none too many."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from faas_sealed.runtime.acceptor.loop import Loop

from tests.support import wait_until

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """Two pairs of sockets, each of which has a byte to read."""
    pairs = [socket.socketpair() for _ in range(2)]
    for peer, _ in pairs:
        peer.send(b"x")
    yield pairs
    for pair in pairs:
        for end in pair:
            end.close()


def test_it_waits_no_longer_than_it_may() -> None:
    Loop().turn(0.01)


def test_what_one_callback_has_unwatched_is_not_called_in_the_same_turn(pairs: list[Pair]) -> None:
    loop, called = Loop(), []

    def call(number: int) -> None:
        called.append(number)
        for _, ours in pairs:
            loop.unwatch(ours.fileno())

    for number, (_, ours) in enumerate(pairs):
        loop.watch(ours.fileno(), lambda number=number: call(number))  # type: ignore[misc]
    loop.turn(1)
    assert len(called) == 1
    loop.turn(0)
    assert len(called) == 1


def test_a_new_descriptor_with_an_old_number_is_not_taken_for_that(pairs: list[Pair]) -> None:
    loop, called = Loop(), []
    numbers = [ours.fileno() for _, ours in pairs]

    def replace() -> None:
        """Put another descriptor in the place of the one whose event comes next."""
        called.append("old")
        for number in numbers:
            loop.unwatch(number)
            os.dup2(quiet.fileno(), number)
            loop.watch(number, lambda: called.append("new"))

    quiet, peer = socket.socketpair()
    with closing(quiet), closing(peer):
        for number in numbers:
            loop.watch(number, replace)
        loop.turn(1)
        loop.turn(0)
        assert called == ["old"]
        peer.send(b"x")
        loop.turn(1)
        assert called == ["old", "new", "new"]


def test_after_one_event_there_is_none_until_it_is_asked_for_again(pairs: list[Pair]) -> None:
    loop, called = Loop(), []
    events = select.EPOLLIN | select.EPOLLONESHOT
    number = pairs[0][1].fileno()
    loop.watch(number, lambda: called.append(1), events)
    loop.turn(1)
    loop.turn(0)
    assert called == [1]
    loop.rearm(number, events)
    loop.turn(1)
    assert called == [1, 1]
    loop.rewatch(number, lambda: called.append(2))
    loop.turn(1)
    assert called == [1, 1, 2]
    assert loop.watches(number)


def test_a_signal_wakes_it() -> None:
    loop, numbers = Loop(), bytearray()
    before = signal.getsignal(signal.SIGUSR1)
    loop.watch_signals([signal.SIGUSR1], numbers.extend)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)

        def woken() -> bool:
            loop.turn(0.1)
            return bool(numbers)

        wait_until(woken, "the signal wakes it")
        assert bytes(numbers) == bytes([signal.SIGUSR1])
    finally:
        loop.unwatch_signals()
        signal.signal(signal.SIGUSR1, before)
