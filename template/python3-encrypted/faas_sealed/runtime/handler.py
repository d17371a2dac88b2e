"""The author's handler: opened, executed in a fresh namespace, called, dropped."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from faas_sealed.formats.bundle import unpack
from faas_sealed.formats.file import SealedFile
from faas_sealed.runtime.contract import (
    Context,
    Event,
    environ_of,
    flat_response_of,
    response_of,
)
from faas_sealed.runtime.loader import Package, Program
from faas_sealed.runtime.request import Request
from faas_sealed.runtime.responses import Response
from faas_sealed.runtime.settings import Settings
from faas_sealed.runtime.stream import BodyStream


class Handler:
    """The function in one worker. With isolation `warm` its modules stay between calls."""

    def __init__(self, settings: Settings, sealed: SealedFile) -> None:
        self.sealed = sealed
        self._settings = settings
        self._keeps = settings.isolation == "warm"
        self._program: Program | None = None
        self._package: Package | None = None
        self._module: ModuleType | None = None

    def open(self, content_key: bytes) -> Program:
        """Decrypt and unpack the bundle, unless a warm worker has done so."""
        if self._program is None:
            self._program = Program(unpack(self.sealed.bundle(content_key)))
        return self._program

    def call(self, program: Program, request: Request, body: BodyStream) -> Response:
        """Execute the handler's modules and call it."""
        if self._module is None:
            self._package = Package(program)
            self._module = self._package.load()
        environ = environ_of(request, self._settings.host, self._settings.port, body)
        event = Event(request, environ, body)
        # A handler that imports Flask had it imported in the zygote.
        if "flask" in sys.modules:
            return _call_in_flask(self._module, event, environ)
        return response_of(self._module.handle(event, Context()))

    def finish(self) -> None:
        """Drop what was opened, once the reply is sent."""
        if self._keeps and self._module is not None:
            return
        if self._package is not None:
            self._package.unload()
        self._program = self._package = self._module = None


def _call_in_flask(module: ModuleType, event: Event, environ: dict[str, Any]) -> Response:
    """Call the handler in the context of a Flask request, as python3-http does."""
    from werkzeug.exceptions import HTTPException

    app = flask_app()
    with app.request_context(environ):
        try:
            answer = app.make_response(flat_response_of(module.handle(event, Context())))
        except HTTPException as error:  # flask.abort()
            answer = app.make_response(error.get_response(environ))
        if answer.is_sequence and not answer.direct_passthrough:
            return Response(answer.status_code, list(answer.headers), answer.get_data())
        return Response(
            answer.status_code, list(answer.headers), _closing(answer, answer.get_app_iter(environ))
        )


def _closing(answer: Any, pieces: Any) -> Any:
    try:
        yield from pieces
    finally:
        answer.close()


_app: Any = None


def flask_app() -> Any:
    """Return the one Flask application of this process, made at the first call."""
    global _app
    if _app is None:
        from flask import Flask

        _app = Flask("function")
    return _app
