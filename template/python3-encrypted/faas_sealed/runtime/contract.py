"""What a handler gets and may return: python3-http's event, context and answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import EnvironHeaders, ImmutableMultiDict

from faas_sealed.runtime.request import Request
from faas_sealed.runtime.responses import Response
from faas_sealed.runtime.stream import BodyStream

HTML = "text/html; charset=utf-8"
JSON = "application/json"
BINARY = "application/octet-stream"


class Event:
    """One request, as the handler sees it.

    `body` is bytes. `stream` is a readable, iterable binary file with the body as it
    arrives; whoever reads it gets from `body` only what it has left.
    """

    def __init__(self, request: Request, environ: dict[str, Any], stream: BodyStream) -> None:
        self._environ = environ
        self.stream = stream
        self.method = request.method
        self.path = _utf8(request.path)

    @property
    def body(self) -> bytes:
        return self.stream.whole()

    @property
    def headers(self) -> EnvironHeaders:
        return EnvironHeaders(self._environ)

    @property
    def query(self) -> ImmutableMultiDict[str, str]:
        pairs = parse_qsl(
            self._environ["QUERY_STRING"], keep_blank_values=True, errors="werkzeug.url_quote"
        )
        return ImmutableMultiDict(pairs)


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
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        environ[key] = value
    return environ


def response_of(value: Any) -> Response:
    """Turn what a handler returned into an answer, as Flask's make_response would.

    A dict is python3-http's form: `statusCode`, `body`, `headers`. Raises TypeError
    or ValueError for what is none of the forms.
    """
    if value is None:
        return Response(200, [("Content-Type", HTML)])
    if isinstance(value, dict):
        return _build(value.get("body", ""), value.get("statusCode", 200), value.get("headers", ()))
    if isinstance(value, tuple):
        return _from_tuple(value)
    return _build(value, 200, ())


def flat_response_of(value: Any) -> Any:
    """Return python3-http's form as the tuple that Flask's make_response takes."""
    if value is None:
        return "", 200
    if not isinstance(value, dict):
        return value
    response = response_of(value)
    return response.body, response.status, response.headers


def _from_tuple(value: tuple[Any, ...]) -> Response:
    if len(value) == 3:
        body, status, headers = value
    elif len(value) == 2 and isinstance(value[1], (dict, list, tuple)):
        (body, headers), status = value, 200
    elif len(value) == 2:
        (body, status), headers = value, ()
    else:
        raise TypeError(
            "a tuple has the form (body, status, headers), (body, status) or (body, headers)"
        )
    if body is None:
        raise TypeError("the body of a tuple is None")
    return _build(body, 200 if status is None else status, headers or ())


def _build(body: Any, status: Any, headers: Any) -> Response:
    content, content_type = _content(body)
    pairs = _pairs(headers)
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.insert(0, ("Content-Type", content_type))
    return Response(_status(status), pairs, content)


def _content(body: Any) -> tuple[bytes | Iterable[bytes], str]:
    if isinstance(body, str):
        return body.encode(), HTML
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), HTML
    if isinstance(body, (dict, list)):
        return dump_json(body), JSON
    if isinstance(body, Iterator):
        return _encoded(body), HTML
    return str(body).encode(), HTML


def _encoded(pieces: Iterator[Any]) -> Iterator[bytes]:
    try:
        for piece in pieces:
            yield piece.encode() if isinstance(piece, str) else bytes(piece)
    finally:
        close: Callable[[], None] | None = getattr(pieces, "close", None)
        if close is not None:
            close()


def _status(status: Any) -> int:
    if isinstance(status, str):
        status = status.split(None, 1)[0]
    return int(status)


def _pairs(headers: Any) -> list[tuple[str, str]]:
    items = headers.items() if isinstance(headers, Mapping) else headers
    pairs = []
    for name, value in items:
        several = value if isinstance(value, (list, tuple, set)) else (value,)
        pairs += [(str(name), str(one)) for one in several]
    return pairs


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


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode(errors="replace")
