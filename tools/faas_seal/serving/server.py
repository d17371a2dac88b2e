"""The local gateway, which does to a request what gateway, provider and watchdog do."""

from __future__ import annotations

import json
import re
import socketserver
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

from faas_sealed.formats.errors import MalformedRequest, RequestFailed
from faas_sealed.formats.wire import READY_PATH
from faas_sealed.settings import duration

from faas_seal.serving import headers
from faas_seal.serving.call_queue import BODY_BYTES, CallQueue, QueuedAnswer, QueuedCall
from faas_seal.serving.client_connection import ClientConnection
from faas_seal.serving.console import Console
from faas_seal.serving.deployment import NAMESPACE
from faas_seal.serving.heads import HeaderList, RequestHead
from faas_seal.serving.refusals import (
    ClientGone,
    MethodNotAllowed,
    RequestTooLarge,
    UnknownPath,
)
from faas_seal.serving.round_trip import OutgoingRequest, RoundTrip
from faas_seal.serving.routes import Route, route
from faas_seal.serving.runtime_connections import LOOPBACK
from faas_seal.serving.supervisor import Supervisor

# The provider takes no others.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What the watchdog answers itself, and what it asks its function instead.
_HEALTH_PATH = "/_/health"
_ASKED_INSTEAD = {"/_/ready": READY_PATH}


