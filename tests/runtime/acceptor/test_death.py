"""The death of a worker: its own request fails, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.conftest import Gate, each_life, serve_program
from tests.runtime.processes import wait_asleep, wait_ended, workers
from tests.runtime.wire import Client, Cut, connected, reason, run, several
from tests.support import Function, serve, wait_until

PID = "import os; answer = str(os.getpid())\n"
DEATHS = {
    "exit": "import os; os._exit(0)",
    "exit with a status": "import os; os._exit(3)",
    "a null pointer": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "an alarm of its own": "import os, signal; os.kill(os.getpid(), signal.SIGALRM)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "all of its group killed": "import os; os.killpg(0, 9)",
    "out of memory": """\
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
kept = []
try:
    while True:
        kept.append(bytes(2**20))
except MemoryError:
    import os
    os.kill(os.getpid(), 9)
""",
}
PRODUCING = {
    "handler.py": """\
import os
import time


def handle(event, context):
    def pieces():
        yield "first"
        yield "second"
        if event.path == "/exit":
            os._exit(0)
        if event.path == "/raise":
            raise ValueError("a message of the handler's")
        while True:
            time.sleep(0.01)
            yield str(os.getpid())

    return pieces()
"""
}


@each_life
def test_the_guilty_request_alone_fails(life: dict[str, Any], gate: Gate) -> None:
    with (
        serve_program(seal_workers=16, **life) as function,
        several(function, 4) as innocent,
        several(function, len(DEATHS)) as guilty,
    ):
        for client in innocent:
            client.post(gate.code)
        gate.wait_for(4)
        for client, code in zip(guilty, DEATHS.values(), strict=True):
            client.post(code)
        for client in guilty:
            answer = client.read()
            assert (answer.status, reason(answer)) == (502, "worker-died")
            assert client.ends()
        gate.open()
        assert {client.read().status for client in innocent} == {200}
        assert {run(function, PID).status for _ in range(10)} == {200}


def test_a_worker_that_is_killed_from_outside_is_answered_for(gate: Gate) -> None:
    with serve_program() as function, several(function, 3) as clients:
        for client in clients:
            client.post(gate.code)
        victim = min(gate.wait_for(3))
        os.kill(victim, signal.SIGKILL)
        wait_ended(victim)
        gate.open()
        assert sorted(client.read().status for client in clients) == [200, 200, 502]


def test_a_handler_is_not_executed_twice(tmp_path: Path) -> None:
    count = tmp_path / "count"
    code = f"import os\nwith open({str(count)!r}, 'a') as file: file.write('x')\nos._exit(0)\n"
    with serve_program(seal_linger="30s") as function, connected(function) as client:
        client.run(PID)
        body = code.encode()
        client.send(function.head("/", "GET", body) + body)
        assert client.read().status == 502
        assert run(function, PID).status == 200
        assert count.read_text() == "x"


@pytest.mark.parametrize("how", ["/exit", "/raise", "/killed"])
def test_a_reply_that_breaks_off_is_not_ended(how: str) -> None:
    with serve(PRODUCING) as function, connected(function) as client:
        client.send(function.head(how))
        if how == "/killed":
            pieces = client.pieces()
            assert [next(pieces) for _ in range(2)] == [b"first", b"second"]
            os.kill(int(next(pieces)), signal.SIGKILL)
            with pytest.raises(Cut):
                list(pieces)
        else:
            with pytest.raises(Cut) as cut:
                client.read()
            assert cut.value.body == b"firstsecond"
        assert client.ends()
        wait_until(lambda: len(workers(function)) > 0, "there are workers")


def test_an_idle_connection_survives_its_worker() -> None:
    with serve_program(seal_linger="30s") as function, connected(function) as client:
        for _ in range(3):
            used = int(client.run(PID))
            wait_asleep(used)
            os.kill(used, signal.SIGKILL)
            wait_ended(used)
            assert int(client.run(PID)) != used


def test_a_request_that_reaches_a_dead_worker_is_served_by_another() -> None:
    with serve_program(seal_linger="30s") as function, connected(function) as client:
        for _ in range(20):
            used = int(client.run(PID))
            wait_asleep(used)
            os.kill(used, signal.SIGKILL)
            assert int(client.run(PID)) != used


def test_spare_workers_may_die() -> None:
    with serve_program() as function:
        for _ in range(5):
            for pid in workers(function):
                with suppress(ProcessLookupError):  # it has ended by itself
                    os.kill(pid, signal.SIGKILL)
            assert run(function, PID).status == 200


def test_a_child_that_holds_the_descriptors_does_not_hide_the_death(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"""\
import os, pathlib, time
if os.fork() == 0:
    os.setsid()
    pathlib.Path({str(note)!r}).write_text(str(os.getpid()))
    time.sleep(60)
while not pathlib.Path({str(note)!r}).exists():
    time.sleep(0.005)
os._exit(0)
"""
    with serve_program() as function, connected(function) as client:
        client.post(code)
        assert client.read().status == 502
        assert client.ends()
        # It left the group, and ends with the worker all the same.
        wait_ended(int(note.read_text()))


def test_a_child_of_the_handler_does_not_reply() -> None:
    code = "import os\nchild = os.fork()\nanswer = 'child' if child == 0 else 'parent'\n"
    raising = "import os\nif os.fork() == 0: raise ValueError\nanswer = 'parent'\n"
    with serve_program(seal_linger="30s") as function, connected(function) as client:
        for _ in range(10):
            assert client.run(code) == "parent"
            assert client.run(raising) == "parent"


def test_a_handler_that_closes_what_is_not_its_own_fails_alone() -> None:
    with serve_program() as function:
        with connected(function) as client, connected(function) as other:
            client.post("import os; os.closerange(3, 100); answer = 'closed'")
            with pytest.raises(Cut):
                client.read()
            assert other.run(PID)
        assert run(function, PID).status == 200


@pytest.mark.parametrize("at", range(4))
def test_connections_that_are_reset_disturb_nobody(program: Function, at: int, gate: Gate) -> None:
    """Reset before a request, within its head, within its body, and while it is handled."""
    body = (PID if at < 3 else gate.code).encode()
    request = program.head("/", "POST", body) + body
    for _ in range(30):
        client = Client(program)
        client.send(request[: (0, 20, len(request) - 1, len(request))[at]])
        client.reset()
    gate.open()
    assert {run(program, PID).status for _ in range(5)} == {200}


def test_a_client_that_resets_while_its_reply_comes_disturbs_nobody() -> None:
    with serve(PRODUCING, seal_workers=2) as function:
        for _ in range(6):
            client = Client(function)
            client.send(function.head())
            worker = int(list(zip(range(3), client.pieces(), strict=False))[2][1])
            client.reset()
            wait_ended(worker)


def test_a_client_that_has_said_all_still_gets_its_answer(gate: Gate) -> None:
    with (
        serve_program(seal_workers=1) as function,
        several(function, 4) as clients,
    ):
        for client in clients:
            client.post(gate.code)
            client.socket.shutdown(1)
        gate.wait_for(1)
        gate.open()
        assert {client.read().status for client in clients} == {200}
        assert all(client.ends() for client in clients)


def test_a_client_that_closed_while_it_waited_is_forgotten(gate: Gate) -> None:
    with serve_program(seal_workers=1) as function, connected(function) as held:
        held.post(gate.code)
        gate.wait_for(1)
        for _ in range(10):
            client = Client(function)
            client.post(PID)
            client.reset()
        gate.open()
        assert held.read().status == 200
        start = time.monotonic()
        assert run(function, PID).status == 200
        assert time.monotonic() - start < 10
