"""Duplex connections: an answer is read while the request's body is still being sent.

`requests` sends a body to its end before it reads. A handler that answers while it reads then
blocks, because nobody takes its answer; it stops reading, and both wait for each other. Here a
body that comes piece by piece is sent by the code that reads the answer, in one thread, because
two threads must not use one TLS connection.
"""

from __future__ import annotations

import io
import select
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Duplex(HTTPAdapter):
    """A transport adapter whose answers arrive while iterators given as `data` are sent.

    Any other body is sent as `requests` sends it.
    """

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, **settings)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **settings)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _DuplexFile(io.RawIOBase):
    """The bytes that arrive at a socket; while nothing arrives, `pieces` are sent."""

    def __init__(self, sock: socket.socket, pieces: Iterator[bytes]) -> None:
        self._sock = sock
        # http.client closes the socket early if no answer can follow. This file keeps it open.
        self._open = sock.makefile("rb", buffering=0)
        self._pieces = pieces
        self._unsent = memoryview(next(pieces, b""))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        timeout = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            while True:
                try:
                    return self._sock.recv_into(buffer)
                except _WAIT:
                    pass
                if not self._send():
                    self._wait(timeout)
        finally:
            self._sock.settimeout(timeout)

    def close(self) -> None:
        """Close the connection after its answer: part of the body may not have been sent."""
        self._open.close()
        self._sock.close()
        super().close()

    def _send(self) -> bool:
        """Send what can be sent now; tell whether to go on without waiting."""
        if not self._unsent:
            return False
        try:
            sent = self._sock.send(self._unsent)
        except _WAIT:
            return False
        except OSError:
            # A server that answers early may read no further. Its answer says why.
            self._unsent = memoryview(b"")
            return True
        self._unsent = self._unsent[sent:] or memoryview(next(self._pieces, b""))
        return True

    def _wait(self, timeout: float | None) -> None:
        writing = [self._sock] if self._unsent else []
        if not any(select.select([self._sock], writing, [], timeout)):
            raise TimeoutError("timed out")


class _Socket:
    """A socket whose answer is read through a `_DuplexFile`."""

    def __init__(self, sock: socket.socket, file: _DuplexFile) -> None:
        self._sock = sock
        self._file = file

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Connection(HTTPConnection):
    """Keeps a body that comes piece by piece until the answer is read."""

    _pieces: Iterator[bytes] | None = None
    _used = False
    _silent = False

    @property
    def is_connected(self) -> bool:
        return not self._used and super().is_connected

    def connect(self) -> None:
        self._used = False
        super().connect()

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        self._pieces, self._silent = None, False
        if options.get("chunked") and isinstance(body, Iterator):
            self._pieces, body = _chunks(body), iter(())
        super().request(method, url, body, *args, **options)

    def endheaders(self, *args: Any, **options: Any) -> None:
        super().endheaders(*args, **options)
        self._silent = self._pieces is not None

    def send(self, data: Any) -> None:
        if not self._silent:  # urllib3 ends the body, which has not been sent yet
            super().send(data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        if self._pieces is not None and self.sock is not None:
            self.sock.settimeout(self.timeout)
            file = _DuplexFile(self.sock, self._pieces)
            self.sock = _Socket(self.sock, file)
            self._pieces, self._silent, self._used = None, False, True
        return super().getresponse()


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


def _chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces in the chunked coding (RFC 9112, section 7.1)."""
    for piece in pieces:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
