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
# The pause after the kernel has refused the zygote a process.
FORK_PAUSE_SECONDS = 0.05


class ZygoteProcess:
    """Starts the zygote, again and again if need be, and asks it for workers.

    The zygote inherits the descriptors of the table and of the memory with what is deployed.
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

        `on_lost` gets the zygote once it forks no more. Its workers live on.
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
        # Nothing that has failed is tried again before this time.
        self._pause_until = 0.0

    def keep_alive(self) -> None:
        """Start the zygote if it does not run, unless it must pause after a failure."""
        if self._channel is None and not self._pausing():
            self._start()

    @property
    def forks(self) -> bool:
        """Whether the zygote can be asked for a worker now."""
        return self.ready and not self._pausing()

    def pause(self) -> float:
        """Return the seconds until what has failed is tried again, or infinity."""
        left = self._pause_until - time.monotonic()
        return left if left > 0 else math.inf

    def fork(self, row: int, channel: Channel) -> None:
        """Ask for a worker with this row of the table and this end of a channel."""
        assert self._channel is not None
        with suppress(OSError):  # the zygote has just ended, and its channel will tell
            self._channel.send(Verb.FORK, row, descriptors=[channel.fileno()])

    def reap(self, pid: int) -> None:
        """Let the zygote reap a worker that has ended."""
        if self._channel is not None:
            with suppress(OSError):
                self._channel.send(Verb.REAP, value=pid)

    def close(self) -> None:
        """Let the zygote end, and do not start it again. Its workers live on."""
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
    """The zygote that forks, and its successor, while the latter reads what is newly deployed."""

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
        """The first three are as in ZygoteProcess; `on_changed` follows a change of zygotes."""
        self._loop = loop
        self._table = table
        self._on_forked = on_forked
        self._on_unforked = on_unforked
        self._on_lost = on_lost
        self._on_changed = on_changed
        self._present = self._zygote(deployed)
        self._next: ZygoteProcess | None = None

    def keep_alive(self) -> None:
        """Start the zygotes that do not run, unless they must pause after a failure."""
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
        """Return the seconds until what has failed is tried again, or infinity."""
        return self._present.pause()

    def fork(self, row: int, channel: Channel) -> ZygoteProcess:
        """Ask for a worker, and return the zygote that was asked."""
        self._present.fork(row, channel)
        return self._present

    def replace(self, deployed: int) -> None:
        """Start a zygote with other memory, and change over to it as soon as it is ready."""
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