class LocalGateway(socketserver.ThreadingTCPServer):
    """Serves functions by name on a port of the loopback interface; port 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, functions: Mapping[str, Supervisor], console: Console) -> None:
        self.functions = functions
        self.console = console
        self.call_queue = CallQueue(console)
        self._thread: threading.Thread | None = None
        super().__init__((LOOPBACK, port), GatewayConnection)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def start(self) -> None:
        self.call_queue.start()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.1,), name="gateway", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Accept no more connections, begin no more queued calls. Calls under way go on."""
        self.call_queue.stop()
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()

    def function(self, name: str) -> Supervisor:
        """Return a function by its name, with or without the namespace, or raise UnknownPath."""
        found = self.functions.get(name.removesuffix(f".{NAMESPACE}"))
        if found is None:
            raise UnknownPath(f"there is no function {name} here")
        return found

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing about clients that hang up, but show any other error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class GatewayConnection(ClientConnection):
    """One client's connection, whose requests go to functions or to the gateway itself."""

    server: LocalGateway

    def serve(self) -> None:
        if self.head.target == "*":
            self._serve_asterisk()
            return
        where = route(self.head.target)
        if where.redirect:
            self.answer(HTTPStatus.MOVED_PERMANENTLY, b"", [("Location", where.redirect)])
        elif where.system:
            self._serve_system(where.system)
        elif where.background:
            self._accept(where)
        else:
            self._invoke(where)

    # Calls.

    def _invoke(self, where: Route) -> None:
        function = self.server.function(where.name)
        path = where.target.partition("?")[0]
        if self.head.method not in _METHODS:
            raise MethodNotAllowed("no function can be called with this method")
        if path in (_HEALTH_PATH, *_ASKED_INSTEAD) and self.head.method != "GET":
            raise MethodNotAllowed("this path is the watchdog's, and only read")
        if path == _HEALTH_PATH:
            self.answer(HTTPStatus.OK, b"OK", [("Content-Type", "text/plain; charset=utf-8")])
            return
        call = headers.forward(self.head, self.client_address)
        target = _ASKED_INSTEAD.get(path, where.target)
        request = OutgoingRequest(
            self.head.method, target, call.to_function, self.body, unzips=call.unzips
        )
        begun = time.monotonic()
        with function.request() as runtime:
            timeout = _timeout(self.head, runtime.deployment.exec_timeout)
            trip = RoundTrip(runtime.pool, request, timeout=timeout, client=self.connection)
            with trip:
                status = self._relay(trip, call.to_client, begun)
            if trip.body_read:
                self.body = None
        self.server.console.about(
            function.name,
            f"{self.head.method} {path} {status} "
            f"({(time.monotonic() - begun) * 1000:.0f} ms) {call.call_id}",
        )

    def _relay(self, trip: RoundTrip, added: HeaderList, begun: float) -> str:
        """Answer with the function's response; return words for the log, its status first."""
        try:
            response = trip.response()
            added = [*added, _duration_header(begun)]
            own = headers.of_response(response.headers)
            names = {name.lower() for name, _ in own}
            fields = [(name, value) for name, value in added if name.lower() not in names] + own
            self.send(
                response.status, response.reason, fields, response.length, trip.pieces(response)
            )
        except ClientGone:
            self.closes = True
            return "- client gone"
        except RequestFailed as error:
            if self.begun:
                # Only a broken connection can tell the client that the body is not complete.
                self.closes = True
                return f"- {error}"
            self.closes |= not trip.body_read
            self.refuse(error, [*added, _duration_header(begun)])
            return f"{error.status} {error}"
        return str(response.status)

    def _accept(self, where: Route) -> None:
        if self.head.method != "POST":
            raise MethodNotAllowed("asynchronous calls are made with POST")
        function = self.server.function(where.name)
        head = self.head
        call = headers.forward(head, self.client_address)
        callback = head.get("X-Callback-Url")
        if callback and not re.match("https?://[^/]", callback):
            raise MalformedRequest("X-Callback-Url is not a URL that begins with http")
        body = self._read_small()

        def invoke() -> QueuedAnswer:
            once = iter([body]) if body else None
            request = OutgoingRequest(
                "POST", where.target, call.to_function, once, unzips=call.unzips
            )
            with function.request() as runtime:
                timeout = _timeout(head, runtime.deployment.exec_timeout)
                with RoundTrip(runtime.pool, request, timeout=timeout) as trip:
                    response = trip.response()
                    whole = b"".join(trip.pieces(response))
                    fields = headers.of_response(response.headers)
                    return QueuedAnswer(response.status, fields, whole)

        self.server.call_queue.put(QueuedCall(function.name, call.call_id, callback, invoke))
        self.answer(HTTPStatus.ACCEPTED, b"", call.to_client)

    def _read_small(self) -> bytes:
        """Return the body of an asynchronous call, or raise RequestTooLarge."""
        read = bytearray()
        for piece in self.body or ():
            read += piece
            if len(read) > BODY_BYTES:
                raise RequestTooLarge(
                    f"Error queuing request: request body too large, maximum: {BODY_BYTES} bytes"
                )
        self.body = None
        return bytes(read)

    # The gateway's own paths.

    def _serve_asterisk(self) -> None:
        """Answer a question about the whole server (RFC 9110, section 9.3.7)."""
        if self.head.method != "OPTIONS":
            raise UnknownPath("only OPTIONS is for the whole server")
        self.answer(HTTPStatus.OK, b"", [])

    def _serve_system(self, path: str) -> None:
        if path not in ("/healthz", "/system/functions"):
            raise UnknownPath(
                "there are /function/NAME, /async-function/NAME and /system/functions"
            )
        if self.head.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("this path is only read; functions come from the stack file")
        if path == "/healthz":
            self.answer(HTTPStatus.OK, b"OK", [("Content-Type", "text/plain")])
            return
        listed = [function.description() for function in self.server.functions.values()]
        self.answer(
            HTTPStatus.OK, json.dumps(listed).encode(), [("Content-Type", "application/json")]
        )


def _timeout(head: RequestHead, exec_timeout: float) -> float | None:
    """Return the seconds that the watchdog would let a call take, or None for a stream."""
    if headers.is_stream(head):
        return None
    with suppress(ValueError):
        return min(exec_timeout, duration(head.get("X-Timeout")))
    return exec_timeout


def _duration_header(begun: float) -> tuple[str, str]:
    return "X-Duration-Seconds", f"{time.monotonic() - begun:f}"
