"""The end: what has been accepted is answered, then every process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.conftest import Gate, serve_program
from tests.runtime.processes import exists, wait_ended, workers, zygote
from tests.runtime.wire import Client, connected, run, several
from tests.support import PATIENCE, Function, session, wait_until

PID = "import os; answer = str(os.getpid())"
STOPS = (signal.SIGTERM, signal.SIGINT)


def begin_end(function: Function, how: str) -> None:
    if how == "stdin":
        assert function.process.stdin is not None
        function.process.stdin.close()
    else:
        function.process.send_signal(signal.Signals[how])
    # From now on nobody can connect.
    wait_until(lambda: not listens(function), "the function listens no more")


def listens(function: Function) -> bool:
    return any(
        line.split()[1].endswith(f":{function.port:04X}") and line.split()[3] == "0A"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
    )


@pytest.mark.parametrize("number", STOPS)
def test_under_the_watchdog_a_signal_alone_does_not_end_it(number: signal.Signals) -> None:
    with serve_program() as function, connected(function) as client:
        function.process.send_signal(number)
        for _ in range(5):
            assert run(function, PID).status == 200
            assert client.run(PID)
        assert function.process.poll() is None


@pytest.mark.parametrize(
    ("how", "life"),
    [
        ("stdin", {"seal_isolation": "request"}),
        ("stdin", {}),
        ("stdin", {"seal_linger": "60s"}),
        ("SIGTERM", {}),
        ("SIGINT", {}),
    ],
)
def test_what_is_in_flight_and_what_waits_is_answered(
    how: str, life: dict[str, Any], gate: Gate
) -> None:
    stdin = subprocess.PIPE if how == "stdin" else subprocess.DEVNULL
    with (
        serve_program(stdin=stdin, seal_workers=2, **life) as function,
        several(function, 3) as idle,
        several(function, 6) as clients,
    ):
        for client in idle[:2]:
            assert client.run(PID)
        for client in clients:
            client.post(gate.code)
        gate.wait_for(2)
        begin_end(function, how)
        gate.open()
        assert [client.read().status for client in clients] == [200] * 6
        assert all(client.ends() for client in [*idle, *clients])
        assert function.process.wait(PATIENCE) == 0
        assert session(function.process.pid) == []


@pytest.mark.alone
def test_idle_it_ends_at_once() -> None:
    with (
        serve_program(seal_linger="60s") as function,
        connected(function) as client,
        several(function, 10),
    ):
        assert client.run(PID)
        start = time.monotonic()
        begin_end(function, "stdin")
        assert function.process.wait(PATIENCE) == 0
        assert time.monotonic() - start < 3


def test_a_request_that_is_half_sent_is_still_read() -> None:
    with serve_program() as function, connected(function) as client:
        request = function.head("/", "POST", PID.encode())
        client.send(request[:30])
        client.wait_taken()
        begin_end(function, "stdin")
        client.send(request[30:] + PID.encode())
        assert client.read().status == 200
        assert client.ends()


def test_requests_in_one_write_are_all_answered(gate: Gate) -> None:
    with serve_program() as function, connected(function) as client:
        client.post(gate.code)
        for _ in range(5):
            client.post(PID)
        gate.wait_for(1)
        begin_end(function, "stdin")
        gate.open()
        assert [client.read().status for _ in range(6)] == [200] * 6
        assert client.ends()


def test_who_connected_before_the_end_is_answered() -> None:
    """Connections that the kernel has accepted and the function has not yet."""
    with serve_program(seal_workers=1) as function:
        os.kill(function.process.pid, signal.SIGSTOP)
        clients = [Client(function) for _ in range(5)]
        for client in clients:
            client.post(PID)
        assert function.process.stdin is not None
        function.process.stdin.close()
        os.kill(function.process.pid, signal.SIGCONT)
        assert [client.read().status for client in clients] == [200] * 5
        for client in clients:
            client.close()


@pytest.mark.alone
def test_the_end_is_bounded_by_the_deadline_of_a_call() -> None:
    with (
        serve_program(exec_timeout="2s", seal_stream_timeout="1h") as function,
        several(function, 3) as clients,
    ):
        forever = (
            "import itertools, time\nanswer = (time.sleep(0.1) or 'x' for _ in itertools.count())"
        )
        clients[0].post(forever)
        assert next(clients[0].pieces()) == b"x"
        clients[1].post("import time; time.sleep(60)")
        clients[1].wait_taken()
        clients[2].send(function.head("/", "POST", b"never"))
        clients[2].wait_taken()
        start = time.monotonic()
        begin_end(function, "stdin")
        assert clients[1].read().status == 504
        assert function.process.wait(PATIENCE) == 0
        assert time.monotonic() - start < 6
        assert session(function.process.pid) == []


def test_what_handlers_have_left_running_ends_too() -> None:
    code = """\
import subprocess
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
answer = str(child.pid)
"""
    # With the worker, which lingers, the child would have ended too.
    with serve_program(seal_linger="30s") as function, connected(function) as client:
        daemon = int(client.run(code))
        assert exists(daemon)
        begin_end(function, "stdin")
        assert function.process.wait(PATIENCE) == 0
        assert not exists(daemon)


@pytest.mark.parametrize("linger", ["20ms", "60s"])
def test_nothing_outlives_an_acceptor_that_is_killed(linger: str, gate: Gate) -> None:
    with serve_program(seal_linger=linger) as function, several(function, 3) as clients:
        assert clients[0].run(PID)
        for client in clients[1:]:
            client.post(gate.code)
        gate.wait_for(2)
        processes = {zygote(function), *workers(function)}
        function.process.kill()
        function.process.wait()
        gate.open()
        wait_ended(*processes)
        # Not a word about it either.
        assert function.stderr.text == ""


def test_where_standard_input_is_closed_a_signal_ends_it() -> None:
    closed = ("sh", "-c", 'exec "$@" <&-', "sh")
    with serve_program(stdin=subprocess.DEVNULL, prefix=closed) as function:
        assert run(function, PID).status == 200
        function.process.terminate()
        assert function.process.wait(PATIENCE) == 0
        assert function.stderr.text == ""
