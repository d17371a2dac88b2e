"""What is bounded: handlers, those who wait, readers, bodies, and the time for each."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import pytest

from tests.runtime.conftest import PROGRAM, Gate, each_life, serve_program
from tests.runtime.processes import workers
from tests.runtime.wire import Client, chunked, connected, posted, reason, run, several
from tests.support import PATIENCE, READY, serve, wait_until

PID = "import os; answer = str(os.getpid())"
CHUNKED = [("Transfer-Encoding", "chunked")]
STREAMING = {
    "handler.py": """\
def handle(event, context):
    return str(sum(len(piece) for piece in event.stream))
"""
}


@each_life
def test_no_more_handlers_run_at_once_than_there_are_workers(
    life: dict[str, Any], gate: Gate
) -> None:
    with (
        serve_program(seal_workers=3, **life) as function,
        several(function, 10) as clients,
    ):
        for client in clients:
            client.post(gate.code)
        held = gate.wait_for(3)
        time.sleep(0.2)  # a fourth would need a few milliseconds
        assert gate.inside() == held
        assert len(workers(function)) == 3
        gate.open()
        assert {client.read().status for client in clients} == {200}


def test_workers_that_linger_count_as_well(gate: Gate) -> None:
    with (
        serve_program(seal_workers=3, seal_linger="30s") as function,
        several(function, 3) as idle,
        several(function, 6) as clients,
    ):
        for client in idle:
            client.post(PID)
        for client in idle:
            assert client.read().status == 200
        for client in clients:
            client.post(gate.code)
        gate.wait_for(3)
        assert len(workers(function)) == 3
        gate.open()
        assert {client.read().status for client in clients} == {200}
        assert all(int(client.run(PID)) for client in idle)


def test_slow_requests_are_read_beside_the_handlers_but_handled_among_them(gate: Gate) -> None:
    code = gate.code.encode()
    with serve_program(seal_workers=2) as function, several(function, 6) as clients:
        for client in clients:
            client.send(function.head("/", "POST", code) + code[:-1])
        for client in clients:
            client.wait_taken()
        assert run(function, PID).status == 200
        for client in clients:
            client.send(code[-1:])
            client.wait_taken()
        gate.wait_for(2)
        time.sleep(0.2)  # a third would need a few milliseconds
        assert len(gate.inside()) == 2
        gate.open()
        assert {client.read().status for client in clients} == {200}


def test_beyond_those_who_may_wait_the_answer_is_busy(gate: Gate) -> None:
    with serve_program(seal_workers=1, seal_waiting=3) as function, ExitStack() as stack:
        held = stack.enter_context(connected(function))
        held.post(gate.code)
        gate.wait_for(1)
        waiting = stack.enter_context(several(function, 4))
        for client in waiting:
            client.post(gate.code)
        # Whose request is read first nobody knows, but one is too many.
        wait_until(lambda: any(map(has_answer, waiting)), "one is refused")
        (refused,) = filter(has_answer, waiting)
        answer = refused.read()
        assert (answer.status, reason(answer)) == (503, "busy")
        assert answer.header("Retry-After") == "1"
        assert refused.ends()
        gate.open()
        for client in {held, *waiting} - {refused}:
            assert client.read().status == 200


def has_answer(client: Client) -> bool:
    client.socket.setblocking(False)
    try:
        return bool(client.socket.recv(1, 2))
    except BlockingIOError:
        return False
    finally:
        client.socket.settimeout(PATIENCE)


def test_who_waits_too_long_is_told_that_the_function_is_busy(gate: Gate) -> None:
    with (
        serve_program(seal_workers=1, read_timeout="1s") as function,
        connected(function) as held,
        connected(function) as waiting,
    ):
        held.post(gate.code)
        gate.wait_for(1)
        waiting.post(PID)
        assert reason(waiting.read()) == "busy"
        gate.open()
        assert held.read().status == 200


def test_beyond_the_readers_the_answer_is_busy() -> None:
    with serve_program(seal_readers=2) as function, several(function, 2) as slow:
        for client in slow:
            client.send(posted(function, PID)[:-1])
            client.wait_taken()
        with connected(function) as third:
            # Whoever asks third for more time is refused, in whatever order they ask.
            third.send(posted(function, PID)[:-1])
            wait_until(lambda: any(map(has_answer, [*slow, third])), "one is refused")
            (refused,) = filter(has_answer, [*slow, third])
            assert reason(refused.read()) == "busy"
            for client in {*slow, third} - {refused}:
                client.send(PID[-1:].encode())
                assert client.read().status == 200
        assert run(function, PID).status == 200


@pytest.mark.parametrize("sent", [10, -10])
def test_a_request_that_does_not_arrive_in_time_is_told_so(sent: int) -> None:
    with serve_program(read_timeout="300ms") as function, connected(function) as client:
        client.send(posted(function, PID)[:sent])
        answer = client.read()
        assert (answer.status, reason(answer)) == (408, "slow-request")
        assert client.ends()


def test_a_request_that_trickles_is_slow_too() -> None:
    with serve_program(read_timeout="500ms") as function, connected(function) as client:
        client.send(function.head("/", "POST", bytes(100_000)))
        while not has_answer(client):
            client.send(b"\0")
            time.sleep(0.001)
        assert reason(client.read()) == "slow-request"


def test_a_body_that_never_pauses_is_slow_too() -> None:
    piece = chunked([b"#"] * 1000).removesuffix(b"0\r\n\r\n")
    with serve_program(read_timeout="500ms") as function, connected(function) as client:
        client.send(function.head("/", "POST", headers=CHUNKED))
        while not has_answer(client):
            client.send(piece)
        assert reason(client.read()) == "slow-request"


def test_a_body_of_the_largest_size_is_read() -> None:
    with serve_program(seal_max_body=100_000) as function, connected(function) as client:
        body = bytes(100_000)
        client.send(function.head("/echo", "POST", body) + body)
        assert client.read().body == body
        client.send(function.head("/echo", "POST", headers=CHUNKED) + chunked([body]))
        assert client.read().body == body


def test_a_larger_body_is_refused_by_its_length_before_it_comes() -> None:
    with serve_program(seal_max_body=100_000) as function, connected(function) as client:
        client.send(function.head("/echo", "POST", bytes(100_001)))
        answer = client.read()
        assert (answer.status, reason(answer)) == (413, "body-too-large")
        assert client.ends()


@pytest.mark.parametrize("files", [PROGRAM, STREAMING])
def test_a_larger_chunked_body_is_refused_while_it_comes(files: dict[str, str]) -> None:
    with serve(files, seal_max_body=100_000) as function, connected(function) as client:
        client.send(function.head("/echo", "POST", headers=CHUNKED))
        for _ in range(2):
            client.send(b"c350\r\n" + bytes(50_000) + b"\r\n")
        client.send(b"1\r\n")
        answer = client.read()
        assert (answer.status, reason(answer)) == (413, "body-too-large")
        assert client.ends()


def test_a_chunk_of_a_huge_size_is_refused_at_once() -> None:
    with serve_program() as function, connected(function) as client:
        client.send(function.head("/echo", "POST", headers=CHUNKED) + b"f" * 200 + b"\r\n")
        assert client.read().status == 413


@pytest.mark.parametrize("key", ["", "nonsense"])
def test_no_early_answer_is_lost_on_a_client_that_still_sends(key: str) -> None:
    body = bytes(8 * 2**20)
    with serve_program(seal_max_body="1MiB") as function:
        for _ in range(20):
            with connected(function) as client:
                client.send(function.head("/echo", "POST", body, key=key) + body)
                assert client.read().status == (400 if key else 413)


def test_nobody_waits_behind_a_slow_handler_while_a_worker_is_free(gate: Gate) -> None:
    with (
        serve_program(seal_workers=2, seal_linger="30s") as function,
        several(function, 4) as clients,
    ):
        for _ in range(20):
            for client in clients:
                client.post(PID)
            for client in clients:
                assert client.read().status == 200
        # Both workers keep a connection, and one of them is held up now.
        clients[0].post(gate.code)
        gate.wait_for(1)
        for _ in range(20):
            for client in clients[1:]:
                client.post(PID)
            for client in clients[1:]:
                assert client.read().status == 200
        gate.open()
        assert clients[0].read().status == 200


def test_readiness_is_answered_without_a_key_and_with_one() -> None:
    with serve_program() as function:
        assert function.request(READY, key=None).body == b"ready\n"
        assert function.request(READY).body == b"ready\n"
        assert function.request(READY, method="POST", body=b"", key=None).status == 401


def test_500_idle_connections_disturb_nobody() -> None:
    with serve_program() as function, several(function, 500) as idle:
        assert run(function, PID).status == 200
        for client in idle[::50]:
            assert int(client.run(PID))


def test_slow_requests_get_their_turn_while_others_keep_coming() -> None:
    with (
        serve_program(seal_workers=1, seal_linger="30s", read_timeout="10s") as function,
        several(function, 3) as busy,
        several(function, 3) as slow,
    ):
        for client in busy:
            client.post(PID)
        for client in slow:
            request = posted(function, "answer = 'slow'")
            client.send(request[:-1])
            for _ in range(20):
                for other in busy:
                    assert other.read().status == 200
                    other.post(PID)
            client.send(request[-1:])
            while not has_answer(client):
                for other in busy:
                    assert other.read().status == 200
                    other.post(PID)
            assert client.read().text == "slow"
