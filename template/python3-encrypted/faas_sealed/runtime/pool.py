"""The zygote and the workers, as the acceptor sees them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from select import EPOLLIN
from typing import Protocol

from faas_sealed.runtime.channel import Channel, Verb
from faas_sealed.runtime.log import say
from faas_sealed.runtime.settings import Settings
from faas_sealed.runtime.system import has_ended, kill_group
from faas_sealed.runtime.table import FREE, HANDLING, REPLYING, Table

# Fresh workers that wait forked. With one process a request there is always a next
# one to fork, and the fork should not be what a request waits for.
SPARES = {"request": 4, "burst": 2, "warm": 2}
BACK_OFF_SECONDS = (0.1, 10.0)
# A worker ends itself at its deadline; the acceptor steps in when that has failed.
GRACE_NANOSECONDS = 1_000_000_000
END_SECONDS = 1.0


class Loop(Protocol):
    """The acceptor, as far as the pool knows it."""

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None: ...

    def unwatch(self, fd: int) -> None: ...

    def on_message(self, worker: Worker) -> None: ...

    def on_end(self, worker: Worker) -> None: ...

    def on_unborn(self, worker: Worker) -> None: ...


@dataclass(eq=False)
class Worker:
    """One worker: its row in the table, our end of its channel, what it holds."""

    row: int
    channel: Channel
    pid: int = 0
    pidfd: int = -1
    fresh: bool = True
    slow: bool = False
    retired: bool = False
    held: set[int] = field(default_factory=set)

    def hold(self, number: int) -> None:
        self.fresh = False
        self.held.add(number)

    def release(self, number: int) -> None:
        self.slow = False
        self.held.discard(number)

    def tell(
        self, verb: Verb, number: int, value: int = 0, descriptors: Sequence[int] = ()
    ) -> None:
        with suppress(OSError):  # it has just ended, and its pidfd tells
            self.channel.send(verb, number, value, descriptors)

    def has_ended(self) -> bool:
        return has_ended(self.pidfd)


class Pool:
    """Keeps enough workers forked, and knows which of them are free.

    At most `seal_workers` processes wait or handle at any time, so at most as many
    handlers run. A worker that waits for the rest of a slow request counts as a reader
    instead, and asks for room when it has all of it.
    """

    def __init__(self, settings: Settings, sealed_file: int) -> None:
        self._settings = settings
        self._sealed_file = sealed_file
        self._spares = min(SPARES[settings.isolation], settings.workers)
        rows = settings.workers + settings.readers
        self.table = Table.create(rows)
        self._free_rows = list(range(rows))
        self.workers: list[Worker] = []
        self._without_room: list[tuple[Worker, int, float]] = []
        self.ready = False
        self._control: Channel | None = None
        self._zygote_since = 0.0
        self._restart_at: float | None = None
        self._back_off = BACK_OFF_SECONDS[0]

    # The zygote.

    def start(self, loop: Loop) -> None:
        """Start the zygote; from now on `loop` is told what happens."""
        self._loop = loop
        self._launch_zygote()

    def _launch_zygote(self) -> None:
        ours, theirs = Channel.pair()
        inherited = (theirs.fileno(), self.table.fd, self._sealed_file)
        for fd in inherited:
            os.set_inheritable(fd, True)
        # By exec, never by fork: a fork would hold copies of every connection.
        os.posix_spawn(
            sys.executable,
            [sys.executable, *sys.orig_argv[1:], "zygote", *map(str, inherited)],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setpgroup=0,
        )
        for fd in inherited:
            os.set_inheritable(fd, False)
        theirs.close()
        self._control = ours
        self._zygote_since = time.monotonic()
        self._restart_at = None
        self._loop.watch(ours.fileno(), EPOLLIN, lambda _: self._on_zygote())

    def _on_zygote(self) -> None:
        while self._control is not None:
            try:
                message = self._control.receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if message is None:
                self._lose_zygote()
                return
            verb, row, pid, descriptors = message
            if verb is Verb.READY:
                self.ready = True
            elif verb is Verb.FORKED:
                self._on_forked(row, pid, descriptors[0])

    def _on_forked(self, row: int, pid: int, pidfd: int) -> None:
        worker = next(w for w in self.workers if w.row == row)
        worker.pid, worker.pidfd = pid, pidfd
        self._loop.watch(pidfd, EPOLLIN, lambda _: self._loop.on_end(worker))

    def _lose_zygote(self) -> None:
        if self._control is None:
            return
        self._loop.unwatch(self._control.fileno())
        self._control.close()
        self._control = None
        self.ready = False
        now = time.monotonic()
        if now - self._zygote_since > BACK_OFF_SECONDS[1]:
            self._back_off = BACK_OFF_SECONDS[0]
        say(f"the zygote has ended; starting it again in {self._back_off:g} s")
        self._restart_at = now + self._back_off
        self._back_off = min(2 * self._back_off, BACK_OFF_SECONDS[1])
        for worker in [worker for worker in self.workers if not worker.pid]:
            self.remove(worker)
            self._loop.on_unborn(worker)

    def restart_zygote_if_due(self, now: float) -> None:
        if self._restart_at is not None and now >= self._restart_at:
            self._launch_zygote()

    # Workers.

    def replenish(self, wanted: int) -> None:
        """Fork so many that the spares and `wanted` more are there, within the bounds."""
        self._give_room()
        if self._control is None or not self.ready:
            return
        fresh = sum(worker.fresh for worker in self.workers)
        room = self._settings.workers - self._counted()
        for _ in range(min(self._spares + wanted - fresh, room, len(self._free_rows))):
            self._fork(self._control)

    def _fork(self, control: Channel) -> None:
        ours, theirs = Channel.pair()
        worker = Worker(self._free_rows.pop(), ours)
        self.table.write(worker.row, FREE, 0, 0)
        try:
            control.send(Verb.FORK, worker.row, descriptors=[theirs.fileno()])
        except OSError:  # the zygote has just ended
            self._free_rows.append(worker.row)
            ours.close()
            return
        finally:
            theirs.close()
        self.workers.append(worker)
        self._loop.watch(ours.fileno(), EPOLLIN, lambda _: self._loop.on_message(worker))

    def remove(self, worker: Worker) -> None:
        self.workers.remove(worker)
        self._without_room = [entry for entry in self._without_room if entry[0] is not worker]
        self._loop.unwatch(worker.channel.fileno())
        worker.channel.close()
        if worker.pidfd >= 0:
            self._loop.unwatch(worker.pidfd)
            os.close(worker.pidfd)
        self._free_rows.append(worker.row)

    def is_idle(self, worker: Worker) -> bool:
        """Tell whether a worker waits, and has taken all that it was given."""
        state, number, _ = self.table.read(worker.row)
        return state == FREE and (not worker.held or worker.held == {number})

    def find_idle(self, *, fresh: bool) -> Worker | None:
        """Return a worker that can take a connection.

        At best one that has just served and holds no connection, else a fresh one; one
        that holds an idle connection last, as that may speak at any time.
        """
        best: Worker | None = None
        for worker in self.workers:
            if worker.retired or not self.is_idle(worker):
                continue
            if worker.fresh:
                best = worker if best is None or best.held else best
            elif not fresh and self._settings.isolation != "request":
                if not worker.held:
                    return worker
                best = best or worker
        return best

    # Slow requests.

    def slow_count(self) -> int:
        return sum(worker.slow for worker in self.workers)

    def _counted(self) -> int:
        """Return how many workers handle or can be given something to handle."""
        return sum(not (worker.slow or worker.retired) for worker in self.workers)

    def ask_room(self, worker: Worker, number: int) -> None:
        give_up_at = time.monotonic() + self._settings.read_timeout
        self._without_room.append((worker, number, give_up_at))
        self._give_room()

    def _give_room(self) -> None:
        while self._without_room:
            if self._counted() >= self._settings.workers:
                idle = self.find_idle(fresh=True) or self.find_idle(fresh=False)
                if idle is None:
                    return
                self._retire(idle)
            worker, number, _ = self._without_room.pop(0)
            worker.slow = False
            worker.tell(Verb.GO, number)

    def _retire(self, worker: Worker) -> None:
        """Let an idle worker go: it ends when nothing more can come from us."""
        worker.retired = True
        worker.channel.socket.shutdown(socket.SHUT_WR)

    def refuse_those_without_room(self, now: float) -> None:
        for entry in [entry for entry in self._without_room if entry[2] <= now]:
            self._without_room.remove(entry)
            entry[0].tell(Verb.REFUSE, entry[1])

    # The end of workers.

    def kill_overdue(self) -> None:
        """Kill whoever has passed its deadline and lives, and what it has started."""
        now = time.monotonic_ns()
        for worker in self.workers:
            state, _, until = self.table.read(worker.row)
            if state in (HANDLING, REPLYING) and until + GRACE_NANOSECONDS < now:
                self._kill(worker)

    def _kill(self, worker: Worker) -> None:
        if worker.pidfd >= 0 and not worker.has_ended():
            kill_group(worker.pid)
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(worker.pidfd, signal.SIGKILL)

    def end(self) -> None:
        """End the zygote and every worker; those that do not end by themselves are killed."""
        for worker in self.workers:
            worker.channel.close()
        if self._control is not None:
            self._control.close()
        give_up_at = time.monotonic() + END_SECONDS
        while time.monotonic() < give_up_at:
            if all(worker.has_ended() for worker in self.workers if worker.pidfd >= 0):
                return
            time.sleep(0.005)
        for worker in self.workers:
            self._kill(worker)
