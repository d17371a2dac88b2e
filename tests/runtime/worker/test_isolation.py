"""The life of a worker, and what it may remember, in each isolation."""

from __future__ import annotations

import time

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


def test_with_burst_every_request_executes_the_handler_anew() -> None:
    with serve(COUNTER, seal_linger="30s") as function, connected(function) as client:
        for _ in range(3):
            client.send(function.head())
            assert client.read().json()["calls"] == 1


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


def test_with_warm_the_module_stays() -> None:
    with (
        serve(COUNTER, seal_isolation="warm", seal_workers=1) as function,
        connected(function) as client,
    ):
        answers = []
        for _ in range(5):
            client.send(function.head())
            answers.append(client.read().json())
        assert [answer["calls"] for answer in answers] == [1, 2, 3, 4, 5]
        assert len({answer["pid"] for answer in answers}) == 1
        assert function.request().json()["calls"] == 6


def test_with_warm_a_worker_outlives_any_number_of_requests() -> None:
    with (
        serve(COUNTER, seal_isolation="warm", seal_burst_requests=3) as function,
        connected(function) as client,
    ):
        for calls in range(1, 10):
            client.send(function.head())
            assert client.read().json()["calls"] == calls


def test_with_warm_a_wrong_key_gets_nothing_and_right_ones_the_same_module() -> None:
    with serve(COUNTER, seal_isolation="warm", seal_workers=1) as function:
        assert function.request().json()["calls"] == 1
        for _ in range(3):
            assert reason(function.request(key=WRONG_KEY)) == "unknown-key"
        assert function.request().json()["calls"] == 2


def test_with_warm_a_worker_ends_after_its_time() -> None:
    with serve(COUNTER, seal_isolation="warm", seal_warm_ttl="300ms") as function:
        answer = function.request().json()
        wait_ended(answer["pid"])
        assert function.request().json()["calls"] == 1


def test_requests_without_a_valid_key_do_not_keep_a_worker_alive() -> None:
    with (
        serve(COUNTER, seal_isolation="warm", seal_warm_ttl="500ms") as function,
        connected(function) as client,
    ):
        client.send(function.head())
        used = client.read().json()["pid"]
        until = time.monotonic() + PATIENCE
        while used in workers(function):
            assert time.monotonic() < until, "the worker lives on"
            client.send(function.head(READY, key=None))
            client.read()
            client.send(function.head(key=WRONG_KEY))
            assert client.read().status == 403


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


def test_a_warm_worker_makes_way_for_a_slow_request() -> None:
    with (
        serve_program(seal_isolation="warm", seal_workers=1) as function,
        connected(function) as client,
    ):
        used = int(client.run(PID))
        request = function.head("/", "POST", PID.encode())
        with connected(function) as slow:
            slow.send(request)
            wait_ended(used)
            slow.send(PID.encode())
            assert int(slow.read().text) != used
