"""The corpus: what real clients have sent, as a file of one line for each connection."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "requests.json"
# In the targets of all requests; the function's name in its place.
NAME = "seen"
# What clients repeat where they send much; the file says how often.
UNIT = "0123456789abcdef"
_REPEATED = re.compile(f"((?:{UNIT}){{50,}})")
_KEY = re.compile(rb"\r\nX-Function-Key:[^\r]*", re.IGNORECASE)


@dataclass(frozen=True)
class Sent:
    """One request: all its bytes, as a client has sent them."""

    method: str
    data: bytes

    def to(self, name: str, key: str | None) -> bytes:
        """Return the bytes for the function `name`, with a function key if given."""
        data = self.data.replace(b"/function/seen", f"/function/{name}".encode())
        line, end, rest = data.partition(b"\n")
        header = b"" if key is None else f"X-Function-Key: {key}\r\n".encode()
        return line + end + header + rest


@dataclass(frozen=True)
class Connection:
    """The requests of one connection. If `pipelined`, they are sent before any is answered."""

    name: str
    requests: tuple[Sent, ...]
    pipelined: bool = False


def captured(name: str, data: Iterable[bytes], port: int) -> Connection:
    """Return the requests that were sent to a port, without what differs from run to run."""
    requests = []
    for each in data:
        head, end, body = each.partition(b"\r\n\r\n")
        for host in (b"127.0.0.1", b"localhost"):
            head = head.replace(b"%b:%d" % (host, port), b"%b:8080" % host)
        head = _KEY.sub(b"", head)
        requests.append(Sent(head.partition(b" ")[0].decode(), head + end + body))
    return Connection(name, tuple(requests))


def write(versions: dict[str, str], connections: Iterable[Connection]) -> None:
    lines = [
        json.dumps({"name": each.name, "requests": [_packed(sent) for sent in each.requests]})
        for each in connections
    ]
    text = ",\n ".join(lines)
    FILE.write_text(f'{{"versions": {json.dumps(versions)},\n"connections": [\n {text}\n]}}\n')


def read() -> list[Connection]:
    connections = json.loads(FILE.read_text())["connections"]
    return [
        Connection(each["name"], tuple(map(_unpacked, each["requests"]))) for each in connections
    ]


def _packed(sent: Sent) -> list[str | int]:
    """Return the method, and then texts, and numbers for how often UNIT comes between them."""
    parts = _REPEATED.split(sent.data.decode("latin-1"))
    packed = [part if n % 2 == 0 else len(part) // len(UNIT) for n, part in enumerate(parts)]
    return [sent.method, *packed]


def _unpacked(packed: list[str | int]) -> Sent:
    parts = [UNIT * part if isinstance(part, int) else part for part in packed[1:]]
    return Sent(str(packed[0]), "".join(parts).encode("latin-1"))
