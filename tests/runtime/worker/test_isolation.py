"""The life of a worker, and what it may remember, in each isolation."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from faas_sealed.formats.keys import FUNCTION_KEY

from tests.runtime.conftest import serve_program
from tests.runtime.processes import wait_ended, workers
from tests.runtime.wire import chunked, connected, reason, run, several
from tests.support import PATIENCE, READY, serve, wait_until

PID = "import os; answer = str(os.getpid())"
COUNTER = {
    "handler.py": """\
import os

calls = 0


def handle(event, context):
    global calls
    calls += 1
    return {"body": {"pid": os.getpid(), "calls": calls, "path": event.path}}
"""
}
WRONG_KEY = FUNCTION_KEY.encode(bytes(32))


def test_with_request_each_request_has_a_process_of_its_own() -> None:
    with serve_program(seal_isolation="request") as function, connected(function) as client:
        pids = [int(client.run(PID)) for _ in range(20)]
        pids += [int(run(function, PID).text) for _ in range(20)]
        assert len(set(pids)) == 40
        wait_ended(*pids)


def test_with_request_a_process_ends_after_a_refused_request_too() -> None:
    with serve_program(seal_isolation="request") as function:
        before = workers(function)
        for _ in range(10):
            assert function.request(key=WRONG_KEY).status == 403
        wait_until(lambda: before.isdisjoint(workers(function)), "all workers are others")


def test_with_burst_one_worker_serves_a_client_at_full_speed() -> None:
    with serve_program(seal_linger="30s") as function, connected(function) as client:
        assert len({client.run(PID) for _ in range(200)}) == 1


def test_with_burst_a_worker_is_gone_after_the_linger() -> None:
    with serve_program() as function, connected(function) as client:
        first = int(client.run(PID))
        wait_ended(first)
        assert int(client.run(PID)) != first


def test_with_burst_all_are_gone_after_more_clients_than_workers() -> None:
    with serve_program(seal_workers=2) as function, several(function, 8) as clients:
        pids = set()
        for _ in range(10):
            for client in clients:
                client.post(PID)
            pids |= {int(client.read().text) for client in clients}
        wait_ended(*pids)


def test_with_burst_a_worker_is_replaced_after_so_many_requests() -> None:
    with serve_program(seal_burst_requests=5, seal_linger="30s") as function:
        with connected(function) as client:
            pids = [int(client.run(PID)) for _ in range(20)]
        # One of them may have answered the question whether the function is ready.
        assert max(pids.count(pid) for pid in pids) == 5
        wait_ended(*pids[:10])


def test_with_burst_a_process_may_serve_without_bound() -> None:
    with (
        serve_program(seal_burst_requests=0, seal_linger="30s") as function,
        connected(function) as client,
    ):
        assert len({client.run(PID) for _ in range(1200)}) == 1


def test_with_burst_the_module_stays_as_long_as_the_process() -> None:
    with (
        serve(COUNTER, seal_workers=1, seal_linger="30s") as function,
        connected(function) as client,
    ):
        answers = []
        for _ in range(5):
            client.send(function.head())
            answers.append(client.read().json())
        assert [answer["calls"] for answer in answers] == [1, 2, 3, 4, 5]
        assert len({answer["pid"] for answer in answers}) == 1
        assert function.request().json()["calls"] == 6


def test_with_burst_what_one_request_has_opened_is_closed_to_a_wrong_key() -> None:
    with (
        serve(COUNTER, seal_workers=1, seal_linger="30s") as function,
        connected(function) as client,
    ):
        pids = set()
        for _ in range(3):
            client.send(function.head())
            pids.add(client.read().json()["pid"])
            client.send(function.head(key=WRONG_KEY))
            assert reason(client.read()) == "unknown-key"
            client.send(function.head(key=None))
            assert reason(client.read()) == "missing-key"
        assert len(pids) == 1


def test_with_burst_a_wrong_key_gets_nothing_and_right_ones_the_same_module() -> None:
    with serve(COUNTER, seal_workers=1, seal_linger="30s") as function:
        assert function.request().json()["calls"] == 1
        for _ in range(3):
            assert reason(function.request(key=WRONG_KEY)) == "unknown-key"
        assert function.request().json()["calls"] == 2


@pytest.mark.parametrize("linger", ["20ms", "300ms"])
def test_after_the_linger_another_process_begins_anew(linger: str) -> None:
    with serve(COUNTER, seal_linger=linger) as function:
        for _ in range(3):
            answer = function.request().json()
            assert answer["calls"] == 1
            wait_ended(answer["pid"])


@pytest.mark.parametrize("linger", ["20ms", "500ms"])
def test_requests_without_a_valid_key_do_not_keep_a_worker_alive(linger: str) -> None:
    with serve(COUNTER, seal_linger=linger) as function, connected(function) as client:
        client.send(function.head())
        used = client.read().json()["pid"]
        until = time.monotonic() + PATIENCE
        while used in workers(function):
            assert time.monotonic() < until, "the worker lives on"
            client.send(function.head(READY, key=None))
            client.read()
            client.send(function.head(key=WRONG_KEY))
            assert client.read().status == 403


def test_a_worker_to_which_no_valid_key_comes_ends_soon_whatever_the_linger() -> None:
    with serve(COUNTER, seal_linger="1h") as function, connected(function) as client:
        before = workers(function)
        until = time.monotonic() + PATIENCE
        while before <= workers(function):
            assert time.monotonic() < until, "the worker lives on"
            client.send(function.head(key=WRONG_KEY))
            assert client.read().status == 403


LEAVES = """\
import os, re, threading, time

