"""The author's handler: executed once in a worker, and called for each request."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import IO, Any

from werkzeug.exceptions import HTTPException

from faas_sealed.runtime.handler.body_stream import BodyStream
from faas_sealed.runtime.handler.bundle_files import HOME
from faas_sealed.runtime.handler.contract import (
    Context,
    Event,
    flattened,
    has_method,
    response_of,
    sent,
)
from faas_sealed.runtime.handler.loader import Package, Program
from faas_sealed.runtime.handler.loggers import add_log_handler, remove_log_handler
from faas_sealed.runtime.shared.responses import Response


class Handler:
    """The function's code in one worker: its files and its executed modules.

    `has_failed` tells whether the modules could not be executed. What has been executed of them
    cannot be taken back, so this process serves nothing more.
    """

    def __init__(self) -> None:
        self._package: Package | None = None
        self._module: ModuleType | None = None
        self.has_failed = False

    @property
    def is_open(self) -> bool:
        return self._package is not None

    def open(self, files: Mapping[str, bytes]) -> None:
        """Take the files of the bundle, by name."""
        self._package = Package(Program(files))

    @property
    def streams(self) -> bool:
        """Whether the handler may want to start before the request's body is there."""
        assert self._package is not None
        return self._package.program.streams

    def load(self) -> None:
        """Execute the modules, unless an earlier call has done so."""
        if self._module is not None:
            return
        assert self._package is not None
        try:
            self._module = self._package.load()
        except BaseException:
            self.has_failed = True
            raise
        add_log_handler()

    def unload(self) -> None:
        """Forget the executed modules, in the zygote, whose workers execute others."""
        if self._package is not None:
            self._package.unload()
        remove_log_handler()

    def call(self, environ: dict[str, Any], body: BodyStream, context: Context) -> Response:
        """Call `handle` with a request: its WSGI environment, and the body in it."""
        assert self._module is not None
        event = Event(environ, body)
        # If the handler imports Flask, the zygote has already done so.
        if "flask" not in sys.modules:
            return response_of(_call(self._module, event, context), environ)
        with flask_app().request_context(environ) as flask_context:
            if body.length is not None:  # else a form would be gone from request.data
                flask_context.request.get_data()
            answer = flask_app().finalize_request(_call(self._module, event, context))
        return sent(answer, environ)


def _call(module: ModuleType, event: Event, context: Context) -> Any:
    """Call the handler; the exception of Flask's or werkzeug's abort() is an answer, too."""
    try:
        value = module.handle(event, context)
        if has_method(value, "__await__"):
            # Imported here: most handlers do without asyncio.
            from faas_sealed.runtime.handler.coroutines import result_of

            value = result_of(value)
        return flattened(value)
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

        _app = Flask("__main__", root_path=HOME, static_folder=None)
        _app.request_class = InMemory
    return _app
