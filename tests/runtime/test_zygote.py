"""The zygote: it may die, and workers get nothing from it that they should not have."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.runtime.conftest import Gate, serve_program
from tests.runtime.processes import limited, status, wait_ended, workers, zygote
from tests.runtime.wire import connected, reason, run, several
from tests.support import READY

PID = "import os; answer = str(os.getpid())\n"


def test_a_dead_zygote_is_started_again() -> None:
    with serve_program() as function:
        for _ in range(2):
            dead = zygote(function)
            os.kill(dead, signal.SIGKILL)
            wait_ended(dead)
            assert run(function, PID).status == 200
            assert zygote(function) != dead
        assert "the zygote has ended; starting it again in" in function.stderr.text


def test_requests_in_flight_and_those_that_wait_outlive_the_zygote(gate: Gate) -> None:
    with serve_program(seal_workers=2) as function, several(function, 6) as clients:
        for client in clients:
            client.post(gate.code)
        held = gate.wait_for(2)
        dead = zygote(function)
        os.kill(dead, signal.SIGKILL)
        wait_ended(dead)
        assert held <= workers(function)
        gate.open()
        assert [client.read().status for client in clients] == [200] * 6
        wait_ended(*held)


def test_a_zygote_that_dies_under_load_loses_no_request() -> None:
    with serve_program(seal_isolation="request") as function, several(function, 4) as clients:
        for _ in range(3):
            for client in clients:
                for _ in range(10):
                    client.post(PID)
            os.kill(zygote(function), signal.SIGKILL)
            for client in clients:
                for _ in range(10):
                    assert client.read().status == 200


def test_a_zygote_that_cannot_live_is_started_ever_more_rarely() -> None:
    with serve_program(read_timeout="500ms") as function:
        for pause in ("0.1", "0.2", "0.4", "0.8", "1.6"):
            os.kill(zygote(function), signal.SIGKILL)
            function.stderr.wait_for(f"the zygote has ended; starting it again in {pause} s")
        # Meanwhile those who wait too long are told so.
        for pid in workers(function):
            os.kill(pid, signal.SIGKILL)
        wait_ended(*workers(function))
        answer = function.request(READY, key=None)
        assert (answer.status, reason(answer)) == (503, "not-ready")
        assert answer.header("Retry-After") == "1"


@pytest.mark.alone  # the limit counts all processes of the user
@pytest.mark.skipif(os.getuid() == 0, reason="the kernel gives root processes without limit")
def test_a_kernel_that_gives_no_process_is_asked_again() -> None:
    # The acceptor, the zygote and three workers.
    few = limited("RLIMIT_NPROC", tasks_of_this_user() + 5)
    with (
        serve_program(prefix=few, seal_isolation="request", seal_workers=16) as function,
        several(function, 16) as clients,
    ):
        for _ in range(3):
            for client in clients:
                client.post(PID)
            assert {client.read().status for client in clients} == {200}
        assert function.stderr.text == ""


def tasks_of_this_user() -> int:
    """Count what RLIMIT_NPROC counts (getrlimit(2))."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if status(int(folder.name), "Uid").split()[0] == str(os.getuid()):
                count += int(status(int(folder.name), "Threads"))
    return count


def test_signals_to_zygote_and_workers_do_not_end_them(gate: Gate) -> None:
    with serve_program() as function, connected(function) as client:
        client.post(gate.code)
        (worker,) = gate.wait_for(1)
        os.kill(zygote(function), signal.SIGINT)
        os.kill(zygote(function), signal.SIGTERM)
        os.kill(worker, signal.SIGINT)
        gate.open()
        assert client.read().text == str(worker)
        assert run(function, PID).status == 200
        assert function.stderr.text == ""
        assert reason(function.request(key=None)) == "missing-key"
