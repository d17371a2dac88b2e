"""The zygote's process, as the acceptor sees it."""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from select import EPOLLIN
from typing import Protocol

from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.log import say

BACK_OFF_SECONDS = (0.1, 10.0)
# After the kernel has given no process to the zygote.
FORK_PAUSE_SECONDS = 0.05


class Loop(Protocol):
    """The acceptor, as far as it lets others wait for descriptors."""

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None: ...

    def unwatch(self, fd: int) -> None: ...


class Owner(Protocol):
    """The pool, as far as it is told what becomes of the workers that it asks for."""

    def on_ready(self, zygote: ZygoteProcess) -> None: ...

    def on_forked(self, row: int, pid: int, pidfd: int) -> None: ...

    def on_unforked(self, row: int) -> None: ...

    def on_lost(self, zygote: ZygoteProcess) -> None: ...


class ZygoteProcess:
    """Starts the zygote, again and again if need be, and asks it for workers.

    It inherits the descriptors of the table and of the memory with what is deployed.
    """

    def __init__(self, table: int, deployed: int) -> None:
        self.pid = 0
        self.ready = False
        self._table = table
        self._deployed = deployed
        self._channel: Channel | None = None
        self._since = 0.0
        self._back_off = BACK_OFF_SECONDS[0]
        # Until then nothing that has failed is tried again.
        self._pause_until = 0.0

    def serve(self, loop: Loop, owner: Owner) -> None:
        """Tell `owner`, from within `loop`, what happens; call before anything else."""
        self._loop = loop
        self._owner = owner

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
        return self._pause_until - time.monotonic() if self._pausing() else math.inf

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
        self._loop.watch(ours.fileno(), EPOLLIN, lambda _: self._take_messages(ours))

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
                self._owner.on_ready(self)
            elif verb is Verb.FORKED:
                self._owner.on_forked(row, pid, descriptors[0])
            else:
                self._pause_until = time.monotonic() + FORK_PAUSE_SECONDS
                self._owner.on_unforked(row)

    def _lose(self, channel: Channel) -> None:
        self._loop.unwatch(channel.fileno())
        channel.close()
        self._channel = None
        self.ready = False
        self._owner.on_lost(self)
        self._start_later("the zygote has ended")

    def _start_later(self, reason: str) -> None:
        if time.monotonic() - self._since > BACK_OFF_SECONDS[1]:
            self._back_off = BACK_OFF_SECONDS[0]
        say(f"{reason}; starting it again in {self._back_off:g} s")
        self._pause_until = time.monotonic() + self._back_off
        self._back_off = min(2 * self._back_off, BACK_OFF_SECONDS[1])
