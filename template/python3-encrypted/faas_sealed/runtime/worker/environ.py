"""The WSGI environment of a request (PEP 3333), with which the handler is called."""

from __future__ import annotations

import sys
from typing import Any

from faas_sealed.runtime.handler.body_stream import BodyStream
from faas_sealed.runtime.worker.request import Request
from faas_sealed.settings import Settings


def environ_of(request: Request, body: BodyStream, settings: Settings) -> dict[str, Any]:
    """Return the environment of a request whose body is read from `body`."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": request.uri,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": settings.host,
        "SERVER_PORT": str(settings.port),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        environ[key] = value
    # The watchdog sends every body in chunks; python3-http tells the length all the same.
    if body.length or (body.length is not None and request.chunked):
        environ["CONTENT_LENGTH"] = str(body.length)
    return environ
