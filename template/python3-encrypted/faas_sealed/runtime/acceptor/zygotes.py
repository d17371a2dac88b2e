"""The zygote's process, as the acceptor sees it, and the change from one zygote to the next."""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from faas_sealed.runtime.acceptor.loop import Loop
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.log import say

BACK_OFF_SECONDS = (0.1, 10.0)
# After the kernel has given no process to the zygote.
FORK_PAUSE_SECONDS = 0.05


class ZygoteProcess:
    """Starts the zygote, again and again if need be, and asks it for workers.

    It inherits the descriptors of the table and of the memory with what is deployed.
    """

    def __init__(
        self,
        loop: Loop,
        table: int,
        deployed: int,
        *,
        on_ready: Callable[[ZygoteProcess], None],
        on_forked: Callable[[int, int, int], None],
        on_unforked: Callable[[int], None],
        on_lost: Callable[[ZygoteProcess], None],
    ) -> None:
        """`on_forked` gets row, process id and pidfd of a worker, `on_unforked` the row.

        The workers of a zygote that is lost live on.
        """
        self.pid = 0
        self.ready = False
        self._loop = loop
        self._table = table
        self._deployed = deployed
        self._on_ready = on_ready
        self._on_forked = on_forked
        self._on_unforked = on_unforked
        self._on_lost = on_lost
        self._channel: Channel | None = None
        self._since = 0.0
        self._back_off = BACK_OFF_SECONDS[0]
        # Until then nothing that has failed is tried again.
        self._pause_until = 0.0

    def keep_alive(self) -> None:
        """Start it, if it does not run and the time has come."""
        if self._channel is None and not self._pausing():
            self._start()

    @property
    def forks(self) -> bool:
        """Whether it can be asked for a worker now."""
        return self.ready and not self._pausing()

    def pause(self) -> float:
        """Return in how many seconds what has failed is to be tried again."""
        left = self._pause_until - time.monotonic()
        return left if left > 0 else math.inf

    def fork(self, row: int, channel: Channel) -> None:
        """Ask for a worker with this row of the table and this end of a channel."""
        assert self._channel is not None
        with suppress(OSError):  # it has just ended, and that will be told
            self._channel.send(Verb.FORK, row, descriptors=[channel.fileno()])

    def reap(self, pid: int) -> None:
        """Let it reap a worker that has ended."""
        if self._channel is not None:
            with suppress(OSError):
                self._channel.send(Verb.REAP, value=pid)

    def close(self) -> None:
        """Let it end, and do not start it again. Its workers live on."""
        self.ready = False
        self._pause_until = math.inf
        if self._channel is not None:
            self._loop.unwatch(self._channel.fileno())
            self._channel.close()
            self._channel = None
        os.close(self._deployed)

    def _pausing(self) -> bool:
        return time.monotonic() < self._pause_until

    def _start(self) -> None:
        self._since = time.monotonic()
        ours, theirs = Channel.pair()
        try:
            self._spawn(theirs)
        except OSError as error:
            ours.close()
            self._start_later(f"the zygote cannot be started: {error.strerror}")
            return
        finally:
            theirs.close()
        self._channel = ours
        self._loop.watch(ours.fileno(), lambda: self._take_messages(ours))

    def _spawn(self, channel: Channel) -> None:
        inherited = (channel.fileno(), self._table, self._deployed)
        for fd in inherited:
            os.set_inheritable(fd, True)
        try:
            # By exec, never by fork: a fork would hold copies of every connection.
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, *sys.orig_argv[1:], "zygote", *map(str, inherited)],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
                setpgroup=0,
            )
        finally:
            for fd in inherited:
                os.set_inheritable(fd, False)

    def _take_messages(self, channel: Channel) -> None:
        while True:
            try:
                message = channel.receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if message is None:
                self._lose(channel)
                return
            verb, row, pid, descriptors = message
            if verb is Verb.READY:
                self.ready = True
                self._on_ready(self)
            elif verb is Verb.FORKED:
                self._on_forked(row, pid, descriptors[0])
            else:
                self._pause_until = time.monotonic() + FORK_PAUSE_SECONDS
                self._on_unforked(row)

    def _lose(self, channel: Channel) -> None:
        self._loop.unwatch(channel.fileno())
        channel.close()
        self._channel = None
        self.ready = False
        self._on_lost(self)
        self._start_later("the zygote has ended")

    def _start_later(self, reason: str) -> None:
        if time.monotonic() - self._since > BACK_OFF_SECONDS[1]:
            self._back_off = BACK_OFF_SECONDS[0]
        say(f"{reason}; starting it again in {self._back_off:g} s")
        self._pause_until = time.monotonic() + self._back_off
        self._back_off = min(2 * self._back_off, BACK_OFF_SECONDS[1])


class Zygotes:
    """The zygote that forks, and its successor while that reads what is newly deployed."""

    def __init__(
        self,
        loop: Loop,
        table: int,
        deployed: int,
        *,
        on_forked: Callable[[int, int, int], None],
        on_unforked: Callable[[int], None],
        on_lost: Callable[[ZygoteProcess], None],
        on_changed: Callable[[], None],
    ) -> None:
        """The first three are told what ZygoteProcess tells; the last of a change of zygotes."""
        self._loop = loop
        self._table = table
        self._on_forked = on_forked
        self._on_unforked = on_unforked
        self._on_lost = on_lost
        self._on_changed = on_changed
        self._present = self._zygote(deployed)
        self._next: ZygoteProcess | None = None

    def keep_alive(self) -> None:
        """Start those that do not run, if the time has come."""
        self._present.keep_alive()
        if self._next is not None:
            self._next.keep_alive()

    @property
    def ready(self) -> bool:
        return self._present.ready

    @property
    def forks(self) -> bool:
        """Whether a worker can be asked for now."""
        return self._present.forks

    def pause(self) -> float:
        """Return in how many seconds what has failed is to be tried again."""
        return self._present.pause()

    def fork(self, row: int, channel: Channel) -> ZygoteProcess:
        """Ask for a worker, and return who was asked."""
        self._present.fork(row, channel)
        return self._present

    def replace(self, deployed: int) -> None:
        """Change over to a zygote with other memory, as soon as it has read that."""
        if self._next is not None:
            self._next.close()
        self._next = self._zygote(deployed)
        self._next.keep_alive()

    def pids(self) -> set[int]:
        return {self._present.pid, self._next.pid if self._next else 0}

    def close(self) -> None:
        self._present.close()
        if self._next is not None:
            self._next.close()

    def _zygote(self, deployed: int) -> ZygoteProcess:
        return ZygoteProcess(
            self._loop,
            self._table,
            deployed,
            on_ready=self._on_ready,
            on_forked=self._on_forked,
            on_unforked=self._on_unforked,
            on_lost=self._on_lost,
        )

    def _on_ready(self, zygote: ZygoteProcess) -> None:
        if zygote is not self._next:
            return
        before, self._present, self._next = self._present, zygote, None
        before.close()
        self._on_lost(before)
        self._on_changed()
