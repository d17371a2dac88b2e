"""The local gateway's HTTP server, which does what gateway, provider and watchdog do to a request.

It is Python's own server, because that hands over request bodies as they arrive. waitress,
from which the runtime takes its parser, would first write large ones to a temporary file.
"""

from __future__ import annotations

import json
import re
import socketserver
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler

from faas_sealed.formats.errors import MalformedBody, MalformedRequest, RequestFailed
from faas_sealed.settings import duration

from faas_seal.serving import headers
from faas_seal.serving.call_queue import BODY_BYTES, CallQueue, QueuedAnswer, QueuedCall
from faas_seal.serving.console import Console
from faas_seal.serving.deployment import NAMESPACE
from faas_seal.serving.framing import request_body
from faas_seal.serving.refusals import (
    ClientGone,
    MethodNotAllowed,
    RequestTooLarge,
    UnknownPath,
)
from faas_seal.serving.round_trip import LINGER_SECONDS, OutgoingRequest, RoundTrip
from faas_seal.serving.routes import Route, route
from faas_seal.serving.runtime_connections import LOOPBACK
from faas_seal.serving.supervisor import Supervisor

# The watchdog sets no deadline for a caller that accepts one of these.
_STREAMS = ("text/event-stream", "application/x-ndjson")
_BODYLESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


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
        super().__init__((LOOPBACK, port), ClientConnection)

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


