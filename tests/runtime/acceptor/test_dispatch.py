"""The dispatch: who gets a connection or room, in what order, and who has to go for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public
from faas_sealed.runtime.acceptor.connection import Connection
from faas_sealed.runtime.acceptor.dispatch import Dispatch
from faas_sealed.runtime.acceptor.loop import Loop
from faas_sealed.runtime.acceptor.pool import Pool
from faas_sealed.runtime.acceptor.workers import Life
from faas_sealed.runtime.shared.channel import Verb
from faas_sealed.settings import Settings

from tests.runtime.acceptor.test_workers import Subject

FOREVER = 2.0**62
Make = Callable[..., list[Subject]]
Connect = Callable[[], Connection]


@pytest.fixture
def settings() -> Settings:
    environ = {
        "seal_author": AUTHOR_PUBLIC.encode(author_public(bytes(32))),
        "seal_workers": "3",
        "seal_readers": "2",
        "seal_waiting": "2",
    }
    return Settings.from_environ(environ, Path())


@pytest.fixture
def pool(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """A pool whose zygote never starts."""
    pool = Pool(settings, Loop(), -1, on_message=lambda _: None, on_end=lambda _: None)
    monkeypatch.setattr(pool.zygotes, "keep_alive", lambda: None)
    yield pool
    os.close(pool.table.fd)


@pytest.fixture
def dispatch(settings: Settings, pool: Pool) -> Dispatch:
    return Dispatch(settings, pool)


@pytest.fixture
def make(pool: Pool) -> Iterator[Make]:
    """Put workers in these states into the pool."""

    def make(*lives: Life) -> list[Subject]:
        subjects = [Subject() for _ in lives]
        made.extend(subjects)
        pool.workers.extend(subjects)
        for subject, life in zip(subjects, lives, strict=True):
            subject.become(life)
            subject.told()
        return subjects

    made: list[Subject] = []
    yield make
    for subject in made:
        subject.end()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make connections that have something to say."""

    def connect() -> Connection:
        peers.append(Subject())
        return peers[-1].connection

    peers: list[Subject] = []
    yield connect
    for peer in peers:
        peer.end()


def lives(workers: list[Subject]) -> list[Life]:
    return [worker.life for worker in workers]


def test_a_used_worker_is_preferred_to_a_fresh_one(
    dispatch: Dispatch, make: Make, connect: Connect
) -> None:
    _, fresh, used = make(Life.FORKING, Life.FRESH, Life.RESTING)
    assert dispatch.take(connect())
    assert dispatch.take(connect())
    assert (used.told(), fresh.told()) == ([Verb.SERVE], [Verb.SERVE])


def test_a_request_that_is_half_sent_is_given_to_a_fresh_worker_alone(
    dispatch: Dispatch, make: Make, connect: Connect
) -> None:
    workers = make(Life.RESTING, Life.RESTING, Life.SERVING)
    half_sent = connect()
    half_sent.needs_fresh_worker = True
    assert dispatch.take(half_sent)
    dispatch.turn()
    # One goes, so that a fresh one can be forked in its place, and the others stay.
    assert lives(workers) == [Life.RETIRED, Life.RESTING, Life.SERVING]
    (fresh,) = make(Life.FRESH)
    dispatch.turn()
    assert fresh.held is half_sent


def test_others_pass_a_request_that_waits_for_a_fresh_worker(
    dispatch: Dispatch, make: Make, connect: Connect
) -> None:
    half_sent, whole = connect(), connect()
    half_sent.needs_fresh_worker = True
    make(Life.FORKING, Life.SERVING)
    dispatch.take(half_sent)
    (used,) = make(Life.RESTING)
    dispatch.take(whole)
    dispatch.turn()
    assert used.held is whole


def test_those_who_wait_are_served_in_their_order_and_are_not_too_many(
    dispatch: Dispatch, make: Make, connect: Connect
) -> None:
    first, second, third = connect(), connect(), connect()
    assert [dispatch.take(each) for each in (first, second, third)] == [True, True, False]
    workers = make(Life.FRESH)
    dispatch.turn()
    workers += make(Life.FRESH)
    dispatch.turn()
    assert [worker.held for worker in workers] == [first, second]


