"""Run real clients, and keep what they send: python -m tests.corpus.capture

It needs curl, wget, node, Go, Java, Perl and Chromium on PATH, and leaves out none.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.corpus.requests_sent import NAME, UNIT, Connection, captured, write

CLIENTS = Path(__file__).parent / "clients"
PATIENCE = 120

_FILES = {
    "a b.png": b"\x89PNG\r\n\x1a\n\x00\xff",
    "größe.txt": "größe\n".encode(),
    "empty": b"",
    "large": UNIT.encode() * 131_072,  # 2 MiB
    "mail": b"From: a@b\r\nSubject: x\r\n\r\nbody\r\n",
    "json": '{"name": "ü"}'.encode(),
}

_CURL: dict[str, list[str]] = {
    "get": ["URL"],
    "query": ["URL?q=%C3%BC%20x&empty=&a=1&a=2&b"],
    "encoded query": ["-G", "--data-urlencode", "q=ü x&y", "-d", "a=1", "URL"],
    "form": ["-d", "a=1&a=2", "--data-urlencode", "b=ü x", "URL"],
    "upload": [
        "-F",
        "title=größe",
        "-F",
        "file=@a b.png",
        "-F",
        "file=@größe.txt;type=text/x",
        "URL",
    ],
    "upload of nothing": ["-F", "file=@empty", "URL"],
    "large upload": ["-F", "file=@large;filename=big.bin", "URL"],
    "upload of JSON": [
        "-F",
        "meta=@json;type=application/json",
        "-F",
        "=(;type=multipart/mixed",
        "-F",
        "x=1",
        "-F",
        "=)",
        "URL",
    ],
    "binary": ["--data-binary", "@a b.png", "-H", "Content-Type: image/png", "URL"],
    "large body": ["--data-binary", "@large", "URL"],
    "put a file": ["-T", "json", "URL"],
    "put a large file": ["-T", "large", "URL"],
    "put standard input": ["-T", "-", "URL"],
    "chunks": ["-H", "Transfer-Encoding: chunked", "--data-binary", "@json", "URL"],
    "json": ["--json", '{"a": 1}', "URL"],
    "mail": ["-H", "Content-Type: message/rfc822", "--data-binary", "@mail", "URL"],
    "message/http": ["-H", "Content-Type: message/http", "-d", "GET / HTTP/1.1", "URL"],
    "multipart/mixed of nothing": [
        "-H",
        "Content-Type: multipart/mixed; boundary=B",
        "-X",
        "POST",
        "URL",
    ],
    "patch": ["-X", "PATCH", "-d", "{}", "-H", "Content-Type: application/json", "URL"],
    "delete": ["-X", "DELETE", "URL"],
    "delete with a body": ["-X", "DELETE", "-d", "gone", "URL"],
    "get with a body": ["-X", "GET", "-d", "asked", "URL"],
    "options": ["-X", "OPTIONS", "URL"],
    "options for all": ["-X", "OPTIONS", "--request-target", "*", "URL"],
    "head": ["-I", "URL"],
    "empty post": ["-X", "POST", "URL"],
    "post of nothing": ["-d", "", "URL"],
    "another method": ["-X", "PROPFIND", "URL"],
    "range": ["-r", "0-99,200-", "URL"],
    "cookies": ["-b", "a=1; b=x y; c=%C3%BC", "URL"],
    "password": ["-u", "user:pass:wörd", "URL"],
    "bearer": ["--oauth2-bearer", "abc.def", "URL"],
    "compressed": ["--compressed", "URL"],
    "compressed transfer": ["--tr-encoding", "URL"],
    "HTTP/1.0": ["--http1.0", "URL"],
    "HTTP/1.0 with a body": ["--http1.0", "-d", "a=1", "URL"],
    "HTTP/1.0 that stays": ["--http1.0", "-H", "Connection: keep-alive", "URL", "URL/second"],
    "to be upgraded": ["--http2", "URL"],
    "repeated headers": [
        "-H",
        "X-List: 1",
        "-H",
        "x-list: 2",
        "-H",
        "X-Empty;",
        "-H",
        "X-List: a, b",
        "URL",
    ],
    "header in UTF-8": ["-H", "X-Name: größe €", "URL"],
    "120 headers": [*(w for n in range(120) for w in ("-H", f"X-Header-{n}: {n}")), "URL"],
    "header of 70 KiB": ["-H", f"X-Long: {UNIT * 4480}", "URL"],
    "headers of 240 KiB": [
        *(w for n in range(3) for w in ("-H", f"X-Long-{n}: {UNIT * 5120}")),
        "URL",
    ],
    "query of 100 KiB": [f"URL?q={UNIT * 6400}"],
    "agent and referrer": ["-A", "Agent/1 (x; y)", "-e", "http://elsewhere.example/?ü", "URL"],
    "no agent, no accept": ["-H", "User-Agent:", "-H", "Accept:", "URL"],
    "host": ["-H", "Host: shop.example", "URL"],
    "headers of proxies": [
        "-H",
        "X-Forwarded-For: 192.0.2.1",
        "-H",
        "X-Forwarded-Host: shop.example",
        "-H",
        "X-Forwarded-Proto: https",
        "-H",
        "Forwarded: for=192.0.2.1",
        "-H",
        "Via: 1.1 proxy",
        "URL",
    ],
    "call id": ["-H", "X-Call-Id: mine", "URL"],
    "events": ["-N", "-H", "Accept: text/event-stream", "URL"],
    "lines": ["-N", "-H", "Accept: application/x-ndjson", "-d", "x", "URL"],
    "through a proxy": [
        "-x",
        "http://127.0.0.1:PORT",
        "http://functions.example/function/seen/a?b",
    ],
    "two calls": ["URL", "URL/second?a"],
    "three calls with bodies": ["-d", "one", "URL", "URL/second", "URL/third"],
    "path": ["URL/a%20b/%C3%BC/c%2Bd;e=f,g"],
    "path in UTF-8": ["URL/ü/€?q=1"],
    "path with an encoded slash": ["URL/a%2Fb"],
    "path encoded twice": ["URL/a%2541%253F"],
    "path with brackets": ["-g", "URL/a[1]{2}|^`'\"<>"],
    "path as it is": ["--path-as-is", "URL/a/../b//c"],
    "path with a broken escape": ["URL/%zz"],
    "the watchdog's health": ["URL/_/health"],
    "gzip": ["URL/answers/gzip"],
    "gzip, asked for": ["--compressed", "URL/answers/gzip"],
    "gzip, not to be unpacked": ["-H", "Accept-Encoding: gzip", "URL/answers/gzip"],
    "answer with many cookies": ["URL/answers/cookies"],
    "answer with a long header": ["URL/answers/long"],
    "answer of a part": ["-r", "0-2", "URL/answers/part"],
    "answer without a body": ["URL/answers/204"],
    "answer not modified": ["-H", 'If-None-Match: "x"', "URL/answers/304"],
    "answer of no common status": ["URL/answers/418"],
    "answer of an error": ["URL/answers/500"],
    "answer to go elsewhere": ["URL/answers/redirect"],
    "answer of parts": ["URL/answers/multipart"],
    "answer of a message": ["URL/answers/message"],
    "answer in latin-1": ["URL/answers/latin-1"],
    "answer of pieces": ["URL/answers/pieces"],
    "answer of pieces, HTTP/1.0": ["--http1.0", "URL/answers/pieces"],
    "answer of 1 MiB": ["URL/answers/large"],
    "head of an answer": ["-I", "URL/answers/large"],
}

_WGET: dict[str, list[str]] = {
    "get": ["URL"],
    "post": ["--post-data=a=1&b=x", "URL"],
    "put": ["--method=PUT", "--body-file=json", "URL"],
}


class Recorder:
    """A server that keeps what it is sent, and answers `{}`.

    `taken` returns the requests since the last call, a list for each connection.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.done = threading.Event()
        self._connections: list[list[bytes]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def taken(self) -> list[list[bytes]]:
        taken, self._connections = self._connections, []
        return [requests for requests in taken if requests]

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            requests: list[bytes] = []
            self._connections.append(requests)
            threading.Thread(target=self._serve, args=(connection, requests), daemon=True).start()

    def _serve(self, connection: socket.socket, requests: list[bytes]) -> None:
        file = connection.makefile("rb")
        with connection, file, suppress(OSError):
            while head := b"".join(_until_blank(file.readline)):
                lowered = head.lower()
                if b"expect: 100-continue" in lowered:
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = b""
                if b"transfer-encoding: chunked" in lowered:
                    while (line := file.readline()) not in (b"0\r\n", b""):
                        body += line + file.read(int(line, 16) + 2)
                    body += line + b"".join(_until_blank(file.readline))
                elif length := re.search(rb"\r\ncontent-length: *(\d+)", lowered):
                    body = file.read(int(length[1]))
                target = head.split(b" ")[1]
                if b"/function/" in target or target == b"*":
                    requests.append(head + body)
                elif target == b"/done":
                    self.done.set()
                connection.sendall(self._answer(head, target))
                if b"\r\nconnection: close" in lowered:
                    return

    def _answer(self, head: bytes, target: bytes) -> bytes:
        page = target == b"/"
        body = (CLIENTS / "page.html").read_bytes() if page else b"{}"
        if head.startswith(b"HEAD "):
            body = b""
        version = b"1.0" if b" HTTP/1.0\r\n" in head else b"1.1"
        kept = b"keep-alive" in head.lower() or version == b"1.1"
        lines = [
            b"HTTP/%b 200 OK" % version,
            b"Content-Type: " + (b"text/html" if page else b"application/json"),
            b"Content-Length: %d" % len(body),
            b"Connection: " + (b"keep-alive" if kept else b"close"),
            *(b"Access-Control-Allow-%b: *" % each for each in (b"Origin", b"Headers", b"Methods")),
        ]
        return b"\r\n".join([*lines, b"", body])


def _until_blank(readline: Callable[[], bytes]) -> Iterator[bytes]:
    while line := readline():
        yield line
        if line == b"\r\n":
            return


class Capture:
    """Runs clients in a folder with the files that they send."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recorder = Recorder()
        self._url = f"http://127.0.0.1:{self._recorder.port}/function/{NAME}"
        self.versions: dict[str, str] = {}
        self.connections: list[Connection] = []
        for name, content in _FILES.items():
            (folder / name).write_bytes(content)

    def arguments(self, client: str, common: list[str], cases: dict[str, list[str]]) -> None:
        """Run a client once for each list of arguments."""
        port = str(self._recorder.port)
        for name, arguments in cases.items():
            given = [each.replace("URL", self._url).replace("PORT", port) for each in arguments]
            self._run([client, *common, *given], f"{client}: {name}")
        said = subprocess.run([client, "--version"], capture_output=True, text=True, check=True)
        self.versions[client] = " ".join(said.stdout.split()[:3])

    def program(self, client: str, command: list[str]) -> None:
        """Run a program of `clients` once for each of its cases."""
        said = json.loads(self._run(command, None))
        self.versions[client] = said["version"]
        for name in said["cases"]:
            self._run([*command, name, self._url], f"{client}: {name}")

    def browser(self) -> None:
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={self._folder / 'browser'}"]
        page = f"http://127.0.0.1:{self._recorder.port}/"
        with subprocess.Popen(
            [*command, "--remote-debugging-port=0", page],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert self._recorder.done.wait(PATIENCE), "the page has not come to its end"
            process.terminate()
        for requests in self._recorder.taken():
            for each in requests:
                method, target = each.decode("latin-1").split(" ")[:2]
                path = target.partition("?")[0].removeprefix(f"/function/{NAME}/")
                name = path if method in ("GET", "POST") else f"{path}, {method}"
                self._add(f"chromium: {name}", [each])
        said = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=True)
        self.versions["chromium"] = said.stdout.strip()

    def _run(self, command: list[str], name: str | None) -> str:
        print(name or command[0], file=sys.stderr, flush=True)
        done = subprocess.run(
            command,
            cwd=self._folder,
            stdin=(self._folder / "json").open(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, (command[0], name, done.stderr)
        if name is not None:
            taken = self._recorder.taken()
            assert taken, f"{name} has sent nothing"
            for number, requests in enumerate(taken, 1):
                self._add(name if len(taken) == 1 else f"{name}, connection {number}", requests)
        return done.stdout

    def _add(self, name: str, requests: list[bytes]) -> None:
        self.connections.append(captured(name, requests, self._recorder.port))


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        capture = Capture(folder)
        quiet = ["-sS", "--no-progress-meter", "--max-time", "60", "-o", "-"]
        capture.arguments("curl", quiet, _CURL)
        capture.arguments("wget", ["-q", "-O", "-"], _WGET)
        capture.program("requests", [sys.executable, str(CLIENTS / "with_python.py")])
        capture.program("node", ["node", str(CLIENTS / "fetch.mjs")])
        client = folder / "client"
        subprocess.run(["go", "build", "-o", client, CLIENTS / "client.go"], check=True)
        capture.program("Go", [str(client)])
        capture.program("Java", ["java", str(CLIENTS / "Client.java")])
        capture.program("Perl", ["perl", str(CLIENTS / "with_perl.pl")])
        capture.browser()
        write(capture.versions, capture.connections)


if __name__ == "__main__":
    main()
