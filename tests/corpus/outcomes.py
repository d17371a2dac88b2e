"""What comes of the requests of a connection, as data that can be compared and kept.

If the handler has answered, an outcome has `status`, `headers` and `body` of the answer, or, in
place of the body, the members of what the handler has seen. Otherwise somebody on the way has
answered, in words of its own, and the outcome is the status. Where nothing came it is `answer`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from tests.corpus.handler import MARK
from tests.corpus.requests_sent import Connection
from tests.support import PATIENCE, Answer

Outcome = dict[str, Any]

FILE = Path(__file__).parent / "recorded.json"
# Of the connection or of the moment, or the same in all.
_LEFT_OUT_OF_ANSWERS = {
    *("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"),
    *("x-call-id", "x-duration-seconds", "x-served-by", "x-start-time"),
}
# waitress keeps these from the handler of python3-http.
_OF_PROXIES = {
    *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"),
    *("X-Forwarded-Proto", "X-Forwarded-By"),
}
_VARYING = (
    (re.compile(r"\b\d+(\.\d+){3}(:\d+)?\b"), "ADDRESS"),
    (re.compile(r"^openfaas-ce-gateway/[\d.]+$"), "openfaas-ce-gateway"),
    (re.compile(r"\b\d{19}\b"), "TIME"),
    (re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"), "ID"),
)


def exchange(
    connection: Connection, gateway: tuple[str, int], name: str, key: str | None
) -> list[Outcome]:
    """Send the requests of a connection to a gateway; return what comes of each."""
    with socket.create_connection(gateway, timeout=PATIENCE) as client:
        file = client.makefile("rb")
        data = [sent.to(name, key) for sent in connection.requests]
        batches = [b"".join(data)] if connection.pipelined else data
        found: list[Outcome] = []
        for sent in connection.requests:
            if batches:
                try:
                    client.sendall(batches.pop(0))
                except OSError:  # refused before all was sent
                    batches.clear()
            found.append(_outcome(_read(file, sent.method)))
        return found


def write(official: dict[str, list[Outcome]], ours: dict[str, list[Outcome]]) -> None:
    """Keep the outcomes by the names of connections; of ours, what differs."""
    both = {name: [each, _differing(each, ours[name])] for name, each in official.items()}
    lines = [f"{json.dumps(n)}: {json.dumps(each, ensure_ascii=False)}" for n, each in both.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def read() -> tuple[dict[str, list[Outcome]], dict[str, list[Outcome]]]:
    """Return the outcomes of python3-http and ours behind the real gateway."""
    recorded = json.loads(FILE.read_text("utf-8"))
    official = {name: outcomes for name, (outcomes, _) in recorded.items()}
    ours = {
        name: [
            {k: v for k, v in {**official, **differing}.items() if v is not None}
            for official, differing in zip(*both, strict=True)
        ]
        for name, both in recorded.items()
    }
    return official, ours


def _differing(official: list[Outcome], ours: list[Outcome]) -> list[Outcome]:
    pairs = zip(official, ours, strict=True)
    return [
        {key: our.get(key) for key in {**their, **our} if their.get(key) != our.get(key)}
        for their, our in pairs
    ]


def _read(file: BufferedReader, method: str) -> Answer | None:
    """Read one answer, and skip those that say only that it will come."""
    while True:
        try:
            lines = [line.rstrip(b"\r\n").decode("latin-1") for line in _until_blank(file)]
        except OSError:
            return None
        if not lines:
            return None
        status = int(lines[0].split(" ")[1])
        if status >= 200:
            break
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines[1:])]
    answer = Answer(status, headers, b"")
    if method == "HEAD" or status in (204, 304):
        return answer
    if answer.header("Transfer-Encoding"):
        return Answer(status, headers, b"".join(_chunks(file)))
    length = answer.header("Content-Length")
    return Answer(status, headers, file.read() if length is None else file.read(int(length)))


def _until_blank(file: BufferedReader) -> Iterator[bytes]:
    while (line := file.readline()) not in (b"\r\n", b""):
        yield line


def _chunks(file: BufferedReader) -> Iterator[bytes]:
    while size := int(file.readline(), 16):
        yield file.read(size)
        file.readline()
    file.readline()


def _outcome(answer: Answer | None) -> Outcome:
    if answer is None:
        return {"answer": "none"}
    mark = answer.header(MARK)
    if mark is None:
        location = answer.header("Location")
        return {"status": answer.status} | ({"location": location} if location else {})
    outcome: Outcome = {"status": answer.status, "headers": _headers(answer)}
    if mark:
        return outcome | _plain(json.loads(base64.b64decode(mark)))
    if answer.body.startswith(b'{"body":'):
        return outcome | _plain(answer.json())
    return outcome | {"answered": _short(answer.body)}


def _headers(answer: Answer) -> dict[str, str]:
    names = sorted({name.lower() for name, _ in answer.headers} - _LEFT_OUT_OF_ANSWERS)
    return {
        name: _short((answer.header(name) or "").encode("latin-1"))
        for name in names
        if name != MARK.lower()
    }


def _short(data: bytes) -> str:
    if len(data) <= 200:
        return data.decode("latin-1")
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}"


def _plain(seen: dict[str, Any]) -> dict[str, Any]:
    """Put apart what proxies add, and replace what differs from run to run, or is long."""
    headers = [
        [name, _replaced(value)] for name, value in seen["headers"] if name != "X-Function-Key"
    ]
    plain = {name: _shortened(value) for name, value in seen.items()}
    return plain | {
        "headers": [pair for pair in headers if pair[0] not in _OF_PROXIES],
        "proxies": [pair for pair in headers if pair[0] in _OF_PROXIES],
    }


def _replaced(value: str) -> str:
    for pattern, replacement in _VARYING:
        value = pattern.sub(replacement, value)
    return _short(value.encode("latin-1"))


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    return _short(value.encode()) if isinstance(value, str) and len(value) > 1000 else value
