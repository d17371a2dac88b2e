"""A client's connection to the local gateway: requests one after another, and their responses."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from io import BufferedReader
from typing import cast

from faas_sealed.formats.errors import MalformedBody, MalformedRequest, RequestFailed

from faas_seal.serving.framing import request_body
from faas_seal.serving.heads import HeaderList, RequestHead, get, read_request_head
from faas_seal.serving.refusals import ExpectationFailed
from faas_seal.serving.round_trip import LINGER_SECONDS
from faas_seal.serving.runtime_response import BODYLESS

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_HEAD = RequestHead("", "", "", 1, [])


class ClientConnection(socketserver.StreamRequestHandler):
    """Reads requests, and lets `serve` answer each.

    `head` is the one of the present request, `body` what is left of its body, or None. With
    `closes`, no further request is read. `begun` says that the response is on its way.
    """

    disable_nagle_algorithm = True
    head: RequestHead
    body: Iterator[bytes] | None
    closes: bool
    begun: bool

    def setup(self) -> None:
        super().setup()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Answer the request, or raise RequestFailed."""
        raise NotImplementedError

    def handle(self) -> None:
        while True:
            # Until the request can be told from what follows it, all that comes is its body.
            self.head, self.body = _NO_HEAD, iter(self.rfile.read1, b"")
            self.begun, self.closes = False, True
            try:
                head = read_request_head(self.rfile)
                if head is None:
                    return
                self.head = head
                self.body = request_body(head, self.rfile)
                self.closes = not head.keep_alive
                self._heed_expectation()
                self.serve()
            except RequestFailed as error:
                self.closes |= self.body is not None or isinstance(error, MalformedRequest)
                self.refuse(error)
            if self.body is not None:
                self._drop(self.body)
            if self.closes:
                return
            if self.head.method == "POST":
                self._skip_line_end()

    # Responses.

    def answer(self, status: int, body: bytes, fields: HeaderList) -> None:
        """Answer in the gateway's own name."""
        self.send_head(status, HTTPStatus(status).phrase, fields, str(len(body)))
        if self.head.method != "HEAD":
            self.wfile.write(body)

    def refuse(self, error: RequestFailed, added: HeaderList | None = None) -> None:
        """Answer with an error of the gateway's."""
        text = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        self.answer(error.status, f"{error}\n".encode(), [*(added or []), *error.headers, *text])

    def send(
        self,
        status: int,
        reason: str,
        fields: HeaderList,
        length: str | None,
        pieces: Iterator[bytes],
    ) -> None:
        """Answer with a body whose `length` may be unknown."""
        bodyless = self.head.method == "HEAD" or status in BODYLESS
        chunked = length is None and not bodyless and self.head.minor > 0
        if length is None and not bodyless and not chunked:
            self.closes = True
        self.send_head(status, reason, fields, length, chunked=chunked)
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def send_head(
        self,
        status: int,
        reason: str,
        fields: HeaderList,
        length: str | None,
        *,
        chunked: bool = False,
    ) -> None:
        lines = [f"HTTP/1.{min(self.head.minor, 1)} {status} {reason}"]
        lines += [f"{name}: {value}" for name, value in fields]
        if not get(fields, "Date"):
            lines.append(f"Date: {formatdate(usegmt=True)}")
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        elif length is not None and status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {length}")
        if self.closes:
            lines.append("Connection: close")
        elif not self.head.minor:
            lines.append("Connection: keep-alive")
        with self._lock:
            self.begun = True
            self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    # Requests.

    def _heed_expectation(self) -> None:
        expected = self.head.get("Expect").lower()
        if expected not in ("", "100-continue"):
            raise ExpectationFailed("nothing but 100-continue can be expected")
        if self.body is not None and expected and self.head.minor:
            self.body = self._asked_for(self.body)

    def _asked_for(self, body: Iterator[bytes]) -> Iterator[bytes]:
        """Ask the client for its body when that is wanted, unless it has been answered."""
        with self._lock:
            if not self.begun:
                self.wfile.write(_CONTINUE)
        yield from body

    def _drop(self, body: Iterator[bytes]) -> None:
        """Read on for a moment: a client that is cut off while it sends would miss its answer."""
        self.closes = True
        latest = time.monotonic() + LINGER_SECONDS
        with suppress(OSError, MalformedBody):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            for _piece in body:
                if time.monotonic() >= latest:
                    break

    def _skip_line_end(self) -> None:
        """Skip the line end that some clients send after a body, as Go does."""
        start = cast(BufferedReader, self.rfile).peek(4)[:4]
        self.rfile.read(len(start) - len(start.lstrip(b"\r\n")))
