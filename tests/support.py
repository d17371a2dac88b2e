"""A handler served by the template's own index.py; waiting, processes and ports for all tests."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from faas_sealed.formats.bundle import pack
from faas_sealed.formats.file import Recipient, SealedFile, seal
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, TRANSPORT_SEED
from faas_sealed.formats.stream import CONTENT_TYPE, Head, Opener, decode_head, response_key
from faas_sealed.formats.token import KeyToken, check_path, request_binding, seal_token
from faas_sealed.formats.trace import open_trace

INDEX = Path(__file__).parent.parent / "template" / "python3-encrypted" / "index.py"
# The command, as a process of its own.
FAAS_SEAL = (sys.executable, "-c", "from faas_seal.cli import main; main()")
READY = "/.well-known/faas-seal/ready"
# Longer than anything takes on a busy machine: a wait that succeeds costs nothing.
PATIENCE = 60.0

# Only these come from the environment of the tests; a setting is said by the test.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until `condition` holds, or fail with `what` was waited for."""
    give_up_at = time.monotonic() + patience
    while not condition():
        if time.monotonic() >= give_up_at:
            raise AssertionError(f"waited {patience:g} s in vain: {what}")
        time.sleep(0.005)


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` are as they stood on the wire, repeated ones too."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.header_list(name)
        return ", ".join(values) if values else None

    def header_list(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Output:
    """What a process writes to a pipe, as it comes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._data = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while piece := os.read(self._pipe.fileno(), 65536):
            self._data += piece

    def __bytes__(self) -> bytes:
        return bytes(self._data)

    @property
    def text(self) -> str:
        return bytes(self).decode("utf-8", "replace")

    def wait_for(self, text: str) -> str:
        """Wait until `text` has been written; return all that has been."""
        wait_until(lambda: text in self.text, f"{text!r} in {self.text[-2000:]!r}")
        return self.text

    def close(self) -> None:
        """Read to the end; everyone who could write must have ended."""
        self._reader.join(PATIENCE)
        self._pipe.close()


class Function:
    """A function that is served, with all that its invoker and its operator see."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        port: int,
        sealed: SealedFile,
        function_key: bytes,
        folder: Path,
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.port = port
        self.sealed = sealed
        self.folder = folder
        self.function_key = function_key
        self.key = FUNCTION_KEY.encode(function_key)
        self.stdout = Output(process.stdout)
        self.stderr = Output(process.stderr)

    def connect(self) -> socket.socket:
        """Return a new connection to the function."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def request(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Iterable[tuple[str, str]] = (),
        key: str | None = "",
    ) -> Answer:
        """Send one request on a connection of its own, with the function's key unless said.

        `target` and the headers go out as they are; `key` None sends none.
        """
        with self.connect() as connection:
            connection.sendall(self.head(target, method, body, headers, key) + (body or b""))
            return read_answer(connection, method)

    def head(
        self,
        target: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        headers: Iterable[tuple[str, str]] = (),
        key: str | None = "",
    ) -> bytes:
        """Return the bytes of a request up to its body."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        if key is not None:
            lines.append(f"X-Function-Key: {key or self.key}")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    def token(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        body: bytes = b"",
        session: bytes | None = None,
        **members: Any,
    ) -> str:
        """Return a key token for one request; `members` take the place of what it says."""
        path, _, query = target.partition("?")
        digest = hashlib.sha256(b"" if session else body).digest()
        said = {
            "key": self.function_key,
            "exp": int(time.time()) + 300,
            "bind": request_binding(method, check_path(path), query.encode(), digest),
            "session": session,
            **members,
        }
        assert self.sealed.header.transport is not None
        return seal_token(
            KeyToken(**said), self.sealed.header.transport, self.sealed.header.context
        )

    def open_trace(self, trace: str) -> str:
        """Open a sealed trace, as who holds a function key can."""
        content_key = self.sealed.content_key(self.function_key, time.time())
        return open_trace(trace, content_key, self.sealed.header.context)


def read_answer(connection: socket.socket, method: str = "GET") -> Answer:
    """Read one answer from a connection."""
    response = HTTPResponse(connection, method=method)
    response.begin()
    answer = Answer(response.status, response.getheaders(), response.read())
    response.close()
    return answer


def opened(answer: Answer, session: bytes) -> tuple[Head, bytes]:
    """Return head and body of an answer that has come sealed for a session (32 bytes)."""
    assert answer.header("Content-Type") == CONTENT_TYPE, answer.body
    opener = Opener(response_key(session))
    body = b"".join(opener.feed(answer.body))
    opener.finish()
    assert opener.head is not None
    return decode_head(opener.head, response=True), body


def seal_files(
    files: Mapping[str, str | bytes],
    function_key: bytes,
    seed: bytes,
    preload: Iterable[str] = (),
    *,
    function: str = "tested",
    created: int = 1,
    transport: bytes | None = None,
) -> SealedFile:
    """Seal files for one function key, in the name of the author with this seed."""
    contents = {
        name: content.encode() if isinstance(content, str) else content
        for name, content in files.items()
    }
    return seal(
        pack(contents),
        function=function,
        seed=seed,
        recipients=[Recipient(function_key)],
        created=created,
        transport=transport,
        preload=preload,
    )


@contextmanager
def serve(
    files: Mapping[str, str | bytes],
    *,
    preload: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
    stdin: int = subprocess.PIPE,
    prefix: Sequence[str] = (),
    transport: Sequence[bytes] = (),
    seed: bytes = b"",
    created: int = 1,
    **settings: str | int,
) -> Iterator[Function]:
    """Seal `files` (names in the handler's folder) and serve them as the watchdog would.

    `settings` are those of the runtime, `environ` any other variables, `prefix` a command
    that executes the one that follows it, `transport` the seeds in the transport secret,
    the first of which the sealed file names. In the end no process of the function's may
    be left.
    """
    function_key, seed = os.urandom(32), seed or os.urandom(32)
    public = PrivateKey(transport[0]).public if transport else None
    sealed = seal_files(files, function_key, seed, preload, created=created, transport=public)
    with TemporaryDirectory() as folder:
        path = Path(folder, "function.sealed")
        secret = Path(folder, "transport")
        secret.write_text("".join(f"{TRANSPORT_SEED.encode(key)}\n" for key in transport))
        path.write_bytes(sealed.serialise())
        port = free_port()
        variables = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        variables |= {
            "upstream_url": f"http://127.0.0.1:{port}",
            "seal_author": AUTHOR_PUBLIC.encode(sealed.header.author),
            "seal_file": str(path),
            **({"seal_transport": str(secret)} if transport else {}),
            **{name: str(value) for name, value in settings.items()},
            **(environ or {}),
        }
        process = subprocess.Popen(
            [*prefix, sys.executable, str(INDEX)],
            env=variables,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        function = Function(process, port, sealed, function_key, Path(folder))
        try:
            wait_until(lambda: is_ready(function), "the function is ready")
            yield function
        except BaseException:
            kill(function)
            raise
        ended_before = process.returncode is not None
        assert end(function) == 0 or ended_before, function.stderr.text


def is_ready(function: Function) -> bool:
    """Tell whether the function is ready; fail if its process has ended."""
    if function.process.poll() is not None:
        raise AssertionError(f"ended with {function.process.returncode}: {function.stderr.text}")
    try:
        return function.request(READY, key=None).status == 200
    except OSError:
        return False


def end(function: Function) -> int:
    """End the function as the watchdog does, with its standard input; return its status.

    Where that is no pipe, SIGTERM ends it. No process of its may be left.
    """
    process = function.process
    if process.stdin is not None:
        process.stdin.close()
    else:
        process.terminate()
    try:
        status = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        kill(function)
        raise AssertionError("the function did not end") from None
    left = session(process.pid)
    kill(function)
    assert not left, "processes of the function are left"
    return status


def kill(function: Function) -> None:
    """Kill all processes of the function."""
    process = function.process
    if process.stdin is not None:
        process.stdin.close()
    while left := [pid for pid in session(process.pid) if not has_ended(pid)]:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()
    function.stdout.close()
    function.stderr.close()


def session(leader: int) -> list[int]:
    """Return the processes of a session, zombies too (proc(5), /proc/PID/stat)."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[3]) == leader:
                members.append(int(folder.name))
    return members


def has_ended(pid: int) -> bool:
    """Tell whether a process has ended; its parent, init perhaps, may reap it when it likes."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
    return True


def free_port() -> int:
    """Return a port of 127.0.0.1 for a server that the test starts, and for nobody else.

    A socket that is bound to it and never listens keeps it: the kernel then gives it neither
    to a socket that asks for any port nor to a connection that goes out, in whatever process.
    A server can listen on it that sets SO_REUSEADDR (socket(7)), as most do unasked.
    """
    if len(_kept) == _MOST_KEPT:
        os.close(_kept.popleft())
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port: int = keeper.getsockname()[1]
        _kept.append(keeper.detach())
    return port


# Whoever was given a port that is kept no longer has long been listening there.
_MOST_KEPT = 100
_kept: deque[int] = deque()
