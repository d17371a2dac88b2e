"""The exchange: one request from its first byte, and its answer to the last byte."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
import uuid
from contextlib import suppress

from faas_sealed.formats.bundle import unpack
from faas_sealed.formats.errors import Deadline, HandlerError, SealError
from faas_sealed.formats.keys import key_id
from faas_sealed.formats.wire import TICKET_HEADER
from faas_sealed.runtime.handler.body_stream import BodyStream
from faas_sealed.runtime.handler.contract import Context
from faas_sealed.runtime.handler.handler import Handler
from faas_sealed.runtime.handler.tracebacks import trace_of
from faas_sealed.runtime.shared import audit, responses
from faas_sealed.runtime.shared.channel import Verb
from faas_sealed.runtime.shared.log import Log
from faas_sealed.runtime.shared.responses import Response, problem_of
from faas_sealed.runtime.shared.table import FREE, HANDLING, REPLIED, REPLYING
from faas_sealed.runtime.worker.access import Access, Admission, check_request
from faas_sealed.runtime.worker.environ import environ_of
from faas_sealed.runtime.worker.keyless import answer_without_key
from faas_sealed.runtime.worker.link import Link
from faas_sealed.runtime.worker.request import Disconnected, Request, Wire
from faas_sealed.runtime.worker.sealed_bodies import SealedRequest, seal_response
from faas_sealed.settings import Settings

_CALL_ID = re.compile(r"[0-9A-Za-z._:-]{1,64}")
# The watchdog counts exec_timeout as well, and our answer must come before the watchdog's.
DEADLINE_MARGIN = 0.1
# The least time for sending an answer, however late the answer comes.
ANSWER_SECONDS = 1.0
_TICKET_NAME = TICKET_HEADER.lower()


class Exchange:
    """Serves one request on a connection. Times are in seconds of CLOCK_MONOTONIC.

    After `run`, `has_opened` tells whether the request's key opened the function, and
    `keeps_connection` whether the connection can carry another request.
    """

    def __init__(
        self,
        settings: Settings,
        access: Access,
        handler: Handler,
        log: Log,
        link: Link,
        sock: socket.socket,
        readable_since: float,
    ) -> None:
        self._settings = settings
        self._access = access
        self._handler = handler
        self._log = log
        self._link = link
        self._socket = sock
        self._wire = Wire(sock, self._ask_for_time)
        self._wire.deadline = readable_since + settings.read_timeout
        margin = min(max(DEADLINE_MARGIN, settings.exec_timeout / 100), settings.exec_timeout / 2)
        self._deadline = readable_since + settings.exec_timeout - margin
        self._started = readable_since
        self._slow = False
        self._request: Request | None = None
        self._call_id = ""
        # For the audit: the id of the key, its form, the token's id, and the request's outcome.
        self._key_id: str | None = None
        self._key_form: str | None = None
        self._token_id: str | None = None
        self._outcome = ""
        # Set once a token with a session has opened the function: every answer is then sealed.
        self._session: bytes | None = None
        # Set once the token is known to be for this request: every answer then brings the ticket.
        self._ticket = ""
        self.has_opened = False
        self.keeps_connection = False

    def run(self) -> None:
        try:
            self._send(self._answer())
        except (Disconnected, OSError):  # nobody is left to answer
            self.keeps_connection = False
        finally:
            # The timer still runs, because streams of the handler's are flushed here.
            self._log.end_call()
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _answer(self) -> Response:
        try:
            self._request = request = Request(self._wire, self._settings.max_body)
            call_id = request.headers.get("X_CALL_ID", "")
            # The id goes into log lines that `faas-seal explain` reads: it must be one plain word.
            self._call_id = call_id if _CALL_ID.fullmatch(call_id) else str(uuid.uuid4())
            self._log.call_id = self._call_id
            keyless = answer_without_key(request, self._settings, self._access.sealed)
            return keyless or self._call(request)
        except SealError as error:
            self._call_id = self._call_id or str(uuid.uuid4())
            self._outcome = error.reason
            return self._finished(problem_of(error, self._call_id))

    def _call(self, request: Request) -> Response:
        """Open the function with the request's key, call the handler, and return its answer."""
        admission = self._access.open(request, time.time(), self._note_key)
        self._session = admission.token.session if admission.token is not None else None
        self._outcome = "ok"
        self.has_opened = True
        sealed = self._access.sealed
        self._log.begin_call(admission.content_key, sealed.header)
        if not self._handler.is_open:  # else an earlier call of this worker has opened it
            self._handler.open(unpack(sealed.bundle(admission.content_key)))
        body = self._body(request, admission)
        if self._slow:
            self._slow = False
            self._link.ask(Verb.WHOLE)
        self._wire.wait_quietly(self._deadline)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Deadline
        # The default action of SIGALRM ends this process, in a loop in C too. An earlier call
        # may have changed that action.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.setitimer(signal.ITIMER_REAL, left)
        self._link.mark(HANDLING, self._deadline)
        process = os.getpid()
        try:
            self._handler.load()
            environ = environ_of(request, body, self._settings)
            context = Context(admission.token_id)
            response = self._finished(self._handler.call(environ, body, context))
        except BaseException as error:
            if body.failure is not None:
                raise body.failure from None
            return self._failed(error)
        finally:
            if os.getpid() != process:  # this is a child that the handler forked
                os._exit(1)
        if body.failure is not None:
            raise body.failure
        return response

    def _note_key(self, form: str, key: bytes, token_id: str | None) -> None:
        if self._settings.audit:
            self._key_form, self._key_id, self._token_id = form, key_id(key), token_id
            self._link.note_key_id(self._key_id)

    def _body(self, request: Request, admission: Admission) -> BodyStream:
        """Return the body, or raise TokenMismatch if the token is for another request.

        When this returns, the whole body is here. Only a handler that streams gets a body that
        is still arriving, and only if no token is bound to that body.
        """
        streams, token = self._handler.streams, admission.token
        if token is not None and token.session is not None:
            check_request(token, request, b"")  # the sealed stream itself binds the body
            self._ticket = admission.ticket
            opened = SealedRequest(request, token.session, self._settings.max_body)
            opened.take_head(request)
            body = BodyStream(opened.pieces())
            if not streams:
                body.fetch()
            return body
        body = BodyStream(request.pieces())
        if token is None or token.bind is None:
            if not streams:
                body.fetch()
        else:
            check_request(token, request, body.fetch())  # compared before the handler sees it
            self._ticket = admission.ticket
        return body

    def _finished(self, response: Response) -> Response:
        """Return an answer as it is sent: with the ticket that is due, and sealed in a session."""
        # The handler must not be able to pass off a ticket of its own.
        headers = _without(response.headers, _TICKET_NAME)
        if self._ticket:
            headers.append((TICKET_HEADER, self._ticket))
            if self._session is None:
                headers = _without(headers, "cache-control")
                headers.append(("Cache-Control", "no-store"))
        response.headers = headers
        if self._session is None:
            return response
        return seal_response(response, self._session, pad=self._settings.pad)

    def _failed(self, error: BaseException) -> Response:
        self._outcome = HandlerError.reason
        trace = self._log.sealed("handler-error", trace_of(error))
        return self._finished(problem_of(HandlerError, self._call_id, trace))

    def _send(self, response: Response) -> None:
        request = self._request
        close = request is None or not _can_carry_another(request, response)
        now = time.monotonic()
        whole = isinstance(response.body, bytes)
        until = self._deadline if whole else now + self._settings.stream_timeout
        # If this process were killed before the first byte, the watchdog could send the request
        # again. Therefore a late answer gets some time, too.
        until = max(until, now + ANSWER_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, until - now)
        self._link.mark(REPLYING, until)
        try:
            self.keeps_connection = responses.send(
                self._socket,
                response,
                method=request.method if request else "GET",
                version=request.version if request else "1.1",
                close=close,
            )
        except responses.BodyFailed as error:
            cause = error.cause
            if isinstance(cause, SealError):  # the request's body broke, and the answer with it
                self._outcome = cause.reason
            else:
                self._outcome = HandlerError.reason
                self._log.sealed("handler-error", trace_of(cause))
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # nobody is left to answer; the audit line is written all the same
            pass
        # From here on the answer is complete, even if this process dies.
        self._link.mark(FREE if self.keeps_connection else REPLIED, until)
        if self._settings.audit and self._outcome:  # empty: the request needed no key
            self._audit(response.status)

    def _audit(self, status: int) -> None:
        self._log.audit(
            audit.entry(
                self._access.sealed.header,
                call_id=self._call_id,
                key_id=self._key_id,
                key_form=self._key_form,
                token_id=self._token_id,
                outcome=self._outcome,
                status=status,
                seconds=time.monotonic() - self._started,
            )
        )

    def _ask_for_time(self) -> None:
        self._slow = True
        self._link.ask(Verb.SLOW)


def _without(headers: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    """Return the headers but those of a name, which is in small letters."""
    return [pair for pair in headers if pair[0].lower() != name]


def _can_carry_another(request: Request, response: Response) -> bool:
    """Tell whether the connection is fit for another request after this response."""
    if not request.keep_alive:
        return False
    if isinstance(response.body, bytes):
        return request.skip_body()
    return request.body_read  # the answer may be produced from the body
