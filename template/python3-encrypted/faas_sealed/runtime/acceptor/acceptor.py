"""The acceptor: holds every connection, reads none.

It waits until an idle connection has something to say, hands it to a worker, and keeps
its own copy of the descriptor. So whatever becomes of the worker, the connection is
parked again, answered or shut; and no byte of a request ever comes into this process.
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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from faas_sealed.formats.errors import Busy, Deadline, NotReady, SealError, WorkerDied
from faas_sealed.runtime.acceptor.updates import Updates
from faas_sealed.runtime.acceptor.workers import Pool, Worker
from faas_sealed.runtime.shared import audit
from faas_sealed.runtime.shared.channel import Verb
from faas_sealed.runtime.shared.responses import problem_response
from faas_sealed.runtime.shared.system import discard, reap_children, unread
from faas_sealed.runtime.shared.table import FREE, REPLIED, REPLYING
from faas_sealed.settings import Settings

# How long a peer has to close after the last reply. A plain close would reset the
# connection while the peer still sends, and the reply would be lost.
CLOSING_SECONDS = 1.0
TICK_SECONDS = 0.5
# For all that is not a connection or a worker, of which each takes up to three.
OTHER_DESCRIPTORS = 32

_READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT


@dataclass(eq=False)
class Connection:
    """A client's connection. `readable_since` is in nanoseconds of CLOCK_MONOTONIC."""

    socket: socket.socket
    number: int
    readable_since: int = 0
    needs_fresh_worker: bool = False
    give_up_at: float = 0.0
    parked: bool = True


