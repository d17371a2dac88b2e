"""The workers, as the acceptor sees them."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from select import EPOLLIN
from typing import Protocol

from faas_sealed.runtime.acceptor import zygotes
from faas_sealed.runtime.acceptor.zygotes import ZygoteProcess
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.system import has_ended, kill_children, kill_group, reap_children
from faas_sealed.runtime.shared.table import FREE, READING, Table
from faas_sealed.settings import Settings

# Fresh workers that wait forked. With one process a request there is always a next
# one to fork, and the fork should not be what a request waits for.
SPARES = {"request": 4, "burst": 2, "warm": 2}
# A worker ends itself at its deadline; the acceptor steps in when that has failed.
GRACE_NANOSECONDS = 1_000_000_000
END_SECONDS = 1.0


class Loop(zygotes.Loop, Protocol):
    """The acceptor, as far as the pool knows it."""

    def on_message(self, worker: Worker) -> None: ...

    def on_end(self, worker: Worker) -> None: ...


@dataclass(eq=False)
class Worker:
    """One worker: its row in the table, our end of its channel, the connection it holds.

    It holds one connection at most, and is given one only when it holds none. So it
    never has two to choose from, and none waits in its channel while it handles another.
    """

    row: int
    channel: Channel
    zygote: ZygoteProcess | None  # that has forked it, and lives
    pid: int = 0  # until it is forked
    pidfd: int = -1
    held: int = 0
    used: bool = False
    slow: bool = False
    yielding: bool = False
    expectant: bool = False  # has yielded, and waits for SERVE or REST
    retired: bool = False
    outdated: bool = False  # serves what is deployed no more

    @property
    def free(self) -> bool:
        return self.pid != 0 and not self.held and not self.retired

    @property
    def fresh(self) -> bool:
        """Forked or being forked, and nothing has been in it yet."""
        return not self.used and not self.retired

    def serve(self, number: int, readable_since: int, descriptor: int) -> None:
        """Give it a connection; raises OSError if it has just ended."""
        self.channel.send(Verb.SERVE, number, readable_since, [descriptor])
        self.held = number
        self.used = True
        self.expectant = False

    def tell(self, verb: Verb) -> None:
        with suppress(OSError):  # it has just ended, and its pidfd tells
            self.channel.send(verb, self.held)

    def ask_back(self) -> None:
        if self.held and not self.yielding:
            self.yielding = True
            self.tell(Verb.YIELD)

    def retire(self) -> None:
        """Let it go: it ends, as nothing more can come from us."""
        self.retired = True
        with suppress(OSError):  # it has just ended
            self.channel.socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Kill it, and what it has started."""
        if self.pidfd >= 0 and not has_ended(self.pidfd):
            kill_group(self.pid)
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)


