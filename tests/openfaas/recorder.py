"""Stands between a Docker client and the daemon, and keeps what the client sends."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

DAEMON = "unix:///var/run/docker.sock"


class Recorder:
    """A Unix socket that passes all bytes on; `host` is what DOCKER_HOST names it by."""

    def __init__(self, path: Path) -> None:
        self.host = f"unix://{path}"
        self._daemon = os.environ.get("DOCKER_HOST", DAEMON).removeprefix("unix://")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._streams: list[bytearray] = []

    def sent(self) -> list[bytes]:
        """Return, by connection, what was sent to the daemon."""
        return [bytes(stream) for stream in self._streams]

    def __enter__(self) -> Recorder:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            daemon = socket.socket(socket.AF_UNIX)
            daemon.connect(self._daemon)
            self._sockets += [client, daemon]
            self._streams.append(bytearray())
            self._start(_pass_on, client, daemon, self._streams[-1])
            self._start(_pass_on, daemon, client, bytearray())


def _pass_on(source: socket.socket, target: socket.socket, record: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            record += data
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
