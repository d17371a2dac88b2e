"""The life of a worker, as the acceptor sees it: its moves, and what it is killed for."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from faas_sealed.runtime.acceptor.connection import Connection
from faas_sealed.runtime.acceptor.workers import HOLDING, MAY_SAY, MOVES, Life, WorkerProcess
from faas_sealed.runtime.shared.channel import Channel, Verb

from tests.support import wait_until

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
NUMBER = 7


class Subject(WorkerProcess):
    """A worker whose process only sleeps; the test holds the other end of its channel."""

    def __init__(self, *, serves_once: bool = False) -> None:
        ours, self.theirs = Channel.pair()
        super().__init__(0, ours, serves_once=serves_once)
        self.client, accepted = socket.socketpair()
        self.connection = Connection(accepted, NUMBER)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> tuple[int, int]:
        """Start its process; return process id and pidfd."""
        self.process = subprocess.Popen(["sleep", "60"], start_new_session=True)
        return self.process.pid, os.pidfd_open(self.process.pid)

    def become(self, life: Life) -> None:
        """Get into a state as in operation."""
        for name in WAYS[life]:
            DEEDS[name](self)
        assert self.life is life

    def told(self) -> list[Verb]:
        """Take what it has been told."""
        verbs = []
        while message := receive(self.theirs):
            verbs.append(message[0])
            for descriptor in message[3]:
                os.close(descriptor)
        return verbs

    def says(self, verb: int, number: int = NUMBER) -> object:
        """Let it say something; return how the acceptor takes it."""
        self.theirs.socket.send(struct.pack("<B3xIQ", verb, number, 0))
        return self.receive()

    def is_killed(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.close()
        for end in (self.theirs, self.client, self.connection.socket):
            end.close()


def receive(channel: Channel) -> tuple[Verb, int, int, list[int]] | None:
    try:
        return channel.receive(socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None


def hand_back(worker: Subject, before: Callable[[], None]) -> None:
    before()
    if worker.life in HOLDING:
        worker.release()


# All that the acceptor does with a worker.
DEEDS: dict[str, Callable[[Subject], object]] = {
    "forked": lambda worker: worker.forked(*worker.start()),
    "serve": lambda worker: worker.serve(worker.connection),
    "read slowly": lambda worker: worker.read_slowly(),
    "ask": lambda worker: worker.ask(0.0),
    "handle": lambda worker: worker.handle(),
    "refuse": lambda worker: worker.refuse(),
    "release": lambda worker: worker.release(),
    "release, asked back": lambda worker: hand_back(worker, worker.ask_back),
    "release, outdated": lambda worker: hand_back(worker, worker.outdate),
    "rest": lambda worker: worker.rest(),
    "retire": lambda worker: worker.retire(),
    "condemn": lambda worker: worker.condemn("the test says so"),
    "close": lambda worker: worker.close(),
}
WAYS: dict[Life, tuple[str, ...]] = {
    Life.FORKING: (),
    Life.FRESH: ("forked",),
    Life.SERVING: ("forked", "serve"),
    Life.SLOW: ("forked", "serve", "read slowly"),
    Life.ASKING: ("forked", "serve", "read slowly", "ask"),
    Life.EXPECTANT: ("forked", "serve", "release, asked back"),
    Life.RESTING: ("forked", "serve", "release"),
    Life.RETIRED: ("forked", "retire"),
    Life.CONDEMNED: ("forked", "condemn"),
    Life.GONE: ("forked", "close"),
}


@pytest.fixture
def worker() -> Iterator[Subject]:
    subject = Subject()
    yield subject
    subject.end()


@pytest.fixture
def once() -> Iterator[Subject]:
    """A worker of `request` isolation."""
    subject = Subject(serves_once=True)
    yield subject
    subject.end()


@pytest.mark.parametrize(("before", "after"), [*product(Life, Life)])
def test_a_legal_move_goes_and_every_other_kills_the_worker(
    worker: Subject, before: Life, after: Life
) -> None:
    worker.become(before)
    legal = after in MOVES[before]
    assert worker._move(after) is legal
    if legal:
        assert worker.life is after
    elif before is Life.GONE:
        assert worker.life is Life.GONE
    else:
        assert worker.life is Life.CONDEMNED
        if worker.pid:
            wait_until(worker.is_killed, "its process is killed")


def test_the_moves_are_those_that_the_acceptor_makes() -> None:
    made: dict[Life, set[Life]] = {life: set() for life in Life}
    for before, name in product(Life, DEEDS):
        subject = Subject()
        subject.become(before)
        if subject.process is None or name != "forked":
            DEEDS[name](subject)
        made[before] |= {subject.life} - {before}
        subject.end()
    assert made == MOVES


def test_the_moves_are_those_that_the_architecture_describes() -> None:
    section = ARCHITECTURE.read_text("utf-8").partition("\n## The life of a worker")[2]
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\|([^|]*)\|$", section.partition("\n## ")[0], re.M)
    assert [name for name, _ in rows] == [life.name for life in Life]
    always = {Life.CONDEMNED.name, Life.GONE.name}
    for name, after in rows:
        moves = {life.name for life in MOVES[Life[name]]}
        assert set(re.findall(r"\w+", after)) == moves - always


def test_it_is_given_back_what_it_was_given(worker: Subject) -> None:
    worker.become(Life.SERVING)
    assert worker.told() == [Verb.SERVE]
    for verb, lives in MAY_SAY.items():
        if Life.SERVING in lives:
            assert worker.says(verb) == (verb, worker.connection)
    worker.release()
    assert (worker.life, worker.held) == (Life.RESTING, None)


def test_a_slow_request_is_read_and_handled(worker: Subject) -> None:
    worker.become(Life.SERVING)
    worker.told()
    assert worker.says(Verb.SLOW) == (Verb.SLOW, worker.connection)
    worker.read_slowly()
    assert worker.says(Verb.WHOLE) == (Verb.WHOLE, worker.connection)
    worker.ask(1.0)
    worker.handle()
    assert worker.told() == [Verb.GO, Verb.GO]
    assert worker.life is Life.SERVING


def test_a_slow_request_for_which_there_is_no_room_stays_a_readers(worker: Subject) -> None:
    worker.become(Life.ASKING)
    worker.told()
    worker.refuse()
    assert worker.told() == [Verb.REFUSE]
    assert worker.life is Life.SLOW


def test_it_is_asked_once_for_its_connection_and_waits_for_word(worker: Subject) -> None:
    worker.become(Life.SERVING)
    worker.told()
    worker.ask_back()
    worker.ask_back()
    assert worker.told() == [Verb.YIELD]
    lives = []
    # That it was asked is forgotten with the connection.
    for deed in (worker.release, worker.rest, partial(worker.serve, worker.connection)):
        deed()
        lives.append(worker.life)
    worker.release()
    assert [*lives, worker.life] == [Life.EXPECTANT, Life.RESTING, Life.SERVING, Life.RESTING]
    assert worker.told() == [Verb.REST, Verb.SERVE]


@pytest.mark.parametrize("life", [Life.SERVING, Life.SLOW])
def test_what_serves_something_older_finishes_and_is_let_go(worker: Subject, life: Life) -> None:
    worker.become(life)
    worker.told()
    worker.outdate()
    assert (worker.life, worker.told()) == (life, [Verb.YIELD])
    assert worker.says(Verb.IDLE) == (Verb.IDLE, worker.connection)
    worker.release()
    assert worker.life is Life.RETIRED
    assert worker.theirs.receive() is None


def test_a_worker_that_serves_once_is_neither_asked_back_nor_given_another(once: Subject) -> None:
    once.become(Life.SERVING)
    once.told()
    once.ask_back()
    once.release()
    assert (once.life, once.told()) == (Life.RETIRED, [])


def test_a_worker_that_has_ended_takes_no_connection(worker: Subject) -> None:
    worker.become(Life.FRESH)
    worker.theirs.close()
    assert not worker.serve(worker.connection)
    assert (worker.life, worker.held) == (Life.RETIRED, None)


UNSPEAKABLE = [
    (verb, life)
    for verb, life in product(Verb, Life)
    if life not in MAY_SAY.get(verb, ()) and life not in (Life.CONDEMNED, Life.GONE)
]


@pytest.mark.parametrize(("verb", "life"), UNSPEAKABLE)
def test_a_worker_is_killed_for_what_it_may_not_say(
    worker: Subject, verb: Verb, life: Life, capfd: pytest.CaptureFixture[str]
) -> None:
    worker.become(life)
    held = worker.held
    assert worker.says(verb, held.number if held else NUMBER) is None
    check_condemned(worker, held)
    said = f"faas-seal: a worker is killed: it said {verb.name} while {life.name}\n"
    assert capfd.readouterr().err == said


@pytest.mark.parametrize("number", [0, 1, NUMBER + 1, 2**32 - 1])
@pytest.mark.parametrize("verb", [*MAY_SAY])
def test_a_worker_is_killed_for_speaking_of_another_connection(
    worker: Subject, verb: Verb, number: int
) -> None:
    worker.become(Life.SLOW)
    assert worker.says(verb, number) is None
    check_condemned(worker, worker.connection)


@pytest.mark.parametrize("message", [b"\x0b", bytes(16), b"\xff" * 16, b"\x0b" + bytes(16)])
def test_a_worker_is_killed_for_what_is_no_message(worker: Subject, message: bytes) -> None:
    worker.become(Life.SERVING)
    worker.theirs.socket.send(message)
    assert worker.receive() is None
    check_condemned(worker, worker.connection)


def check_condemned(worker: Subject, held: Connection | None) -> None:
    """Check that it is killed, heard no more, and its connection is there to be settled."""
    assert (worker.life, worker.held) == (Life.CONDEMNED, held)
    if worker.process is None:  # it is killed as soon as the zygote tells of it
        worker.forked(*worker.start())
        assert worker.life is Life.CONDEMNED
    wait_until(worker.is_killed, "its process is killed")
    assert worker.says(Verb.CLOSE) is None
    assert (worker.life, worker.held) == (Life.CONDEMNED, held)


def test_a_worker_that_reads_nothing_is_killed_and_does_not_hold_up_the_acceptor(
    worker: Subject,
) -> None:
    worker.become(Life.SLOW)
    for _ in range(10_000):
        if worker.life is Life.CONDEMNED:
            break
        assert worker.says(Verb.SLOW) == (Verb.SLOW, worker.connection)
        worker.read_slowly()
    check_condemned(worker, worker.connection)


def test_descriptors_that_a_worker_sends_are_not_received(worker: Subject) -> None:
    worker.become(Life.SERVING)
    ours, theirs = os.pipe()
    worker.theirs.send(Verb.IDLE, NUMBER, descriptors=[theirs])
    os.close(theirs)
    assert worker.receive() == (Verb.IDLE, worker.connection)
    # Nobody holds the other end.
    assert os.read(ours, 1) == b""
    os.close(ours)