def hold(file):
    while not os.path.exists(file):
        time.sleep(0.005)
    re.match("(a+)+b", "a" * 64)

def handle(event, context):
    threading.Thread(target=hold, args=(event.query["file"],)).start()
    return str(os.getpid())
"""


def test_a_worker_is_gone_although_a_thread_holds_the_interpreter(tmp_path: Path) -> None:
    file = tmp_path / "go"
    with serve({"handler.py": LEAVES}, seal_linger="1s") as function:
        pid = int(function.request(f"/?file={file}").text)
        file.touch()
        wait_ended(pid)
        assert function.request(f"/?file={file}0").status == 200


def test_a_request_that_is_half_sent_does_not_keep_a_used_worker_alive() -> None:
    with serve_program(seal_linger="300ms") as function, connected(function) as client:
        used = int(client.run(PID))
        request = function.head("/", "POST", PID.encode())
        client.send(request[:40])
        wait_ended(used)
        client.send(request[40:] + PID.encode())
        assert int(client.read().text) != used


def test_a_slow_request_goes_to_a_fresh_worker_however_it_begins() -> None:
    with serve_program(seal_linger="30s") as function:
        head = function.head("/", "POST", headers=[("Transfer-Encoding", "chunked")])
        body = chunked([PID.encode()])
        whole = head + body
        with several(function, 4) as clients:
            used = {int(client.run(PID)) for client in clients}
            for client, beginning in zip(
                clients,
                [b"\r\n\r\n", b"\r\n\r\n" + head[:30], head, head + body[:-2]],
                strict=True,
            ):
                client.send(beginning)
                client.wait_taken()
                client.send(whole.removeprefix(beginning.removeprefix(b"\r\n\r\n")))
                assert int(client.read().text) not in used


def test_a_worker_that_lingers_makes_way_for_a_slow_request() -> None:
    with (
        serve_program(seal_workers=1, seal_linger="30s") as function,
        connected(function) as client,
    ):
        used = int(client.run(PID))
        request = function.head("/", "POST", PID.encode())
        with connected(function) as slow:
            slow.send(request)
            wait_ended(used)
            slow.send(PID.encode())
            assert int(slow.read().text) != used
