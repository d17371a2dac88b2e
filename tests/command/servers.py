"""Real servers to call: a small one that answers as told, and the template's runtime."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from tests.support import INDEX, PATIENCE, READY, free_port, wait_until


@dataclass
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What a server shall say; `pieces` are sent as chunks, one after the other."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: Iterator[bytes] | None = None


@dataclass
class Server:
    url: str
    requests: list[Request]

    @property
    def last(self) -> Request:
        return self.requests[-1]


@contextmanager
def server(answer: Callable[[Request], Answer]) -> Iterator[Server]:
    """Serve on a free port of this machine until the block ends."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.read_body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append(Request(self.command, self.path, headers, body))
            said = answer(seen[-1])
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.pieces is None:
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in said.pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{running.server_address[1]}", seen)
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


@contextmanager
def runtime(sealed_file: Path, author: str, log: Path) -> Iterator[str]:
    """Run the template's own index.py on a sealed file; yield its address."""
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "upstream_url": url,
        "seal_file": str(sealed_file),
        "seal_author": author,
        "seal_workers": "2",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(INDEX)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: _is_ready(process, url, log), "the runtime is ready")
        yield url
    finally:
        process.terminate()
        assert process.stdin
        process.stdin.close()
        process.wait(PATIENCE)


def _is_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    """Tell whether the runtime is ready; fail if its process has ended."""
    assert process.poll() is None, f"the runtime ended: {log.read_text()}"
    try:
        return requests.get(f"{url}{READY}", timeout=PATIENCE).status_code == 200
    except requests.ConnectionError:
        return False
