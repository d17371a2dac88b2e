"""The dispatch of connections to workers: two queues, and one policy of who is served next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from faas_sealed.runtime.acceptor.connection import Connection
from faas_sealed.runtime.acceptor.pool import Pool
from faas_sealed.runtime.acceptor.workers import (
    COUNTED,
    READERS,
    UNUSED,
    USED_AND_FREE,
    Life,
    WorkerProcess,
)
from faas_sealed.settings import Settings

# The number of fresh workers that are kept ready, by isolation. With `request` each request takes
# a fresh worker, and should not have to wait for a fork.
SPARES = {"request": 4, "burst": 2}


class Dispatch:
    """Gives connections to workers, and room to workers whose request was slow to come.

    At most `seal_workers` processes handle a request or wait for a connection, so at most that
    many handlers run; each free place among these is room. A worker that waits for the rest of
    a slow request counts as a reader instead, and asks for room when it has the whole request.
    """

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._spares = min(SPARES[settings.isolation], settings.workers)
        self._pool = pool
        self._waiting: deque[Connection] = deque()  # for a worker
        self._asking: deque[WorkerProcess] = deque()  # for room

    def take(self, connection: Connection) -> bool:
        """Give a readable connection to a worker, or queue it; False: too many wait already."""
        if not self._waiting and self._hand_over(connection):
            return True
        if len(self._waiting) >= self._settings.waiting:
            return False
        connection.give_up_at = time.monotonic() + self._settings.read_timeout
        self._waiting.append(connection)
        return True

    def take_slow(self, worker: WorkerProcess) -> None:
        """Let a worker read on as a reader, or have it answer that the function is busy."""
        if worker.life is Life.SLOW or self._count(READERS) < self._settings.readers:
            worker.read_slowly()
        else:
            worker.refuse()

    def take_whole(self, worker: WorkerProcess) -> None:
        """Let a worker wait until there is room to handle its slow request."""
        worker.ask(time.monotonic() + self._settings.read_timeout)
        self._asking.append(worker)

    def turn(self) -> None:
        """Give free workers and room to those that wait; ask for the workers that are missing."""
        # The order matters. A slow request needs room, and some connections need a fresh worker:
        # if connections that take any worker came first, the others might wait for ever.
        self._give_room()
        self._make_way()
        self._serve_waiting()
        self._let_rest()
        self._replenish()

    def ask_back(self) -> None:
        """Ask for every connection that a worker keeps in case another request comes."""
        for worker in self._pool.workers:
            worker.ask_back()

    def give_up(self, now: float) -> Iterator[Connection]:
        """Yield each connection that has waited too long for a worker.

        After these, workers that have waited too long for room are refused.
        """
        while self._waiting and self._waiting[0].give_up_at <= now:
            yield self._waiting.popleft()
        while (worker := self._first_asking()) and worker.give_up_at <= now:
            self._asking.popleft()
            worker.refuse()

    def _hand_over(self, connection: Connection) -> bool:
        worker = self._find_free(fresh=connection.needs_fresh_worker)
        if worker is None or not worker.serve(connection):
            return False
        connection.needs_fresh_worker = False
        return True

    def _find_free(self, *, fresh: bool) -> WorkerProcess | None:
        """Return a free worker: a used one if there is one, unless it must be `fresh`."""
        found: WorkerProcess | None = None
        for worker in self._pool.workers:
            if worker.life is Life.FRESH:
                found = found or worker
            elif not fresh and worker.life in USED_AND_FREE:
                return worker
        return found

    def _first_asking(self) -> WorkerProcess | None:
        """Return the worker that asked for room first and still waits for it."""
        while self._asking and self._asking[0].life is not Life.ASKING:  # it has ended meanwhile
            self._asking.popleft()
        return self._asking[0] if self._asking else None

    def _give_room(self) -> None:
        """Let readers that have their whole request handle it, and retire free workers for them."""
        while worker := self._first_asking():
            if self._room() <= 0 and not (
                self._retire_one({Life.FRESH}) or self._retire_one(USED_AND_FREE)
            ):
                return
            self._asking.popleft()
            worker.handle()

    def _make_way(self) -> None:
        """Retire used workers that are free, if fresh workers are needed and there is no room."""
        needing_fresh = sum(waiting.needs_fresh_worker for waiting in self._waiting)
        # Room can be below zero: a reader that has handed back its connection counts again.
        for _ in range(needing_fresh - self._count(UNUSED) - self._room()):
            self._retire_one(USED_AND_FREE)

    def _serve_waiting(self) -> None:
        for connection in list(self._waiting):
            if self._find_free(fresh=False) is None:
                return
            if self._hand_over(connection):
                self._waiting.remove(connection)

    def _let_rest(self) -> None:
        """Tell workers that yielded a connection and got no other that nothing comes now."""
        for worker in self._pool.workers:
            if worker.life is Life.EXPECTANT:
                worker.rest()

    def _replenish(self) -> None:
        """Ask for a fresh worker for each connection that waits, and for the spares.

        If there is no room for these, ask for the connections that other workers keep.
        """
        zygotes, waiting = self._pool.zygotes, len(self._waiting)
        zygotes.keep_alive()
        if zygotes.forks:
            self._pool.fork(min(self._spares + waiting - self._count(UNUSED), self._room()))
        if self._first_asking() or (waiting and waiting > self._count(UNUSED)):
            self.ask_back()

    def _retire_one(self, lives: AbstractSet[Life]) -> bool:
        for worker in self._pool.workers:
            if worker.life in lives:
                worker.retire()
                return True
        return False

    def _count(self, lives: AbstractSet[Life]) -> int:
        return sum(worker.life in lives for worker in self._pool.workers)

    def _room(self) -> int:
        """Return how many more workers may handle a request or wait for one."""
        return self._settings.workers - self._count(COUNTED)
