"""The contract with a handler: python3-http's event, context, and forms of answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import EnvironHeaders, Headers, ImmutableMultiDict
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse
from werkzeug.wsgi import FileWrapper

from faas_sealed.formats.stream import CHUNK_BYTES
from faas_sealed.runtime.handler.body_stream import BodyStream
from faas_sealed.runtime.shared.responses import Response

HTML = "text/html; charset=utf-8"
JSON = "application/json"
_FORMS = "None, a str, bytes, dict, list, iterator, tuple or response"


class Event:
    """One request, as the handler sees it.

    `body` is bytes. `stream` is a readable, iterable binary file with the body as it arrives.
    Each of the two has the part of the body that the other has not taken.
    """

    def __init__(self, environ: dict[str, Any], stream: BodyStream) -> None:
        self._environ = environ
        self.stream = stream
        self.headers = EnvironHeaders(environ)
        self.method: str = environ["REQUEST_METHOD"]
        path: str = environ["PATH_INFO"]
        self.path = "/" + path.encode("latin-1").decode(errors="replace").lstrip("/")

    @cached_property
    def _request(self) -> WerkzeugRequest:
        """Flask's request, which may have read the body, or one of our own."""
        request: WerkzeugRequest | None = self._environ.get("werkzeug.request")
        return request or WerkzeugRequest(self._environ, populate_request=False)

    @cached_property
    def body(self) -> bytes:
        return self._request.get_data()

    @cached_property
    def query(self) -> ImmutableMultiDict[str, str]:
        # Parsed as in werkzeug's request, but without making one.
        text = self._environ["QUERY_STRING"].encode("latin-1").decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote")
        return ImmutableMultiDict(pairs)


class Context:
    """The context of a call: the name of the host that the function runs on, and the token's id.

    `token_id` is 32 hexadecimal digits. A request that comes twice has the same. It is None for
    a raw key.
    """

    def __init__(self, token_id: str | None = None) -> None:
        self.hostname = os.getenv("HOSTNAME", "localhost")
        self.token_id = token_id


def flattened(value: Any) -> Any:
    """Turn the return value of `handle` into one that Flask's make_response takes.

    None becomes a tuple, and so does a dict of python3-http's form: `statusCode`, `body` and
    `headers`, each of which may be missing. A body that is an asynchronous iterable becomes an
    iterator. Any other value is returned as it is.
    """
    if value is None:
        return "", 200
    if type(value) is not dict:
        if isinstance(value, tuple) and value:
            body, *rest = value
            return (_iterable(body), *rest)
        return _iterable(value)
    body = _iterable(value.get("body", ""))
    if isinstance(body, memoryview):
        body = bytes(body)
    elif not isinstance(body, (str, bytes, bytearray, dict, list, Iterator)):
        body = str(body)
    headers = value.get("headers")
    if headers and not isinstance(headers, dict):
        headers = Headers(headers)  # keeps a name that is given several times
    return body, value.get("statusCode"), headers


def _iterable(body: Any) -> Any:
    """Return the pieces of an asynchronous iterable as an iterator, and any other body as it is."""
    if not has_method(body, "__aiter__"):
        return body
    # Imported here: most handlers do without asyncio.
    from faas_sealed.runtime.handler.coroutines import AsyncPieces

    return AsyncPieces(body)


def has_method(value: Any, name: str) -> bool:
    """Tell whether a value has a special method.

    A dict with a `__getattr__` may seem to have every attribute, so its class must have the
    method. The class of a proxy has every method, so the proxy itself must have it, too.
    """
    return hasattr(type(value), name) and hasattr(value, name)


def response_of(value: Any, environ: dict[str, Any]) -> Response:
    """Return the answer that Flask would make of a view's return value, without Flask.

    Raises TypeError or ValueError for a value of any other form.
    """
    body, status, headers = _unpacked(value)
    if isinstance(body, WerkzeugResponse) or callable(body):
        answer = WerkzeugResponse.force_type(body, environ)
        if isinstance(status, (str, bytes, bytearray)):
            answer.status = status  # type: ignore[assignment]
        elif status is not None:
            answer.status_code = status
        answer.headers.update(headers or ())
        return sent(answer, environ)
    content_type = HTML
    if isinstance(body, (dict, list)):
        body, content_type = dump_json(body), JSON
    elif not isinstance(body, (str, bytes, bytearray, Iterator)):
        raise TypeError(f"handle returned {type(body).__name__}, expected {_FORMS}")
    if headers:
        headers = Headers(headers)
        headers.setdefault("Content-Type", content_type)
    else:
        headers = [("Content-Type", content_type)]
    if type(body) in (str, bytes) and (status is None or (type(status) is int and status < 300)):
        # The answer that werkzeug would make, in a fraction of the time.
        whole = body.encode() if isinstance(body, str) else body
        return Response(200 if status is None else status, _pairs(headers), whole)
    return sent(WerkzeugResponse(body, status, headers), environ)


def _unpacked(value: Any) -> tuple[Any, Any, Any]:
    """Return body, status and headers; status and headers are None where they are not given."""
    if not isinstance(value, tuple):
        return value, None, None
    if len(value) == 3:
        return value
    if len(value) == 2:
        body, other = value
        if isinstance(other, (Headers, dict, list, tuple)):
            return body, None, other
        return body, other, None
    raise TypeError(
        f"handle returned a tuple of {len(value)}, expected (body, status, headers), "
        "(body, status) or (body, headers)"
    )


def sent(answer: WerkzeugResponse, environ: dict[str, Any]) -> Response:
    """Turn a response of werkzeug or Flask into the answer that is sent.

    If the body is produced, its first piece is produced here, so that a failure at once can
    still be answered with an error.
    """
    # Werkzeug mends the Location of a redirect, and removes headers that a 304 must not have.
    headers = answer.get_wsgi_headers(environ) if answer.status_code >= 300 else answer.headers
    if answer.is_sequence and not answer.direct_passthrough:
        body: bytes | Iterable[bytes] = answer.get_data()
        answer.close()
    else:
        _read_whole_chunks(answer.response)
        produced = _produced(answer.get_app_iter(environ))
        body = chain((next(produced, b""),), produced)
    return Response(answer.status_code, _pairs(headers), body)


def _read_whole_chunks(body: Any) -> None:
    """Let a file that `wrap_file` has wrapped come in chunks as large as a frame.

    A padded answer then tells no more of a file than of bytes. What cannot seek may be alive: it
    comes as it did.
    """
    wrapper = getattr(body, "iterable", body)  # werkzeug wraps once more for a range
    if isinstance(wrapper, FileWrapper) and wrapper.seekable():
        wrapper.buffer_size = CHUNK_BYTES


def _pairs(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    pairs = list(headers)
    for _, value in pairs:
        value.encode("latin-1")  # as they are sent; UnicodeEncodeError is a ValueError
    return pairs


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
    # Imported here: few handlers answer with one of these.
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
