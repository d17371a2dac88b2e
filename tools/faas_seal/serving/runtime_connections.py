"""Connections to a function's runtime, kept alive as the watchdog keeps them."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress

from faas_seal.serving.refusals import ClientGone, TimedOut

LOOPBACK = "127.0.0.1"
# From the watchdog's transport: IdleConnTimeout and MaxIdleConnsPerHost.
IDLE_SECONDS = 0.5
IDLE_CONNECTIONS = 100
# How long a client that sends no more may wait for an answer. It has hung up, or has closed
# only its half, as `nc -N` does: then the real gateway answers if the function is fast.
HALF_CLOSED_SECONDS = 0.2


class RuntimeConnection(socket.socket):
    """A connection to a runtime.

    Its reads raise TimedOut once `deadline` (seconds of the monotonic clock) has passed, and
    ClientGone soon after `client` has hung up. Closing the connection tells the runtime of either.
    """

    def __init__(self, port: int) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.deadline: float | None = None
        self.client: socket.socket | None = None
        try:
            self.connect((LOOPBACK, port))
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.close()
            raise

    def recv_into(self, buffer: memoryview, nbytes: int = 0, flags: int = 0) -> int:  # type: ignore[override]
        self._wait()
        return super().recv_into(buffer, nbytes, flags)

    def stale(self) -> bool:
        """Tell whether the runtime has closed this idle connection, or sent something unasked."""
        return bool(_poll([(self.fileno(), select.POLLIN)], 0))

    def abort(self) -> None:
        """Shut both directions. A thread that reads or writes at this moment notices it."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def _wait(self) -> None:
        own = [(self.fileno(), select.POLLIN)]
        clients = [(self.client.fileno(), select.POLLRDHUP)] if self.client is not None else []
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        ready = _poll(own + clients, left)
        if not ready:
            raise TimedOut("the function took longer than exec_timeout")
        if self.fileno() not in ready and not _poll(own, HALF_CLOSED_SECONDS):
            raise ClientGone("the client hung up")


class ConnectionPool:
    """The idle connections to one runtime."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._lock = threading.Lock()
        self._idle: list[tuple[float, RuntimeConnection]] = []

    def take(self) -> RuntimeConnection | None:
        """Return an idle connection that still works, or None."""
        self.close_idle(IDLE_SECONDS)
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()[1]
            if not connection.stale():
                return connection
            connection.close()

    def connect(self) -> RuntimeConnection:
        """Return a new connection, or raise OSError."""
        return RuntimeConnection(self.port)

    def give(self, connection: RuntimeConnection) -> None:
        """Take back a connection whose last response was read to its end."""
        connection.deadline = connection.client = None
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close_idle(self, seconds: float = 0) -> None:
        """Close the connections that have been idle for longer than `seconds`."""
        latest = time.monotonic() - seconds
        with self._lock:
            old = [connection for since, connection in self._idle if since <= latest]
            self._idle = [entry for entry in self._idle if entry[0] > latest]
        for connection in old:
            connection.close()


def _poll(watched: list[tuple[int, int]], seconds: float | None) -> set[int]:
    poll = select.poll()
    for fd, events in watched:
        poll.register(fd, events)
    return {fd for fd, _ in poll.poll(None if seconds is None else seconds * 1000)}