class Pool:
    """Keeps enough workers forked, and knows which of them are free.

    At most `seal_workers` processes wait or handle at any time, so at most as many
    handlers run. A worker that waits for the rest of a slow request counts as a reader
    instead, and asks for room when it has all of it.
    """

    def __init__(self, settings: Settings, deployed: int) -> None:
        """Workers serve what is in the memory that the descriptor `deployed` is of."""
        self._settings = settings
        self._spares = min(SPARES[settings.isolation], settings.workers)
        self.most_workers = settings.workers + settings.readers
        self.table = Table.create(self.most_workers)
        self._free_rows = list(range(self.most_workers))
        self.workers: list[Worker] = []
        self._without_room: list[tuple[Worker, float]] = []
        self.zygote = ZygoteProcess(self.table.fd, deployed)
        # What forks from now on, once it is ready.
        self._next_zygote: ZygoteProcess | None = None

    def start(self, loop: Loop) -> None:
        """Start the zygote; from now on `loop` is told what happens."""
        self._loop = loop
        self.zygote.serve(loop, self)
        self.zygote.keep_alive()

    def replace(self, deployed: int) -> None:
        """Serve new requests from other memory, as soon as a zygote has read that."""
        if self._next_zygote is not None:
            self._next_zygote.close()
        self._next_zygote = ZygoteProcess(self.table.fd, deployed)
        self._next_zygote.serve(self._loop, self)
        self._next_zygote.keep_alive()

    def on_ready(self, zygote: ZygoteProcess) -> None:
        """Change over to a new zygote; workers finish what they do, and go."""
        if zygote is not self._next_zygote:
            return
        before, self.zygote, self._next_zygote = self.zygote, zygote, None
        before.close()
        self.on_lost(before)
        for worker in self.workers:
            worker.outdated = True
            if worker.held:
                worker.ask_back()
            elif not worker.retired:
                worker.retire()

    # What becomes of workers that the zygote was asked for.

    def on_forked(self, row: int, pid: int, pidfd: int) -> None:
        worker = self._in_row(row)
        worker.pid, worker.pidfd = pid, pidfd
        self._loop.watch(pidfd, EPOLLIN, lambda _: self._loop.on_end(worker))

    def on_unforked(self, row: int) -> None:
        self.remove(self._in_row(row))

    def on_lost(self, zygote: ZygoteProcess) -> None:
        for worker in self.workers.copy():
            if worker.zygote is zygote:
                worker.zygote = None
                if not worker.pid:
                    self.remove(worker)

    def _in_row(self, row: int) -> Worker:
        return next(worker for worker in self.workers if worker.row == row)

    # Workers.

    def find_free(self, *, fresh: bool) -> Worker | None:
        """Return a worker that can take a connection: if it may be, a used one."""
        found: Worker | None = None
        for worker in self.workers:
            if worker.free:
                if not worker.used:
                    found = found or worker
                elif not fresh:
                    return worker
        return found

    def release(self, worker: Worker) -> None:
        """Take note that a worker has handed its connection back."""
        worker.held = 0
        worker.slow = False
        worker.expectant = worker.yielding
        worker.yielding = False
        # It is about to end.
        worker.retired |= self._settings.isolation == "request"
        if worker.outdated and not worker.retired:
            worker.retire()

    def ask_back(self) -> None:
        """Ask for the connection of every worker that keeps one in case more comes."""
        for worker in self.workers:
            worker.ask_back()

    def let_rest(self) -> None:
        """Tell those who have yielded, and got nothing, that they need not wait for it."""
        for worker in self.workers:
            if worker.expectant:
                worker.expectant = False
                worker.tell(Verb.REST)

    def make_way(self, needing_fresh: int) -> None:
        """Let free used workers go where there is no room for so many fresh ones."""
        for _ in range(needing_fresh - self._count_fresh() - self._room()):
            self._retire_one(used=True)

    def replenish(self, waiting: int) -> None:
        """Fork so many that there is a fresh worker for all who wait, and the spares.

        Where that cannot be, ask for the connections that are kept in case more comes.
        """
        self.zygote.keep_alive()
        if self._next_zygote is not None:
            self._next_zygote.keep_alive()
        if self.zygote.forks:
            wanted = self._spares + waiting - self._count_fresh()
            for _ in range(min(wanted, self._room(), len(self._free_rows))):
                self._fork()
        if self._without_room or waiting > self._count_fresh():
            self.ask_back()

    def _fork(self) -> None:
        ours, theirs = Channel.pair()
        worker = Worker(self._free_rows.pop(), ours, self.zygote)
        self.table.write(worker.row, FREE, 0, 0)
        self.workers.append(worker)
        self._loop.watch(ours.fileno(), EPOLLIN, lambda _: self._loop.on_message(worker))
        self.zygote.fork(worker.row, theirs)
        theirs.close()

    def bury(self, worker: Worker) -> None:
        """Kill what an ended worker has started, let its parent reap it, forget it.

        Until it is reaped its process id cannot be given to another.
        """
        if worker.zygote is not None:
            kill_group(worker.pid)
            worker.zygote.reap(worker.pid)
        self.remove(worker)
        self.kill_orphans()

    def kill_orphans(self) -> None:
        """Kill what ended workers have left beyond their process groups; it is ours now."""
        zygotes = {self.zygote.pid, self._next_zygote.pid if self._next_zygote else 0}
        kill_children(but=zygotes | {worker.pid for worker in self.workers})

    def remove(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self._without_room = [entry for entry in self._without_room if entry[0] is not worker]
        self._loop.unwatch(worker.channel.fileno())
        worker.channel.close()
        if worker.pidfd >= 0:
            self._loop.unwatch(worker.pidfd)
            os.close(worker.pidfd)
        self._free_rows.append(worker.row)

    def _retire_one(self, *, used: bool) -> bool:
        for worker in self.workers:
            if worker.free and worker.used == used:
                worker.retire()
                return True
        return False

    def _count_fresh(self) -> int:
        return sum(worker.fresh for worker in self.workers)

    def _room(self) -> int:
        """Return how many more workers may handle or wait for something to handle."""
        counted = sum(not (worker.slow or worker.retired) for worker in self.workers)
        return self._settings.workers - counted

    # Slow requests.

    def may_read(self, worker: Worker) -> bool:
        """Count a worker as a reader, if there may be one more."""
        worker.slow = sum(worker.slow for worker in self.workers) < self._settings.readers
        return worker.slow

    def ask_room(self, worker: Worker) -> None:
        """Let a worker wait until there is room to handle its slow request."""
        self._without_room.append((worker, time.monotonic() + self._settings.read_timeout))

    def give_room(self) -> None:
        """Let slow requests that are whole be handled, as far as there is room."""
        while self._without_room:
            if self._room() <= 0 and not (
                self._retire_one(used=False) or self._retire_one(used=True)
            ):
                return
            worker, _ = self._without_room.pop(0)
            worker.slow = False
            worker.tell(Verb.GO)

    def refuse_those_without_room(self, now: float) -> None:
        while self._without_room and self._without_room[0][1] <= now:
            worker, _ = self._without_room.pop(0)
            worker.tell(Verb.REFUSE)

    # The end of workers.

    def kill_overdue(self) -> None:
        """Kill whoever has passed its deadline and lives, and what it has started."""
        now = time.monotonic_ns()
        for worker in self.workers:
            state, _, until = self.table.read(worker.row)
            if state != READING and 0 < until < now - GRACE_NANOSECONDS:
                worker.kill()

    def end(self) -> None:
        """End the zygote, the workers and what they have left behind; wait for all of it.

        Those that do not end by themselves are killed.
        """
        for worker in self.workers:
            worker.channel.close()
        self.zygote.close()
        if self._next_zygote is not None:
            self._next_zygote.close()
        give_up_at = time.monotonic() + END_SECONDS
        while reap_children() and time.monotonic() < give_up_at + END_SECONDS:
            if time.monotonic() >= give_up_at:
                for worker in self.workers:
                    worker.kill()
                kill_children()
            time.sleep(0.005)
