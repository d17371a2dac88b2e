"""Calls of the victim, with canaries in all that a request has."""

from __future__ import annotations

import hashlib
import socket
import time
from contextlib import ExitStack

from faas_sealed.formats.stream import Head, Opener, request_key, response_key, seal_pieces
from faas_sealed.formats.ticket import Ticket, accept_ticket, seal_resumed
from faas_sealed.formats.token import request_binding
from faas_sealed.formats.wire import TICKET_HEADER

from tests.leaks.plants import Plants
from tests.support import Answer, Function, read_answer


class Client:
    """Calls one function, and remembers what it answered."""

    def __init__(self, function: Function, plants: Plants) -> None:
        self.function = function
        self.plants = plants
        self.answers: list[Answer] = []
        self._open = ExitStack()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def head(
        self,
        act: str,
        length: int | None,
        key: str | None = "",
        content_type: str = "text/plain",
    ) -> bytes:
        """Return the head of a request; `act` is one of the victim's.

        `length` is that of the body, or None for one in chunks.
        """
        framing = (
            ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        )
        target = self._target(act)
        headers = [self._canary, ("Content-Type", content_type), framing]
        return self.function.head(target, "POST", None, headers, key)

    def body(self, size: int = 0) -> bytes:
        """Return a body of canaries, of `size` bytes at least."""
        body = self.plants.body.encode()
        return body * max(1, -(-size // len(body)))

    def call(
        self,
        act: str,
        *,
        body: bytes | None = None,
        key: str | None = "",
        content_type: str = "text/plain",
    ) -> Answer:
        """Send a request, and return its answer."""
        body = self.body() if body is None else body
        with self.function.connect() as connection:
            connection.sendall(self.head(act, len(body), key, content_type) + body)
            return self.read(connection)

    def token(self, act: str, body: bytes, session: bytes | None = None) -> str:
        """Return a key token for the call of an act."""
        return self.function.token(self._target(act), method="POST", body=body, session=session)

    def ticket(self, act: str) -> Ticket:
        """Call an act, and return the ticket that its answer brings."""
        target, body, resume = self._target(act), self.body(), self.plants.resume
        key = self.function.token(target, method="POST", body=body, resume=resume)
        text = self.call(act, body=body, key=key).header(TICKET_HEADER)
        assert text is not None
        return accept_ticket(text, resume, time.time())

    def resumed_token(
        self, ticket: Ticket, act: str, body: bytes, session: bytes | None = None
    ) -> str:
        """Return a resumed token for the call of an act."""
        path, _, query = self._target(act).partition("?")
        digest = hashlib.sha256(b"" if session else body).digest()
        return seal_resumed(
            ticket,
            int(time.time()) + 300,
            self.function.sealed.header.context,
            bind=request_binding("POST", path, query.encode(), digest),
            session=session,
        )

    def call_sealed(self, act: str, body: bytes, ticket: Ticket | None = None) -> tuple[int, bytes]:
        """Call with a sealed body; return status and body of what came back in the stream."""
        session = self.plants.session
        stream = b"".join(seal_pieces(request_key(session), Head((self._canary,)), [body]))
        key = (
            self.token(act, b"", session)
            if ticket is None
            else self.resumed_token(ticket, act, b"", session)
        )
        answer = self.call(act, body=stream, key=key)
        self.answers.pop()  # its trace, if it has one, is not in clear
        opener = Opener(response_key(session))
        opened = b"".join(opener.feed(answer.body))
        opener.finish()
        return answer.status, opened

    @property
    def _canary(self) -> tuple[str, str]:
        return "X-Canary", self.plants.header

    def _target(self, act: str) -> str:
        return f"/{act}/{self.plants.path}?query={self.plants.query}"

    def connect(self) -> socket.socket:
        """Return a connection that stays open as long as this client."""
        return self._open.enter_context(self.function.connect())

    def read(self, connection: socket.socket) -> Answer:
        """Return the next answer on a connection."""
        answer = read_answer(connection, "POST")
        self.answers.append(answer)
        return answer

    def traces(self) -> list[str]:
        """Return the traces in the answers so far, opened."""
        failed = [answer.json() for answer in self.answers if answer.status == 500]
        return [self.function.open_trace(problem["trace"]) for problem in failed]
