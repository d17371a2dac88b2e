"""The event loop: waits for descriptors and signals, and calls back."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable, Iterable

Callback = Callable[[], None]


class Loop:
    """Calls one callback for each descriptor that is ready. Events are those of epoll_ctl(2)."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}
        self._wake: tuple[socket.socket, ...] = ()

    def watch(self, fd: int, callback: Callback, events: int = select.EPOLLIN) -> None:
        self._callbacks[fd] = callback
        self._epoll.register(fd, events)

    def rearm(self, fd: int, events: int) -> None:
        """Wait for events of a watched descriptor again, after an event with EPOLLONESHOT."""
        self._epoll.modify(fd, events)

    def rewatch(self, fd: int, callback: Callback, events: int = select.EPOLLIN) -> None:
        """Wait for other events of a watched descriptor, with another callback."""
        self._callbacks[fd] = callback
        self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """Stop watching a descriptor; do nothing if it is not watched."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def watches(self, fd: int) -> bool:
        return fd in self._callbacks

    def turn(self, seconds: float) -> None:
        """Wait for at most `seconds`, and call back for whatever is ready."""
        ready = self._epoll.poll(seconds)
        for callback, fd in [(self._callbacks.get(fd), fd) for fd, _ in ready]:
            # An earlier callback may have closed this descriptor, and a new connection may
            # have got its number.
            if callback is not None and callback is self._callbacks.get(fd):
                callback()

    def watch_signals(self, numbers: Iterable[int], callback: Callable[[bytes], None]) -> None:
        """Call back with the numbers of the signals that have come, a byte each."""
        woken, wake = self._wake = socket.socketpair()
        woken.setblocking(False)
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda *_: None)
        self.watch(woken.fileno(), lambda: callback(woken.recv(64)))

    def unwatch_signals(self) -> None:
        """Do nothing about the signals from now on."""
        signal.set_wakeup_fd(-1)
        for end in self._wake:
            self.unwatch(end.fileno())
            end.close()
        self._wake = ()
