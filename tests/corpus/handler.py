"""The function that the corpus is sent to: it answers with what it has been given.

A path that begins with /answers/ gets an answer of that kind instead.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import Any

import flask

# Says that an answer is the handler's, and, for a request without a body in the answer, what.
MARK = "X-Seen"


def handle(event: Any, context: Any) -> flask.Response:
    kind = event.path.removeprefix("/answers/")
    response: flask.Response = flask.make_response(
        ANSWERS[kind]() if kind in ANSWERS else seen(event)
    )
    response.headers.setdefault(MARK, "")
    return response


def seen(event: Any) -> Any:
    request = flask.request
    found = {
        "method": event.method,
        "path": event.path,
        "query": list(event.query.items(multi=True)),
        "headers": [list(pair) for pair in event.headers.items()],
        "body": shown(event.body),
        "form": list(request.form.items(multi=True)),
        "files": [
            [name, file.filename, file.content_type, shown(file.read())]
            for name, file in request.files.items(multi=True)
        ],
        "cookies": list(request.cookies.items(multi=True)),
        "uri": request.environ["REQUEST_URI"],
    }
    if event.method == "HEAD":
        return "", 200, {MARK: base64.b64encode(json.dumps(found).encode()).decode()}
    return found


def shown(data: bytes) -> str:
    """Return bytes as text, or their number and digest if they are many."""
    if len(data) <= 1000:
        return data.decode("latin-1")
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}"


ANSWERS: dict[str, Any] = {
    "gzip": lambda: (gzip.compress(b"hello " * 2000, mtime=0), 200, {"Content-Encoding": "gzip"}),
    "cookies": lambda: ("x", 200, [("Set-Cookie", f"c{number}={number}") for number in range(150)]),
    "long": lambda: ("x", 200, {"X-Long": "x" * 200_000}),
    "part": lambda: ("abc", 206, {"Content-Range": "bytes 0-2/10"}),
    "204": lambda: ("", 204),
    "304": lambda: ("", 304, {"ETag": '"x"'}),
    "418": lambda: ("tea", 418),
    "500": lambda: ("failed", 500),
    "redirect": lambda: ("", 302, {"Location": "/function/elsewhere?a=%C3%BC"}),
    "multipart": lambda: ("--B--", 200, {"Content-Type": "multipart/mixed; boundary=B"}),
    "message": lambda: ("GET / HTTP/1.1", 200, {"Content-Type": "message/http"}),
    "latin-1": lambda: ("x", 200, {"X-Name": "gr\xf6\xdfe"}),
    "pieces": lambda: flask.Response(iter(["one ", "two"])),
    "large": lambda: "0123456789abcdef" * 65_536,
}