class ClientConnection(BaseHTTPRequestHandler):
    """One client's connection to the gateway."""

    server: LocalGateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def serve(self) -> None:
        self._begun = False
        self._body: Iterator[bytes] | None = None
        try:
            headers.check(self.headers)
            self._body = request_body(self.headers, self.rfile)
            where = route(self.path)
            if where.redirect:
                self._answer(HTTPStatus.MOVED_PERMANENTLY, b"", [("Location", where.redirect)])
            elif where.system:
                self._serve_system(where.system)
            elif where.background:
                self._accept(where)
            else:
                self._invoke(where)
        except RequestFailed as error:
            if isinstance(error, MalformedRequest) or self._body is not None:
                # The next request is not read: its beginning is unknown, or a long body away.
                self.close_connection = True
            self._refuse(error)
        if self._body is not None:
            self._drop_body(self._body)

    # The methods that a provider accepts. http.server looks for these names.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve

    # Calls.

    def _invoke(self, where: Route) -> None:
        function = self.server.function(where.name)
        call = headers.forward(self.headers, self.client_address)
        request = OutgoingRequest(self.command, where.target, call.to_function, self._body)
        begun = time.monotonic()
        with function.request() as runtime:
            timeout = _timeout(call.to_function, runtime.deployment.exec_timeout)
            trip = RoundTrip(runtime.pool, request, timeout=timeout, client=self.connection)
            with trip:
                status = self._relay(trip, call.to_client, begun)
            if trip.body_read:
                self._body = None
        self.server.console.about(
            function.name,
            f"{self.command} {where.target.partition('?')[0]} {status} "
            f"({(time.monotonic() - begun) * 1000:.0f} ms) {call.call_id}",
        )

    def _relay(self, trip: RoundTrip, added: headers.HeaderList, begun: float) -> str:
        """Answer with the function's response; return words for the log, its status first."""
        try:
            response = trip.response()
            added = [*added, _duration_header(begun)]
            self._send_response(response, added, trip.pieces(response))
        except ClientGone:
            self.close_connection = True
            return "- client gone"
        except RequestFailed as error:
            if self._begun:
                # Only a broken connection can tell the client that the body is not complete.
                self.close_connection = True
                return f"- {error}"
            self._refuse(error, [*added, _duration_header(begun)])
            return f"{error.status} {error}"
        return str(response.status)

    def _accept(self, where: Route) -> None:
        if self.command != "POST":
            raise MethodNotAllowed("asynchronous calls are made with POST")
        function = self.server.function(where.name)
        call = headers.forward(self.headers, self.client_address)
        callback = headers.get(call.to_function, "X-Callback-Url")
        if callback and not re.match("https?://[^/]", callback):
            raise MalformedRequest("X-Callback-Url is not a URL that begins with http")
        body = self._read_small()

        def invoke() -> QueuedAnswer:
            once = iter([body]) if body else None
            request = OutgoingRequest("POST", where.target, call.to_function, once)
            with function.request() as runtime:
                timeout = _timeout(call.to_function, runtime.deployment.exec_timeout)
                with RoundTrip(runtime.pool, request, timeout=timeout) as trip:
                    response = trip.response()
                    whole = b"".join(trip.pieces(response))
                    fields = headers.end_to_end(response.headers)
                    return QueuedAnswer(response.status, fields, whole)

        self.server.call_queue.put(QueuedCall(function.name, call.call_id, callback, invoke))
        self._answer(HTTPStatus.ACCEPTED, b"", call.to_client)

    def _read_small(self) -> bytes:
        """Return the body of an asynchronous call, or raise RequestTooLarge."""
        read = bytearray()
        for piece in self._body or ():
            read += piece
            if len(read) > BODY_BYTES:
                raise RequestTooLarge(
                    f"Error queuing request: request body too large, maximum: {BODY_BYTES} bytes"
                )
        self._body = None
        return bytes(read)

    # The gateway's own paths.

    def _serve_system(self, path: str) -> None:
        if path not in ("/healthz", "/system/functions"):
            raise UnknownPath(
                "there are /function/NAME, /async-function/NAME and /system/functions"
            )
        if self.command not in ("GET", "HEAD"):
            raise MethodNotAllowed("this path is only read; functions come from the stack file")
        if path == "/healthz":
            self._answer(HTTPStatus.OK, b"OK", [("Content-Type", "text/plain")])
            return
        listed = [function.description() for function in self.server.functions.values()]
        self._answer(
            HTTPStatus.OK, json.dumps(listed).encode(), [("Content-Type", "application/json")]
        )

    # Responses.

    def _refuse(self, error: RequestFailed, added: headers.HeaderList | None = None) -> None:
        text = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        self._answer(error.status, f"{error}\n".encode(), [*(added or []), *error.headers, *text])

    def _answer(self, status: int, body: bytes, fields: headers.HeaderList) -> None:
        """Answer in the gateway's own name."""
        self._send_head(status, HTTPStatus(status).phrase, fields, str(len(body)))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_response(
        self, response: HTTPResponse, added: headers.HeaderList, pieces: Iterator[bytes]
    ) -> None:
        own = headers.end_to_end(response.headers)
        names = {name.lower() for name, _ in own}
        fields = [(name, value) for name, value in added if name.lower() not in names] + own
        length = response.headers.get("Content-Length")
        bodyless = self.command == "HEAD" or response.status in _BODYLESS
        chunked = length is None and not bodyless and self.request_version == "HTTP/1.1"
        if length is None and not bodyless and not chunked:
            self.close_connection = True
        self._send_head(response.status, response.reason, fields, length, chunked=chunked)
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _send_head(
        self,
        status: int,
        reason: str,
        fields: headers.HeaderList,
        length: str | None,
        *,
        chunked: bool = False,
    ) -> None:
        self._begun = True
        self.send_response_only(status, reason)
        for name, value in fields:
            self.send_header(name, value)
        if not headers.get(fields, "Date"):
            self.send_header("Date", self.date_time_string())
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif length is not None and status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", length)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _drop_body(self, body: Iterator[bytes]) -> None:
        """Read on for a moment: a client that is cut off while it sends would miss its answer."""
        self.close_connection = True
        latest = time.monotonic() + LINGER_SECONDS
        with suppress(OSError, MalformedBody):
            self.connection.settimeout(LINGER_SECONDS)
            for _piece in body:
                if time.monotonic() >= latest:
                    break

    def log_message(self, *_arguments: object) -> None:
        """Print nothing here: the gateway logs each call itself, with more than this knows."""


def _timeout(forwarded: headers.HeaderList, exec_timeout: float) -> float | None:
    """Return the seconds that the watchdog would let a call take, or None for a stream."""
    accept = headers.get(forwarded, "Accept").lower()
    if any(kind in accept for kind in _STREAMS):
        return None
    with suppress(ValueError):
        return min(exec_timeout, duration(headers.get(forwarded, "X-Timeout")))
    return exec_timeout


def _duration_header(begun: float) -> tuple[str, str]:
    return "X-Duration-Seconds", f"{time.monotonic() - begun:f}"
