"""One request to one handler, and the bytes that the watchdog would send for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HANDLERS = Path(__file__).parent / "handlers"
CALL_ID = "3f8a1c52-parity"
# The name of a case that says no more than its group.
ONE = "one call"
# Go's io.Copy reads as much at once, and each piece becomes a chunk.
_PIECE = 32 * 2**10

# What the watchdog's client and the gateway add, unless the caller has said otherwise.
_ADDED = {
    "Host": "gateway.example:8080",
    "User-Agent": "Go-http-client/1.1",
    "Accept-Encoding": "gzip",
    "X-Call-Id": CALL_ID,
}


@dataclass(frozen=True)
class Case:
    """A request. Its `target` and headers go out as they are, in UTF-8.

    `earlier` are the targets of requests that precede it on its connection. A body is sent
    in chunks, as the watchdog does, unless `length` asks for Content-Length.
    """

    name: str
    method: str = "GET"
    target: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    length: bool = False
    earlier: tuple[str, ...] = ()

    def wire(self, key: str | None) -> bytes:
        """Return the bytes of the request, with a function key in its header if given."""
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        own = {name.lower() for name, _ in self.headers}
        lines += [f"{name}: {value}" for name, value in _ADDED.items() if name.lower() not in own]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if key is not None:
            lines.append(f"X-Function-Key: {key}")
        body = b""
        if self.body is not None and self.length:
            lines.append(f"Content-Length: {len(self.body)}")
            body = self.body
        elif self.body is not None:
            lines.append("Transfer-Encoding: chunked")
            starts = range(0, len(self.body), _PIECE)
            pieces = [self.body[start : start + _PIECE] for start in starts]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


@dataclass(frozen=True)
class Group:
    """Cases of one handler: a file of `folder`, or a folder in it.

    `settings` are those of our runtime. With `log`, each case has a process of its own,
    and what that wrote by its end is part of the outcome. `shown` makes of a body what can be
    compared; the headers `left_out` are not compared.
    """

    name: str
    handler: str
    cases: tuple[Case, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    log: bool = False
    folder: Path = HANDLERS
    shown: Callable[[bytes], bytes] = bytes
    left_out: frozenset[str] = frozenset()

    def files(self) -> dict[str, bytes]:
        """Return the files of the handler's folder."""
        folder = self.folder / self.handler
        if not folder.is_dir():
            return {"handler.py": folder.with_suffix(".py").read_bytes()}
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        }


def value(expression: str, headers: tuple[tuple[str, str], ...] = (), **request: Any) -> Case:
    """Return a case for a handler that answers with an expression's value."""
    return Case(expression, headers=(("X-Evaluate", expression), *headers), **request)


def brief(text: str) -> str:
    """Cut a long text, and say how long it was."""
    return text if len(text) <= 100 else f"{text[:20]}… ({len(text)} characters)"
