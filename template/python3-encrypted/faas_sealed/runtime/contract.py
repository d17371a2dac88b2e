"""What a handler gets and may return: python3-http's event, context and answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine, Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import Any

from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from faas_sealed.runtime.request import Request
from faas_sealed.runtime.responses import Response
from faas_sealed.runtime.stream import BodyStream

_FORMS = "None, a str, bytes, dict, list, iterator, tuple or response"


class Event:
    """One request, as the handler sees it.

    `body` is bytes. `stream` is a readable, iterable binary file with the body as it
    arrives; each has what the other has not taken yet.
    """

    def __init__(self, request: WerkzeugRequest, stream: BodyStream) -> None:
        self._request = request
        self.stream = stream
        self.headers = request.headers
        self.method = request.method
        self.path = request.path

    @cached_property
    def body(self) -> bytes:
        return self._request.get_data()  # which Flask's request may have, and so not the stream

    @cached_property
    def query(self) -> ImmutableMultiDict[str, str]:
        return ImmutableMultiDict(self._request.args)


class Context:
    """Where the function runs."""

    def __init__(self) -> None:
        self.hostname = os.getenv("HOSTNAME", "localhost")


def environ_of(request: Request, host: str, port: int, stream: BodyStream) -> dict[str, Any]:
    """Return the WSGI environment of a request (PEP 3333)."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        environ[key] = value
    # The watchdog sends every body in chunks; python3-http says nevertheless how long it is.
    if stream.length:
        environ["CONTENT_LENGTH"] = str(stream.length)
    return environ


def flattened(value: Any) -> Any:
    """Return python3-http's forms as the tuple that Flask's make_response takes.

    A dict has `statusCode`, `body` and `headers`, each of which may be missing. Any
    other value is Flask's business and returned as it is.
    """
    if value is None:
        return "", 200
    if isinstance(value, Coroutine):
        value.close()
        raise TypeError("handle is a coroutine function: nobody awaits it, use asyncio.run() in it")
    if type(value) is not dict:
        return value
    body = value.get("body", "")
    if isinstance(body, memoryview):
        body = bytes(body)
    elif not isinstance(body, (str, bytes, bytearray, dict, list, Iterator)):
        body = str(body)
    return body, value.get("statusCode"), Headers(value.get("headers"))


class _Answer(WerkzeugResponse):
    default_mimetype = "text/html"


def answer_of(value: Any, environ: dict[str, Any]) -> WerkzeugResponse:
    """Do what Flask's make_response does, without Flask.

    Raises TypeError or ValueError for what is none of the forms.
    """
    status = headers = None
    if isinstance(value, tuple):
        if len(value) == 3:
            value, status, headers = value
        elif len(value) == 2 and isinstance(value[1], (Headers, dict, list, tuple)):
            value, headers = value
        elif len(value) == 2:
            value, status = value
        else:
            raise TypeError(
                f"handle returned a tuple of {len(value)}, expected (body, status, headers), "
                "(body, status) or (body, headers)"
            )
    if isinstance(value, (str, bytes, bytearray, Iterator)):
        return _Answer(value, status, headers)  # type: ignore[arg-type]
    if isinstance(value, (dict, list)):
        answer: WerkzeugResponse = _Answer(dump_json(value), mimetype="application/json")
    elif isinstance(value, WerkzeugResponse) or callable(value):
        answer = _Answer.force_type(value, environ)
    else:
        raise TypeError(f"handle returned {type(value).__name__}, expected {_FORMS}")
    if isinstance(status, (str, bytes, bytearray)):
        answer.status = status  # type: ignore[assignment]
    elif status is not None:
        answer.status_code = status
    if headers:
        answer.headers.update(headers)
    return answer


def response_of(answer: WerkzeugResponse, environ: dict[str, Any]) -> Response:
    """Turn an answer into what is sent.

    The first piece of a body that is produced is produced here, so that what fails at
    once can still be answered with an error.
    """
    headers = list(answer.headers)
    if answer.status_code >= 300:  # werkzeug mends Location, and what 304 must not have
        headers = list(answer.get_wsgi_headers(environ))
    for _, value in headers:
        value.encode("latin-1")
    if answer.is_sequence and not answer.direct_passthrough:
        body: bytes | Iterable[bytes] = answer.get_data()
        answer.close()
    else:
        produced = _produced(answer.get_app_iter(environ))
        body = chain((next(produced, b""),), produced)
    return Response(answer.status_code, headers, body)


def _produced(pieces: Iterable[Any]) -> Iterator[bytes]:
    try:
        for piece in pieces:
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise TypeError(f"the body yields {type(piece).__name__}, expected str or bytes")
            if piece:
                yield bytes(piece)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def dump_json(value: Any) -> bytes:
    """Serialise as Flask's jsonify does: sorted, compact, with a line feed."""
    text = json.dumps(value, default=_json_default, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def _json_default(value: Any) -> Any:
    # Imported here: what Flask knows, few handlers use.
    import dataclasses
    import datetime
    import decimal
    import uuid

    from werkzeug.http import http_date

    if isinstance(value, datetime.date):
        return http_date(value)
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "__html__"):
        return str(value.__html__())
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