class Acceptor:
    """Serves on a listening socket until it is told to end."""

    def __init__(
        self, settings: Settings, listener: socket.socket, pool: Pool, updates: Updates
    ) -> None:
        self._settings = settings
        self._updates = updates
        self._listener = listener
        self._pool = pool
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._connections: dict[int, Connection] = {}
        self._last_number = 0
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most_connections = max(1, descriptors - 3 * pool.most_workers - OTHER_DESCRIPTORS)
        self._waiting: deque[Connection] = deque()
        self._closing: deque[Connection] = deque()
        self._end_by: float | None = None

    def run(self) -> None:
        """Serve until the end of standard input or, where that is no pipe, SIGTERM."""
        self._watch_signals()
        self._listener.setblocking(False)
        self._watch_listener()
        self._pool.start(self)
        next_tick = 0.0
        while not self._finished():
            self._take_events()
            # In this order: those who need more than a free worker would wait for ever
            # behind those who do not.
            self._pool.give_room()
            self._pool.make_way(sum(waiting.needs_fresh_worker for waiting in self._waiting))
            self._serve_waiting()
            self._pool.let_rest()
            self._pool.replenish(len(self._waiting))
            if self._end_by is not None:
                self._pool.ask_back()
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + TICK_SECONDS
                self._tick(now)
        signal.set_wakeup_fd(-1)
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._pool.end()

    # Descriptors.

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        self._callbacks[fd] = callback
        self._epoll.register(fd, events)

    def unwatch(self, fd: int) -> None:
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _take_events(self) -> None:
        ready = self._epoll.poll(min(TICK_SECONDS, self._pool.zygote.pause()))
        for callback, fd, events in [(self._callbacks.get(fd), fd, events) for fd, events in ready]:
            # One callback may close what another event is about, and a new connection
            # may have got its descriptor.
            if callback is not None and callback is self._callbacks.get(fd):
                callback(events)

    # Signals, and the end.

    def _watch_signals(self) -> None:
        woken, wake = socket.socketpair()
        woken.setblocking(False)
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        self._wake = wake
        self.watch(woken.fileno(), select.EPOLLIN, lambda _: self._on_signal(woken.recv(64)))
        # The watchdog passes SIGTERM on at once and forwards requests for a while
        # yet, so that under it only the end of standard input means the end.
        self._parent_holds_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
        if self._parent_holds_pipe:
            self.watch(0, select.EPOLLIN, lambda _: self._on_standard_input())

    def _on_signal(self, numbers: bytes) -> None:
        if signal.SIGCHLD in numbers:
            reap_children()
            self._pool.kill_orphans()
        stops = numbers.count(signal.SIGTERM) + numbers.count(signal.SIGINT)
        if stops and not self._parent_holds_pipe:
            self._begin_end()

    def _on_standard_input(self) -> None:
        if not os.read(0, 4096):
            self.unwatch(0)
            self._begin_end()

    def _begin_end(self) -> None:
        if self._end_by is None:
            self._accept()
            self.unwatch(self._listener.fileno())
            self._listener.close()
            self._end_by = time.monotonic() + self._settings.exec_timeout
            for connection in list(self._connections.values()):
                if connection.parked:
                    self._park(connection)

    def _finished(self) -> bool:
        if self._end_by is None:
            return False
        return not self._connections or time.monotonic() >= self._end_by

    # Connections.

    def _watch_listener(self) -> None:
        self.watch(self._listener.fileno(), select.EPOLLIN, lambda _: self._accept())

    def _accept(self) -> None:
        while len(self._connections) < self._most_connections:
            try:
                accepted, _ = self._listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except BlockingIOError:
                return
            except OSError:  # the kernel is short of something: those in the backlog wait
                time.sleep(0.01)
                return
            self._last_number = self._last_number % (2**32 - 1) + 1
            connection = Connection(accepted, self._last_number)
            self._connections[connection.number] = connection
            self.watch(accepted.fileno(), _READABLE, partial(self._on_readable, connection))
        self.unwatch(self._listener.fileno())  # until one is dropped

    def _park(self, connection: Connection) -> None:
        if self._end_by is not None and not unread(connection.socket):
            self._drop(connection)
        else:
            connection.parked = True
            self._epoll.modify(connection.socket.fileno(), _READABLE)

    def _on_readable(self, connection: Connection, _: int) -> None:
        if not unread(connection.socket):  # the peer has closed
            self._drop(connection)
            return
        connection.parked = False
        connection.readable_since = time.monotonic_ns()
        self._dispatch(connection)

    def _dispatch(self, connection: Connection) -> None:
        if not self._waiting and self._hand_over(connection):
            return
        if len(self._waiting) >= self._settings.waiting:
            self._refuse(connection, Busy)
            return
        connection.give_up_at = time.monotonic() + self._settings.read_timeout
        self._waiting.append(connection)

    def _hand_over(self, connection: Connection) -> bool:
        worker = self._pool.find_free(fresh=connection.needs_fresh_worker)
        if worker is None:
            return False
        try:
            worker.serve(connection.number, connection.readable_since, connection.socket.fileno())
        except OSError:  # it has just ended
            worker.retire()
            return False
        connection.needs_fresh_worker = False
        return True

    def _serve_waiting(self) -> None:
        for connection in list(self._waiting):
            if self._pool.find_free(fresh=False) is None:
                return
            if self._hand_over(connection):
                self._waiting.remove(connection)

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
        """Say that nothing more comes, and close when the peer has, or after a second."""
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_WR)
        connection.give_up_at = time.monotonic() + CLOSING_SECONDS
        self._closing.append(connection)
        fd = connection.socket.fileno()
        self._callbacks[fd] = lambda _: self._discard(connection)
        self._epoll.modify(fd, select.EPOLLIN | select.EPOLLRDHUP)

    def _discard(self, connection: Connection) -> None:
        """Let a peer that still sends finish, and come to read its reply."""
        if not discard(connection.socket):
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        del self._connections[connection.number]
        with suppress(ValueError):
            self._closing.remove(connection)
        self.unwatch(connection.socket.fileno())
        connection.socket.close()
        if self._end_by is None and self._listener.fileno() not in self._callbacks:
            self._watch_listener()

    # Workers.

    def on_message(self, worker: Worker) -> None:
        """Take what a worker has said."""
        while True:
            try:
                message = worker.channel.receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if message is None:  # its end is closed; its pidfd will tell
                self.unwatch(worker.channel.fileno())
                return
            verb, number, _, _ = message
            self._on_verb(worker, verb, self._connections[number])

    def _on_verb(self, worker: Worker, verb: Verb, connection: Connection) -> None:
        if verb is Verb.SLOW:
            worker.tell(Verb.GO if self._pool.may_read(worker) else Verb.REFUSE)
            return
        if verb is Verb.WHOLE:
            self._pool.ask_room(worker)
            return
        self._pool.release(worker)
        if verb is Verb.IDLE:
            self._park(connection)
        elif verb is Verb.UNREAD:
            # Readable since about now: while a worker held it, nobody told.
            connection.readable_since = time.monotonic_ns()
            connection.needs_fresh_worker = True
            self._dispatch(connection)
        elif verb is Verb.CLOSE:
            self._close(connection)

    def on_end(self, worker: Worker) -> None:
        """Settle a dead worker's connection by what it was doing with it."""
        self.on_message(worker)
        state, number, until = self._pool.table.read(worker.row)
        key_id = self._pool.table.read_key_id(worker.row)
        self._pool.bury(worker)
        if not worker.held:
            return
        connection = self._connections[worker.held]
        error = Deadline if time.monotonic_ns() >= until else WorkerDied
        if connection.number != number or state == FREE:
            # It may have been waiting for more than one byte.
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
        while self._waiting and self._waiting[0].give_up_at <= now:
            ready = self._pool.zygote.ready
            self._refuse(self._waiting.popleft(), Busy if ready else NotReady)
        self._pool.refuse_those_without_room(now)
        self._pool.kill_overdue()
        if (deployed := self._updates.look()) is not None:
            self._pool.replace(deployed.to_memory())
