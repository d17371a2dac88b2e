"""What clients, good and bad, do to a function. Each leaves the function idle."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.leaks.client import Client
from tests.runtime.processes import zygote
from tests.support import is_ready, wait_until

Traffic = Callable[[Client], None]


def answers(client: Client) -> None:
    for act in ("answer", "from_data", "from_descriptors", "by_path", "answer"):
        assert client.call(act).status == 200
    with ThreadPoolExecutor(8) as clients:
        calls = clients.map(lambda _: client.call("answer"), range(16))
        assert {answer.status for answer in calls} == {200}


def idle_connections(client: Client) -> None:
    for _ in range(6):
        connection = client.connect()
        for act in ("answer", "fail", "answer"):
            connection.sendall(client.head(act, len(client.body())) + client.body())
            assert client.read(connection).status == (500 if act == "fail" else 200)


def refused_keys(client: Client) -> None:
    for key, status in (
        (None, 401),
        (client.plants.malformed_key, 400),
        (f"{client.function.key}, {client.function.key}", 400),
        (client.function.key * 100, 400),
        (client.plants.wrong_key, 403),
    ):
        for _ in range(3):
            assert client.call("answer", key=key).status == status
    assert client.call("answer").status == 200


def tokens(client: Client) -> None:
    body = client.body()
    for act in ("answer", "from_data", "answer"):
        assert client.call(act, key=client.token(act, body)).status == 200
    connection = client.connect()
    for _ in range(3):
        head = client.head("answer", len(body), client.token("answer", body))
        connection.sendall(head + body)
        assert client.read(connection).status == 200


def tickets(client: Client) -> None:
    body = client.body()
    ticket = client.ticket("answer")
    for act in ("answer", "from_data", "answer"):
        token = client.resumed_token(ticket, act, body)
        assert client.call(act, key=token).status == 200
        assert client.call("fail", key=token).status == 403
    client.answers.clear()
    assert client.call_sealed("answer", body, ticket) == (200, body[::-1])


def refused_tokens(client: Client) -> None:
    body = client.body()
    for key, status in (
        (client.token("answer", b"another body"), 403),
        (client.token("fail", body), 403),
        (client.token("answer", body)[:-1], 400),
        (client.token("answer", body, client.plants.session), 400),
    ):
        for _ in range(3):
            assert client.call("answer", key=key).status == status
    client.answers.clear()


def sealed_bodies(client: Client) -> None:
    for size in (0, 2**20, 5 * 2**20):
        body = client.body(size)
        assert client.call_sealed("answer", body) == (200, body[::-1])
    assert client.call_sealed("fail", client.body())[0] == 500
    assert client.call_sealed("produce", client.body())[0] == 200
    with ThreadPoolExecutor(4) as clients:
        calls = clients.map(lambda _: client.call_sealed("answer", b"x"), range(8))
        assert {status for status, _ in calls} == {200}


def failures(client: Client) -> None:
    for act in ("fail", "fail_to_import", "fail_at_exit", "returns_nonsense", "no_such_act"):
        assert client.call(act).status == 500, act
    for act in (
        "fail_in_thread",
        "fail_in_task",
        "fail_in_process",
        "fail_in_callback",
        "fail_in_finalizer",
        "warn",
        "warn_by_log",
        "log_exception",
        "log_badly",
        "log_stack",
        "print_exception",
        "print_stack",
        "stop_in_debugger",
        "hook_exception",
    ):
        assert client.call(act).status == 200, act


def crashes(client: Client) -> None:
    for act in ("leave", "die", "crash"):
        assert client.call(act).status == 502, act


def overtime(client: Client) -> None:
    with ThreadPoolExecutor(2) as clients:
        calls = clients.map(lambda act: client.call(act), ("sleep", "spin"))
        assert {answer.status for answer in calls} == {504}


def slow_bodies(client: Client) -> None:
    body = client.body()
    with client.function.connect() as connection:
        connection.sendall(client.head("answer", len(body)) + body[:20])
        time.sleep(0.1)
        connection.sendall(body[20:])
        assert client.read(connection).status == 200
    with client.function.connect() as connection:
        connection.sendall(client.head("answer", 2 * len(body)) + body)
        assert client.read(connection).status == 408


def broken_bodies(client: Client) -> None:
    body = client.body()
    with client.function.connect() as connection:
        connection.sendall(client.head("answer", None) + b"10\r\n" + body)
        assert client.read(connection).status == 400
    with client.function.connect() as connection:
        connection.sendall(client.head("answer", 2 * len(body)) + body)
        connection.shutdown(socket.SHUT_WR)
        assert client.read(connection).status == 400
    with client.function.connect() as connection:  # and one that nobody waits for
        connection.sendall(client.head("answer", len(body)) + body)


def large_bodies(client: Client) -> None:
    for size in (2**20, 20 * 2**20):
        body = client.body(size)
        assert client.call("answer", body=body).body == body[::-1]
    with client.function.connect() as connection:
        connection.sendall(client.head("answer", 2**40) + client.body(2**16))
        assert client.read(connection).status == 413


def streams_out(client: Client) -> None:
    assert client.call("produce").status == 200
    with client.function.connect() as connection:  # a client that leaves before the end
        connection.sendall(client.head("produce", len(client.body())) + client.body())
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


def fails_while_sending(client: Client) -> None:
    with client.function.connect() as connection:
        connection.sendall(client.head("fail_while_sending", 0))
        answer = b"".join(iter(lambda: connection.recv(1000), b""))
    assert answer.endswith(b"\r\n5\r\nfirst\r\n")


def things_left_behind(client: Client) -> None:
    for act in ("leave_thread", "leave_child", "leave_daemon"):
        assert client.call(act).status == 200


def restarts(client: Client) -> None:
    """Kill the zygote while it serves, and use the next."""
    first = zygote(client.function)
    with ThreadPoolExecutor(4) as clients:
        calls = [clients.submit(client.call, "answer") for _ in range(20)]
        os.kill(first, signal.SIGKILL)
        assert {call.result().status for call in calls} <= {200, 502, 503}
    wait_until(lambda: is_ready(client.function), "the next zygote is ready")
    assert client.call("answer").status == 200


# What has an error in it, and so something that could be told about it.
BAD: tuple[Traffic, ...] = (
    refused_keys,
    refused_tokens,
    failures,
    crashes,
    broken_bodies,
    fails_while_sending,
    things_left_behind,
    restarts,
)
PATIENT = (
    answers,
    idle_connections,
    tokens,
    tickets,
    sealed_bodies,
    large_bodies,
    streams_out,
    *BAD,
)
# For a function whose timeouts are short.
IMPATIENT: tuple[Traffic, ...] = (overtime, slow_bodies)
