"""One request to a runtime and its response, as the watchdog makes them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from faas_sealed.formats.errors import MalformedBody

from faas_seal.serving.heads import HeaderList, get
from faas_seal.serving.refusals import RuntimeDown
from faas_seal.serving.runtime_connections import LOOPBACK, ConnectionPool, RuntimeConnection
from faas_seal.serving.runtime_response import BrokenResponse, RuntimeResponse

# How long a client may go on sending a body that is no longer wanted. A client that is
# cut off while it sends may never read its answer.
LINGER_SECONDS = 1.0

# Go's transport repeats these by itself when an idle connection turns out to be dead.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_LENGTH_EXPECTED = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class OutgoingRequest:
    """A request to a runtime. `target` is in origin form; `body` is None if there is none.

    `headers` begin with Host and User-Agent, if these are among them, as Go sends them. With
    `unzips`, a compressed response is unpacked.
    """

    method: str
    target: str
    headers: HeaderList = field(repr=False)
    body: Iterator[bytes] | None = field(default=None, repr=False)
    unzips: bool = False

    def head(self, port: int) -> bytes:
        """Return the request line and the headers for the runtime on this port."""
        host = [] if get(self.headers, "Host") else [("Host", f"{LOOPBACK}:{port}")]
        headers = host + self.headers
        first = sum(name in ("Host", "User-Agent") for name, _ in headers)
        if self.body is not None:
            headers.insert(first, ("Transfer-Encoding", "chunked"))
        elif self.method in _LENGTH_EXPECTED:
            headers.insert(first, ("Content-Length", "0"))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class RoundTrip:
    """A request under way, and its response.

    Pass the response on inside the `with` block: when the block ends, a request or response
    that is not complete is cut off. `timeout` is in seconds, or None for a stream without a
    deadline. `client` is the client's socket, if there is one: when it closes, the round trip
    ends.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        request: OutgoingRequest,
        *,
        timeout: float | None,
        client: socket.socket | None = None,
    ) -> None:
        self._pool = pool
        self._request = request
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._client = client
        self._connection: RuntimeConnection | None = None
        self._response: RuntimeResponse | None = None
        self._sender: _BodySender | None = None
        self._whole = False

    def __enter__(self) -> RoundTrip:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is None:
            return
        whole = self._whole and (self._sender is None or self._sender.sent)
        if not whole:
            self._connection.abort()
        if self._sender is not None:
            self._sender.finish(self._client)
        if self._response is not None:
            self._response.close()
        if whole:
            self._pool.give(self._connection)
        else:
            self._connection.close()

    @property
    def body_read(self) -> bool:
        """Whether the request body was read to its end, so that another request can follow."""
        return self._request.body is None or (self._sender is not None and self._sender.read)

    def response(self) -> RuntimeResponse:
        """Send the request, and return the response once its headers are there.

        Raises RuntimeDown, TimedOut or ClientGone, or MalformedBody for the client's body.
        """
        idle = self._pool.take()
        if idle is not None:
            try:
                return self._attempt(idle)
            except (OSError, BrokenResponse) as error:
                # The connection was dead already, unless the runtime has read the request.
                dead = isinstance(error, ConnectionError)
                repeatable = self._request.method in _REPEATABLE and self._request.body is None
                if not (dead and repeatable):
                    raise self._failure(error) from None
                idle.close()
        try:
            return self._attempt(self._pool.connect())
        except (OSError, BrokenResponse) as error:
            raise self._failure(error) from None

    def pieces(self, response: RuntimeResponse) -> Iterator[bytes]:
        """Yield the response body as it comes. Raises what `response` raises if it breaks off."""
        try:
            yield from response.pieces()
        except (OSError, BrokenResponse) as error:
            raise self._failure(error) from None
        self._whole = response.keeps_connection

    def _attempt(self, connection: RuntimeConnection) -> RuntimeResponse:
        self._connection = connection
        connection.deadline = self._deadline
        connection.client = self._client
        head = self._request.head(self._pool.port)
        # The kernel holds the head for up to 200 ms and sends it with the beginning of the
        # body, as Go's transport does: the runtime prefers requests that arrive whole.
        connection.sendall(head, socket.MSG_MORE if self._request.body is not None else 0)
        if self._request.body is not None:
            self._sender = _BodySender(connection, self._request.body)
            self._sender.start()
        self._response = RuntimeResponse(
            connection, self._request.method, unzips=self._request.unzips
        )
        return self._response

    def _failure(self, error: Exception) -> Exception:
        if self._sender is not None and self._sender.error is not None:
            return self._sender.error
        if isinstance(error, ConnectionRefusedError):
            return RuntimeDown("the runtime does not listen: it is starting or has ended")
        return RuntimeDown("the runtime gave no whole response")


class _BodySender(threading.Thread):
    """Sends a request body in chunks, while the response may already be coming back.

    If the runtime wants no more of the body, the rest is read and dropped. `read` says that
    the client's body was read to its end, `sent` that the runtime has all of it.
    """

    def __init__(self, connection: RuntimeConnection, body: Iterator[bytes]) -> None:
        super().__init__(name="body", daemon=True)
        self._connection = connection
        self._body = body
        self.read = False
        self.sent = False
        self.error: MalformedBody | None = None

    def run(self) -> None:
        wanted = True
        try:
            for piece in self._body:
                wanted = wanted and self._send(b"%x\r\n%b\r\n" % (len(piece), piece))
        except MalformedBody as error:
            self.error = error
            self._connection.abort()
            return
        self.read = True
        self.sent = wanted and self._send(b"0\r\n\r\n")

    def finish(self, client: socket.socket | None) -> None:
        """Return when sending and reading are over. Cuts off a client that goes on too long."""
        self.join(LINGER_SECONDS)
        if self.is_alive() and client is not None:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self.join()

    def _send(self, data: bytes) -> bool:
        try:
            self._connection.sendall(data)
        except OSError:
            return False
        return True
