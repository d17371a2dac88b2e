"""What came of a case, as data that can be compared and kept.

An outcome has `status`, `headers` and a body: `body` if that is text, `base64` if it is not,
`sha256` and `bytes` if it is long. A reply that was cut off is `cut`; where none came,
`answer` says so. Of our sealed errors, `problem` and the class that was `raised` stand for the
body. `stdout` and `stderr` are lines, `ended` is the last word of a process that did not start.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from tests.parity.case import Case, Group
from tests.support import Answer

Outcome = dict[str, Any]

NO_ANSWER: Outcome = {"answer": "none"}
_LONG = 4096

# Of the connection or of the moment. How a body is framed is known from its arriving whole.
LEFT_OUT = {
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
    "via",
}
# What differs from run to run: addresses of objects, sealed traces.
_VARYING = (
    (re.compile(r"\b0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"\bfse1_[\w-]+"), "fse1_…"),
)


def exchange(case: Case, port: int, key: str | None, patience: float) -> tuple[Answer | None, bool]:
    """Send a case's requests on one connection; return the last answer, and if it was cut."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        for target in case.earlier:
            connection.sendall(Case(case.name, target=target).wire(key))
            _read(connection, "GET")
        connection.sendall(case.wire(key))
        try:
            return _read(connection, case.method)
        except (OSError, HTTPException):
            return None, False


def _read(connection: socket.socket, method: str) -> tuple[Answer, bool]:
    response = HTTPResponse(connection, method=method)
    response.begin()
    try:
        body, cut = response.read(), False
    except IncompleteRead as error:
        body, cut = error.partial, True
    return Answer(response.status, response.getheaders(), body), cut


# In place of the first lines of a sealed file, which are others each time.
SEALED_LINES = "faas-seal/v1 …"


def outcome_of(
    exchanged: tuple[Answer | None, bool],
    folder: str | None,
    group: Group,
    open_trace: Callable[[str], str] | None = None,
) -> Outcome:
    """Return the outcome of an exchange; `folder` is what stands for the image's /home/app."""
    answer, cut = exchanged
    if answer is None:
        return dict(NO_ANSWER)
    outcome: Outcome = {"status": answer.status, "headers": _headers(answer, group.left_out)}
    if open_trace and answer.body.startswith(b'{"type": "urn:faas-seal:'):
        outcome |= _problem(answer.json(), open_trace)
    elif open_trace and answer.body.startswith(b"faas-seal/v1\n"):
        outcome["body"] = SEALED_LINES
    else:
        outcome |= _body(group.shown(answer.body), folder)
    return outcome | ({"cut": True} if cut else {})


def _headers(answer: Answer, left_out: frozenset[str]) -> dict[str, str | list[str]]:
    headers: dict[str, str | list[str]] = {}
    for name in sorted({name.lower() for name, _ in answer.headers} - LEFT_OUT - left_out):
        values = answer.header_list(name)
        if name == "allow":  # werkzeug makes it from a set
            values = [", ".join(sorted(values[0].split(", ")))]
        headers[name] = values if len(values) > 1 else _brief(values[0])
    return headers


def _brief(value: str) -> str:
    return value if len(value) <= _LONG else f"{len(value)} characters"


def _body(body: bytes, folder: str | None) -> Outcome:
    if len(body) > _LONG:
        return {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    try:
        return {"body": plain(body.decode(), folder)}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def plain(text: str, folder: str | None) -> str:
    """Replace what differs from run to run."""
    for pattern, replacement in _VARYING:
        text = pattern.sub(replacement, text)
    return text.replace(folder, "/home/app") if folder else text


def _problem(document: dict[str, Any], open_trace: Callable[[str], str]) -> Outcome:
    outcome = {"problem": document["type"].rpartition(":")[2]}
    if "trace" in document:
        last = open_trace(document["trace"]).strip().splitlines()[-1]
        outcome["raised"] = last.partition(":")[0]
    return outcome


# Waitress says where it listens, and that a request waits, as on a machine that is busy.
_OF_WAITRESS = ("Serving on http://127.0.0.1:", "WARNING:waitress.queue:", "Task queue depth is")


def log_lines(text: str, folder: str | None) -> list[str]:
    """Return the lines of a log, without those of the server's and the inside of tracebacks."""
    return [
        line
        for line in plain(text, folder).splitlines()
        if line and not line.startswith(" ") and not any(said in line for said in _OF_WAITRESS)
    ]
