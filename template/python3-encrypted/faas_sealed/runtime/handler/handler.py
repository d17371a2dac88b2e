"""The author's handler: opened, executed in a fresh namespace, called, dropped."""

from __future__ import annotations

import io
import sys
from hashlib import sha256
from hmac import compare_digest
from types import ModuleType
from typing import IO, Any

from werkzeug.exceptions import HTTPException

from faas_sealed.formats.bundle import unpack
from faas_sealed.formats.errors import UnknownKey
from faas_sealed.formats.file import Slot
from faas_sealed.runtime.handler.body_stream import BodyStream
from faas_sealed.runtime.handler.contract import (
    Context,
    Event,
    environ_of,
    flattened,
    response_of,
    sent,
)
from faas_sealed.runtime.handler.loader import Package, Program
from faas_sealed.runtime.handler.loggers import Loggers
from faas_sealed.runtime.shared.responses import Response
from faas_sealed.runtime.worker.function import Function
from faas_sealed.runtime.worker.request import Request
from faas_sealed.settings import Settings


class Handler:
    """The function in one worker.

    What has been opened and compiled stays until the worker ends, for whoever brings the
    content key again. With isolation `warm` its executed modules stay too.
    """

    def __init__(self, settings: Settings, function: Function) -> None:
        self.function = function
        self.sealed = function.sealed
        self._settings = settings
        self._keeps = settings.isolation == "warm"
        self._last_key: tuple[bytes, Slot | None, bytes] | None = None
        self._program: Program | None = None
        self._package: Package | None = None
        self._module: ModuleType | None = None
        self._loggers: Loggers | None = None

    def content_key(self, function_key: bytes, now: float) -> bytes:
        """Return the content key that a function key opens at the time `now`.

        The key of the call before has been tried already; its expiry is another matter.
        Raises FunctionExpired or UnknownKey.
        """
        # The digest, because the key itself shall not be here when the handler looks around.
        digest = sha256(function_key).digest()
        if self._last_key is not None and compare_digest(self._last_key[0], digest):
            _, slot, content_key = self._last_key
            self.sealed.check_expiry(slot, now)
            return content_key
        slot = self.sealed.slot(function_key)
        self.sealed.check_expiry(slot, now)
        if slot is not None and slot.id in self.function.denied:
            raise UnknownKey
        content_key = self.sealed.unwrap(slot, function_key)
        self._last_key = digest, slot, content_key
        return content_key

    def open(self, content_key: bytes) -> Program:
        """Decrypt and unpack the bundle, unless an earlier call of this worker has done so.

        `content_key` is what this call's function key has opened: there is but one.
        """
        if self._program is None:
            self._program = Program(unpack(self.sealed.bundle(content_key)))
        return self._program

    def call(self, program: Program, request: Request, body: BodyStream) -> Response:
        """Execute the handler's modules and call it."""
        if self._module is None:
            self._loggers = self._loggers or Loggers()
            self._package = Package(program)
            self._module = self._package.load()
            self._loggers.complete()
        environ = environ_of(request, self._settings.host, self._settings.port, body)
        event = Event(environ, body)
        # A handler that imports Flask had it imported in the zygote.
        if "flask" not in sys.modules:
            return response_of(_call(self._module, event), environ)
        with flask_app().request_context(environ) as context:
            if body.length is not None:  # or a form would be gone from flask.request.data
                context.request.get_data()
            answer = flask_app().finalize_request(_call(self._module, event))
        return sent(answer, environ)

    def finish(self) -> None:
        """Drop what was executed, once the reply is sent."""
        if self._keeps and self._module is not None:
            return
        if self._package is not None:
            self._package.unload()
        if self._loggers is not None:
            self._loggers.restore()
        self._package = self._module = None


def _call(module: ModuleType, event: Event) -> Any:
    """Call the handler; what Flask's or werkzeug's abort() raises is its answer too."""
    try:
        return flattened(module.handle(event, Context()))
    except HTTPException as error:
        return error


_app: Any = None


def flask_app() -> Any:
    """Return the one Flask application of this process, made at the first call."""
    global _app
    if _app is None:
        from flask import Flask, wrappers

        class InMemory(wrappers.Request):
            def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
                """Keep an upload in memory; Werkzeug would put 500 KB or more into a file."""
                return io.BytesIO()

        _app = Flask("__main__", static_folder=None)
        _app.request_class = InMemory
    return _app
