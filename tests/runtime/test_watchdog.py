"""The same behind the real watchdog, where its program is there."""

from __future__ import annotations

import copy
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.runtime.conftest import Gate, serve_program
from tests.runtime.wire import connected, reason, several
from tests.support import PATIENCE, Function, free_port, session, wait_until

pytestmark = [
    pytest.mark.skipif(not shutil.which("fwatchdog"), reason="fwatchdog is not there"),
    pytest.mark.alone,  # all watchdogs of a machine have one port for their metrics
]

PID = "import os; answer = str(os.getpid())"
MIB = 2**20


# Its metrics have this port and no other.
METRICS_PORT = 8081


class Watchdogs:
    """The program behind a watchdog: one for all tests, until one of them ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        self._watched: Function | None = None

    def watched(self) -> Function:
        """Return the function; requests to its port go to the watchdog."""
        if self._watched is None or self._watched.process.poll() is not None:
            self.close()
            self._watched = self._open.enter_context(self._start())
        return self._watched

    def close(self) -> None:
        self._open.close()

    @contextmanager
    def _start(self) -> Iterator[Function]:
        wait_until(lambda: not is_open(METRICS_PORT), "no other watchdog runs")
        port = free_port()
        command = f'exec env fprocess="$*" mode=http port={port} TMPDIR={self._folder} fwatchdog'
        with serve_program(
            prefix=("sh", "-c", command, "sh"),
            healthcheck_interval="1s",
            exec_timeout="2s",
            seal_max_body="1MiB",
            seal_workers=8,
        ) as function:
            watched = copy.copy(function)
            watched.port = port
            wait_until(lambda: is_open(port), "the watchdog listens")
            yield watched
            end(function)


def end(function: Function) -> None:
    """End the watchdog; the function sees the end of its standard input."""
    function.process.terminate()
    function.process.wait(PATIENCE)
    wait_until(lambda: not session(function.process.pid), "no process is left")


@pytest.fixture(scope="module")
def watchdogs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchdogs]:
    with closing(Watchdogs(tmp_path_factory.mktemp("watchdog"))) as watchdogs:
        yield watchdogs


@pytest.fixture
def watched(watchdogs: Watchdogs) -> Function:
    return watchdogs.watched()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_requests_and_answers_pass(watched: Function) -> None:
    with several(watched, 8) as clients:
        for size in (0, 1, 1000, 50_000, 1_000_000):
            for client in clients:
                body = bytes(range(256)) * (size // 256 + 1)
                client.send(watched.head("/echo", "POST", body[:size]) + body[:size])
            for client in clients:
                assert client.read().body == (bytes(range(256)) * (size // 256 + 1))[:size]


def test_the_deadline_is_ours(watched: Function) -> None:
    with connected(watched) as client:
        client.post("while True: pass")
        answer = client.read()
        assert (answer.status, reason(answer)) == (504, "deadline")
        assert client.run(PID)


def test_a_crash_is_ours_and_happens_once(watched: Function, tmp_path: Path) -> None:
    count = tmp_path / "count"
    body = f"open({str(count)!r}, 'a').write('x'); import os; os._exit(1)".encode()
    with connected(watched) as client:
        for times in range(1, 6):
            # A connection that the watchdog has used before, and so would try again.
            assert client.run(PID)
            client.send(watched.head("/", "GET", body) + body)
            answer = client.read()
            assert (answer.status, reason(answer)) == (502, "worker-died")
            assert count.read_text() == "x" * times


def test_no_early_answer_is_lost(watched: Function) -> None:
    body = bytes(8 * MIB)
    for _ in range(20):
        with connected(watched) as client:
            client.send(watched.head("/echo", "POST", body))
            with suppress(BrokenPipeError, ConnectionResetError):
                client.send(body)
            answer = client.read()
            assert (answer.status, reason(answer)) == (413, "body-too-large")


def test_what_is_produced_passes_as_it_is_produced(watched: Function, gate: Gate) -> None:
    code = gate.stream.encode()
    with connected(watched) as client:
        accept = [("Accept", "text/event-stream")]
        client.send(watched.head("/", "POST", code, headers=accept) + code)
        pieces = client.pieces()
        assert next(pieces) == b"first"
        gate.wait_for(1)
        gate.open()
        assert list(pieces) == [b"second"]


def test_at_its_end_everything_accepted_is_answered(watched: Function, gate: Gate) -> None:
    with several(watched, 4) as clients:
        for client in clients:
            client.post(gate.code)
        gate.wait_for(4)
        watched.process.terminate()
        # It passes the signal on at once, and goes on serving for a while.
        watched.stderr.wait_for("SIGTERM: no new connections in")
        with connected(watched) as late:
            assert late.run(PID)
        gate.open()
        assert [client.read().status for client in clients] == [200] * 4
    end(watched)
