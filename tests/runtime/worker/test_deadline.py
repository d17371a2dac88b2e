"""The deadline: whatever a handler does, it is answered 504 and gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.conftest import Gate, serve_program
from tests.runtime.processes import exists, wait_ended, zygote
from tests.runtime.wire import Cut, connected, reason, run, several
from tests.support import Function, read_answer, serve, wait_until

PID = "import os; answer = str(os.getpid())\n"
STUCK = {
    "sleep": "import time; time.sleep(60)",
    "a lock": "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "a thread": """\
import threading, time
thread = threading.Thread(target=time.sleep, args=(60,))
thread.start()
thread.join()
""",
    "a child": "import subprocess; subprocess.run(['sleep', '60'])",
    "exceptions swallowed": """\
import time
while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
""",
    "a loop": "while True: pass",
    "a loop in C": "import re; re.match('(a+)+b', 'a' * 64)",
    "a power": "pow(3, 10**10)",
}
EVADING = {
    "ignored": "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN)\n",
    "handled": "import signal; signal.signal(signal.SIGALRM, lambda *_: None)\n",
    "blocked": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\n",
    "an alarm of its own": "import signal; signal.alarm(50)\n",
    "the timer stopped": "import signal; signal.setitimer(signal.ITIMER_REAL, 0)\n",
}
STREAM = {
    "handler.py": """\
import time


def handle(event, context):
    until = time.monotonic() + float(event.query["seconds"])

    def pieces():
        while time.monotonic() < until:
            yield "."
            time.sleep(0.02)
        yield "end"

    return pieces()
"""
}


@pytest.fixture(scope="module")
def hasty() -> Iterator[Function]:
    """The program with two seconds for each call."""
    with serve_program(exec_timeout="2s", seal_workers=8) as function:
        yield function


def wait_for_files(folder: Path, count: int) -> list[int]:
    """Wait for so many files, each named for the process that made it."""
    wait_until(lambda: len(list(folder.iterdir())) >= count, f"{count} processes run")
    return [int(path.name) for path in folder.iterdir()]


def test_a_handler_that_does_not_end_is_ended(hasty: Function, tmp_path: Path) -> None:
    zygote_before = zygote(hasty)
    note = f"import os, pathlib; pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()\n"
    with several(hasty, len(STUCK)) as clients:
        for number, code in enumerate(STUCK.values()):
            clients[number].post(note + code)
            wait_for_files(tmp_path, number + 1)
        for client in clients:
            answer = client.read()
            assert (answer.status, reason(answer)) == (504, "deadline")
            assert client.ends()
    wait_ended(*wait_for_files(tmp_path, len(STUCK)))
    assert run(hasty, PID).status == 200
    assert zygote(hasty) == zygote_before


def test_a_handler_that_evades_the_alarm_is_ended_by_the_acceptor(hasty: Function) -> None:
    with several(hasty, len(EVADING)) as clients:
        for client, code in zip(clients, EVADING.values(), strict=True):
            client.post(code + "import time; time.sleep(60)")
        assert [reason(client.read()) for client in clients] == ["deadline"] * len(clients)
    assert run(hasty, PID).status == 200


@pytest.mark.alone
def test_the_answer_comes_before_the_watchdogs_own() -> None:
    with serve_program(exec_timeout="2s") as function, connected(function) as client:
        client.post("import time; time.sleep(60)")
        start = time.monotonic()
        assert client.read().status == 504
        assert 1.5 < time.monotonic() - start < 2


@pytest.mark.alone
def test_what_a_handler_did_to_the_alarm_does_not_outlive_its_call(gate: Gate) -> None:
    with (
        serve_program(exec_timeout="2s", seal_linger="30s", seal_workers=8) as function,
        several(function, len(EVADING)) as clients,
    ):
        for client, code in zip(clients, EVADING.values(), strict=True):
            client.post(code + gate.code)
        gate.wait_for(len(EVADING))
        gate.open()
        used = {client.read().text for client in clients}
        assert {client.run(PID) for client in clients} == used
        start = time.monotonic()
        for client in clients:
            client.post("import time; time.sleep(60)")
        assert [client.read().status for client in clients] == [504] * len(clients)
        # The acceptor would have ended them a second later.
        assert time.monotonic() - start < 2.9


def test_the_alarm_of_one_call_does_not_end_the_next() -> None:
    with (
        serve_program(exec_timeout="1s", seal_linger="30s") as function,
        connected(function) as client,
    ):
        nap = "import time; time.sleep(0.1)\n"
        assert len({client.run(nap + PID) for _ in range(20)}) == 1


def test_what_the_handler_has_started_ends_with_it(tmp_path: Path) -> None:
    code = f"""\
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "60"])
pathlib.Path({str(tmp_path)!r}, str(child.pid)).touch()
os.fork()
os.fork()
pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()
time.sleep(60)
"""
    with serve_program(exec_timeout="2s") as function, connected(function) as client:
        client.post(code)
        pids = wait_for_files(tmp_path, 5)
        assert all(map(exists, pids))
        assert client.read().status == 504
        wait_ended(*pids)


def test_the_time_that_a_request_waits_counts(gate: Gate) -> None:
    with (
        serve_program(exec_timeout="2s", seal_workers=1) as function,
        several(function, 2) as clients,
    ):
        clients[0].post(gate.code)
        gate.wait_for(1)
        clients[1].post("import time; time.sleep(1.5); answer = 'done'")
        assert [client.read().status for client in clients] == [504, 504]


def test_an_answer_that_is_produced_may_take_longer() -> None:
    with serve(STREAM, exec_timeout="500ms") as function, connected(function) as client:
        client.send(function.head("/?seconds=1.5"))
        assert client.read().body.endswith(b"..end")


def test_an_answer_that_is_produced_has_a_bound_of_its_own() -> None:
    with serve(STREAM, seal_stream_timeout="1s") as function, connected(function) as client:
        client.send(function.head("/?seconds=60"))
        with pytest.raises(Cut) as cut:
            client.read()
        assert b"Transfer-Encoding: chunked" in cut.value.head
        assert set(cut.value.body) == {ord(".")}
        assert function.request("/?seconds=0").body == b"end"


def test_a_client_that_does_not_take_its_answer_holds_a_worker_until_the_deadline() -> None:
    with (
        serve_program(exec_timeout="1s", seal_workers=1) as function,
        connected(function) as client,
    ):
        client.post("answer = bytes(100 * 2**20)")
        wait_until(lambda: run(function, PID).status == 200, "the worker is free again")
        with pytest.raises(Cut):
            client.read()


def test_what_a_call_leaves_to_be_destroyed_has_the_same_deadline() -> None:
    code = """\
import signal, time
class Stubborn:
    def __init__(self):
        self.pieces = iter(["done"])
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.pieces)
    def __del__(self):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        time.sleep(60)
answer = Stubborn()
"""
    with serve_program(seal_stream_timeout="1s") as function, connected(function) as client:
        assert client.run(code) == "done"
        assert client.run(PID)


def test_a_request_has_its_own_time_after_a_long_one_on_its_connection() -> None:
    with (
        serve(STREAM, exec_timeout="1s", seal_linger="500ms") as function,
        function.connect() as connection,
    ):
        connection.sendall(function.head("/?seconds=1.2"))
        assert read_answer(connection).body.endswith(b"end")
        # Half sent, so that the worker that has just streamed hands it back.
        connection.sendall(function.head("/?seconds=0.01", "POST", b"ab") + b"a")
        time.sleep(0.1)
        connection.sendall(b"b")
        assert read_answer(connection).status == 200
