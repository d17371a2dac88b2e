"""Nothing is used up: descriptors, processes, rows of the table, processor time."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from faas_sealed.runtime.acceptor.dispatch import SPARES

from tests.runtime.conftest import serve_program
from tests.runtime.processes import (
    MAY_LOOK,
    descriptors,
    limited,
    only_root_may_look,
    zygote,
)
from tests.runtime.wire import Client, Cut, connected, run, several
from tests.support import Function, has_ended, session, wait_until

PID = "import os; answer = str(os.getpid())"
REQUESTS = {"request": 150, "burst": 700}


def is_settled(function: Function, isolation: str) -> bool:
    """Tell whether nothing but the acceptor, the zygote and the spares is there.

    Of a spare that is there the acceptor may not have been told yet; its pidfd shows that.
    """
    pids, spares = session(function.process.pid), SPARES[isolation]
    if len(pids) != 2 + spares or any(map(has_ended, pids)):
        return False
    return not MAY_LOOK or spares == sum(
        "pidfd" in name for name in descriptors(function.process.pid).values()
    )


def used(function: Function) -> int:
    if not MAY_LOOK:
        return 0
    return len(descriptors(function.process.pid)) + len(descriptors(zygote(function)))


@pytest.mark.parametrize(
    ("isolation", "linger"), [("request", "20ms"), ("burst", "20ms"), ("burst", "500ms")]
)
def test_requests_of_all_kinds_use_nothing_up(isolation: str, linger: str) -> None:
    chance = random.Random(1)  # noqa: S311 - the same mixture each time
    with serve_program(
        seal_isolation=isolation, seal_burst_requests=20, seal_linger=linger
    ) as function:
        wait_until(lambda: is_settled(function, isolation), "all is quiet")
        before = used(function)
        outcomes: Counter[int] = Counter()
        with several(function, 4) as clients:
            for _ in range(REQUESTS[isolation]):
                number = chance.randrange(4)
                clients[number] = exchange(function, clients[number], outcomes, chance.random())
        assert outcomes[200] > REQUESTS[isolation] / 2
        assert set(outcomes) <= {0, 200, 400, 401, 403, 500, 502}
        assert {0, 401, 502} <= set(outcomes)
        wait_until(
            lambda: is_settled(function, isolation) and used(function) <= before, "all is as before"
        )
        assert run(function, PID).status == 200


def exchange(function: Function, client: Client, outcomes: Counter[int], chance: float) -> Client:
    """Send one request of some kind; return the connection for the next."""
    if chance < 0.04:
        client.post("import os; os._exit(1)")
    elif chance < 0.06:
        client.send(b"nonsense\r\n\r\n")
    elif chance < 0.10:
        client.send(function.head(key=None))
    elif chance < 0.12:
        client.send(function.head("/", "POST", PID.encode())[: int(chance * 1000)])
        client.reset()
        outcomes[0] += 1
        return Client(function)
    elif chance < 0.14:
        client.post("raise ValueError")
    elif chance < 0.16:
        client.post("answer = iter(lambda: 1 / 0, None)")
    else:
        client.post(PID)
    try:
        answer = client.read()
    except Cut:
        outcomes[0] += 1
    else:
        outcomes[answer.status] += 1
        if answer.header("Connection") != "close":
            return client
    client.close()
    return Client(function)


@only_root_may_look
def test_beyond_its_descriptors_the_acceptor_leaves_connections_to_the_kernel() -> None:
    with serve_program(
        prefix=limited("RLIMIT_NOFILE", 200), seal_workers=2, seal_readers=2
    ) as function:
        with several(function, 300) as idle:
            wait_until(lambda: len(descriptors(function.process.pid)) > 150, "all it can is open")
            with connected(function) as client:
                client.post(PID)
                spent = processor_time(function)
                time.sleep(0.5)
                assert processor_time(function) - spent < 0.2, "it does not spin"
                for other in idle[:200]:
                    other.close()
                assert client.read().status == 200
            assert idle[-1].run(PID)
        assert run(function, PID).status == 200


def test_an_idle_function_uses_hardly_any_processor_time() -> None:
    with serve_program() as function, several(function, 20) as clients:
        for client in clients:
            assert client.run(PID)
        wait_until(lambda: is_settled(function, "burst"), "all is quiet")
        spent = processor_time(function)
        time.sleep(1)
        assert processor_time(function) - spent <= 0.05


def processor_time(function: Function) -> float:
    """Return the seconds that acceptor and zygote have spent (proc(5), /proc/PID/stat)."""
    ticks = 0
    for pid in (function.process.pid, zygote(function)):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_many_clients_at_once_are_all_served() -> None:
    with serve_program(seal_waiting=500) as function, several(function, 200) as clients:
        for _ in range(5):
            for client in clients:
                client.post(PID)
            assert Counter(client.read().status for client in clients) == {200: 200}
