"""The acceptor: holds every connection, reads none.

The acceptor waits until an idle connection becomes readable, hands the connection to a worker,
and keeps its own copy of the descriptor. So it can park, answer or shut the connection, whatever
becomes of the worker. No byte of a request ever comes into this process.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import stat
import time
import uuid
from collections import deque
from contextlib import suppress
from functools import partial

from faas_sealed.formats.errors import Busy, Deadline, NotReady, SealError, WorkerDied
from faas_sealed.runtime.acceptor.connection import Connection
from faas_sealed.runtime.acceptor.dispatch import Dispatch
from faas_sealed.runtime.acceptor.loop import Loop
from faas_sealed.runtime.acceptor.pool import Pool
from faas_sealed.runtime.acceptor.updates import Updates
from faas_sealed.runtime.acceptor.workers import WorkerProcess
from faas_sealed.runtime.shared import audit
from faas_sealed.runtime.shared.channel import Verb
from faas_sealed.runtime.shared.responses import problem_response
from faas_sealed.runtime.shared.system import discard, reap_children, unread
from faas_sealed.runtime.shared.table import FREE, REPLIED, REPLYING
from faas_sealed.settings import Settings

# How long a peer has to close after the last answer. A plain close would reset the
# connection while the peer still sends, and the answer would be lost.
CLOSING_SECONDS = 1.0
TICK_SECONDS = 0.5
# A worker takes up to three descriptors, a connection one; these are for all the rest.
OTHER_DESCRIPTORS = 32

# With EPOLLONESHOT one event is the last until the connection is parked again.
_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
_CLOSING = select.EPOLLIN | select.EPOLLRDHUP


class Acceptor:
    """Serves on a listening socket until it is told to end."""

    def __init__(
        self, settings: Settings, listener: socket.socket, deployed: int, updates: Updates
    ) -> None:
        """`deployed` is a descriptor of memory with what is deployed at the start."""
        self._settings = settings
        self._updates = updates
        self._listener = listener
        self._loop = Loop()
        self._pool = Pool(
            settings, self._loop, deployed, on_message=self._on_message, on_end=self._on_end
        )
        self._dispatch = Dispatch(settings, self._pool)
        self._connections: set[Connection] = set()
        self._last_number = 0
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        workers = self._pool.most_workers
        self._most_connections = max(1, descriptors - 3 * workers - OTHER_DESCRIPTORS)
        self._closing: deque[Connection] = deque()
        self._end_by: float | None = None

    def run(self) -> None:
        """Serve until the end of standard input or, where that is no pipe, SIGTERM."""
        self._watch_signals()
        self._listener.setblocking(False)
        self._watch_listener()
        zygotes = self._pool.zygotes
        zygotes.keep_alive()
        next_tick = 0.0
        while not self._finished():
            self._loop.turn(min(TICK_SECONDS, zygotes.pause()))
            self._dispatch.turn()
            if self._end_by is not None:
                self._dispatch.ask_back()
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + TICK_SECONDS
                self._tick(now)
        self._loop.unwatch_signals()
        for connection in list(self._connections):
            self._drop(connection)
        self._pool.end()

    # Signals, and the end.

    def _watch_signals(self) -> None:
        signals = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        self._loop.watch_signals(signals, self._on_signals)
        # The watchdog passes SIGTERM on at once, and still forwards requests for a while. So
        # under the watchdog only the end of standard input means the end.
        self._parent_holds_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
        if self._parent_holds_pipe:
            self._loop.watch(0, self._on_standard_input)

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGCHLD in numbers:
            reap_children()
            self._pool.kill_orphans()
        stops = numbers.count(signal.SIGTERM) + numbers.count(signal.SIGINT)
        if stops and not self._parent_holds_pipe:
            self._begin_end()

    def _on_standard_input(self) -> None:
        if not os.read(0, 4096):
            self._loop.unwatch(0)
            self._begin_end()

    def _begin_end(self) -> None:
        if self._end_by is None:
            self._accept()
            self._loop.unwatch(self._listener.fileno())
            self._listener.close()
            self._end_by = time.monotonic() + self._settings.exec_timeout
            for connection in list(self._connections):
                if connection.parked:
                    self._park(connection)

    def _finished(self) -> bool:
        if self._end_by is None:
            return False
        return not self._connections or time.monotonic() >= self._end_by

    # Connections.

    def _watch_listener(self) -> None:
        self._loop.watch(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        while len(self._connections) < self._most_connections:
            try:
                accepted, _ = self._listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except BlockingIOError:
                return
            except OSError:  # the kernel is short of something; the backlog waits
                time.sleep(0.01)
                return
            self._last_number = self._last_number % (2**32 - 1) + 1
            connection = Connection(accepted, self._last_number)
            self._connections.add(connection)
            on_readable = partial(self._on_readable, connection)
            self._loop.watch(accepted.fileno(), on_readable, _READABLE)
        self._loop.unwatch(self._listener.fileno())  # until a connection is dropped

    def _park(self, connection: Connection) -> None:
        if self._end_by is not None and not unread(connection.socket):
            self._drop(connection)
        else:
            connection.parked = True
            self._loop.rearm(connection.socket.fileno(), _READABLE)

    def _on_readable(self, connection: Connection) -> None:
        if not unread(connection.socket):  # the peer has closed
            self._drop(connection)
            return
        connection.parked = False
        connection.readable_since = time.monotonic_ns()
        self._serve(connection)

    def _serve(self, connection: Connection) -> None:
        if not self._dispatch.take(connection):
            self._refuse(connection, Busy)

    def _refuse(
        self, connection: Connection, error: type[SealError], key_id: str | None = None
    ) -> None:
        """Answer a connection whose request no worker will answer any more."""
        call_id = str(uuid.uuid4())
        with suppress(OSError):
            answer = problem_response(error, call_id)
            connection.socket.send(answer, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        self._audit(connection, error, call_id, key_id)
        self._close(connection)

    def _audit(
        self, connection: Connection, error: type[SealError], call_id: str, key_id: str | None
    ) -> None:
        if self._settings.audit:
            seconds = (time.monotonic_ns() - connection.readable_since) / 1e9
            header = self._updates.header
            audit.refusal(header, error, call_id=call_id, key_id=key_id, seconds=seconds)

    def _close(self, connection: Connection) -> None:
        """Tell the peer that nothing more comes; close once it has closed, or after a second."""
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_WR)
        connection.give_up_at = time.monotonic() + CLOSING_SECONDS
        self._closing.append(connection)
        on_readable = partial(self._discard, connection)
        self._loop.rewatch(connection.socket.fileno(), on_readable, _CLOSING)

    def _discard(self, connection: Connection) -> None:
        """Drop what the peer still sends, so that it comes to read its answer."""
        if not discard(connection.socket):
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._connections.remove(connection)
        with suppress(ValueError):
            self._closing.remove(connection)
        self._loop.unwatch(connection.socket.fileno())
        connection.socket.close()
        if self._end_by is None and not self._loop.watches(self._listener.fileno()):
            self._watch_listener()

    # Workers.

    def _on_message(self, worker: WorkerProcess) -> None:
        """Act on a worker's message. A worker sends one message, and then waits for us."""
        said = self._pool.receive(worker)
        if said is None:
            return
        verb, connection = said
        if verb is Verb.SLOW:
            self._dispatch.take_slow(worker)
        elif verb is Verb.WHOLE:
            self._dispatch.take_whole(worker)
        else:
            worker.release()
            self._take_back(connection, verb)

    def _take_back(self, connection: Connection, verb: Verb) -> None:
        if verb is Verb.IDLE:
            self._park(connection)
        elif verb is Verb.UNREAD:
            # The connection became readable about now: nobody watched it while the worker held it.
            connection.readable_since = time.monotonic_ns()
            connection.needs_fresh_worker = True
            self._serve(connection)
        else:
            self._close(connection)

    def _on_end(self, worker: WorkerProcess) -> None:
        """Park, answer or shut the connection of a dead worker, as the worker's row says."""
        self._on_message(worker)
        state, number, until = self._pool.table.read(worker.row)
        key_id = self._pool.table.read_key_id(worker.row)
        connection = worker.held
        self._pool.bury(worker)
        if connection is None:
            return
        error = Deadline if time.monotonic_ns() >= until else WorkerDied
        if connection.number != number or state == FREE:
            # The worker may have had the socket wait for more than one byte.
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            self._park(connection)
        elif state in (REPLYING, REPLIED):
            if state == REPLYING:
                self._audit(connection, error, str(uuid.uuid4()), key_id)
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
            self._drop(connection)
        else:
            self._refuse(connection, error, key_id)

    # Time.

    def _tick(self, now: float) -> None:
        while self._closing and self._closing[0].give_up_at <= now:
            self._drop(self._closing[0])
        for connection in self._dispatch.give_up(now):
            self._refuse(connection, Busy if self._pool.zygotes.ready else NotReady)
        self._pool.kill_overdue()
        if (deployed := self._updates.look()) is not None:
            self._pool.zygotes.replace(deployed.to_memory())