def test_who_has_waited_too_long_is_given_up(dispatch: Dispatch, connect: Connect) -> None:
    waiting = connect()
    dispatch.take(waiting)
    assert list(dispatch.give_up(0.0)) == []
    assert list(dispatch.give_up(FOREVER)) == [waiting]
    assert list(dispatch.give_up(FOREVER)) == []


def test_those_who_keep_a_connection_are_asked_for_it_once_others_wait(
    dispatch: Dispatch, make: Make, connect: Connect
) -> None:
    workers = make(Life.SERVING, Life.SLOW, Life.ASKING)
    dispatch.turn()
    assert [worker.told() for worker in workers] == [[]] * 3
    dispatch.take(connect())
    for _ in range(2):
        dispatch.turn()
    assert [worker.told() for worker in workers] == [[Verb.YIELD]] * 3


def test_who_has_yielded_is_served_first_or_told_to_rest(
    dispatch: Dispatch, make: Make, connect: Connect
) -> None:
    waiting = connect()
    dispatch.take(waiting)
    one, other = make(Life.EXPECTANT, Life.EXPECTANT)
    dispatch.turn()
    assert (one.held, one.told()) == (waiting, [Verb.SERVE])
    assert (other.life, other.told()) == (Life.RESTING, [Verb.REST])


def test_readers_are_not_too_many(dispatch: Dispatch, make: Make) -> None:
    workers = make(Life.SERVING, Life.SERVING, Life.SERVING)
    for worker in workers:
        dispatch.take_slow(worker)
    assert lives(workers) == [Life.SLOW, Life.SLOW, Life.SERVING]
    assert [worker.told() for worker in workers] == [[Verb.GO], [Verb.GO], [Verb.REFUSE]]
    dispatch.take_slow(workers[0])  # it is one already
    assert workers[0].told() == [Verb.GO]


def test_slow_requests_that_are_whole_get_room_in_their_order(
    dispatch: Dispatch, make: Make
) -> None:
    busy = make(Life.SERVING, Life.SERVING, Life.SERVING)
    readers = make(Life.SLOW, Life.SLOW)
    for reader in reversed(readers):
        dispatch.take_whole(reader)
    dispatch.turn()
    assert lives(readers) == [Life.ASKING, Life.ASKING]
    busy[0].release()
    dispatch.turn()
    assert lives(readers) == [Life.ASKING, Life.SERVING]
    assert lives(busy) == [Life.RETIRED, Life.SERVING, Life.SERVING]


def test_room_is_taken_from_those_who_are_free_the_fresh_first_and_never_one_being_forked(
    dispatch: Dispatch, make: Make
) -> None:
    others = make(Life.FORKING, Life.RESTING, Life.FRESH)
    readers = make(Life.SLOW, Life.SLOW)
    for reader in readers:
        dispatch.take_whole(reader)
    dispatch.turn()
    assert lives(readers) == [Life.SERVING, Life.SERVING]
    assert lives(others) == [Life.FORKING, Life.RETIRED, Life.RETIRED]


def test_who_asked_for_room_and_has_ended_is_passed_over(dispatch: Dispatch, make: Make) -> None:
    busy = make(Life.SERVING, Life.SERVING, Life.SERVING)
    condemned, gone, alive = make(Life.SLOW, Life.SLOW, Life.SLOW)
    for reader in (condemned, gone, alive):
        dispatch.take_whole(reader)
    condemned.condemn("the test says so")
    gone.close()
    busy[0].release()
    dispatch.turn()
    assert alive.life is Life.SERVING


def test_who_gets_no_room_in_time_is_refused(dispatch: Dispatch, make: Make) -> None:
    make(Life.SERVING, Life.SERVING, Life.SERVING)
    (reader,) = make(Life.SLOW)
    dispatch.take_whole(reader)
    assert list(dispatch.give_up(FOREVER)) == []
    assert (reader.life, reader.told()) == (Life.SLOW, [Verb.REFUSE])


def test_a_reader_that_hands_back_where_there_is_no_room_displaces_a_free_worker(
    dispatch: Dispatch, make: Make
) -> None:
    workers = make(Life.SLOW, Life.SERVING, Life.SERVING, Life.RESTING)
    workers[0].release()
    dispatch.turn()
    assert lives(workers).count(Life.RETIRED) == 1
    assert lives(workers[1:3]) == [Life.SERVING, Life.SERVING]
