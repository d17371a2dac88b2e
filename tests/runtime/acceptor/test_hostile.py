"""A worker that says what no worker says: it is killed, and nobody else notices.

Handlers run in workers, and so can send whatever they like on a worker's channel.
"""

from __future__ import annotations

import pytest

from tests.runtime.acceptor.test_exhaustion import is_settled, used
from tests.runtime.conftest import Gate, serve_program
from tests.runtime.wire import connected, reason, run, several
from tests.support import wait_until

PID = "import os; answer = str(os.getpid())"
# Finds the worker's channel, and the number of the newest connection that is handled.
CHANNEL = """\
import os, socket, time
from faas_sealed.runtime.shared import table
from faas_sealed.runtime.shared.channel import Channel, Verb

def find(kind):
    for descriptor in range(3, 100):
        try:
            yield kind(os.dup(descriptor))
        except (OSError, ValueError):
            pass

channel = next(Channel(end) for end in find(lambda copy: socket.socket(fileno=copy))
               if end.type == socket.SOCK_SEQPACKET)
shared = next(find(table.Table))
rows = map(shared.read, range(len(shared._memory) // table._ROW_BYTES))
own = max(connection for state, connection, _ in rows if state == table.HANDLING)
"""
FOREVER = "time.sleep(60)\n"
SAID = {
    "IDLE, of a connection that has gone": "channel.send(Verb.IDLE, 1)",
    "UNREAD, of a connection that has gone": "channel.send(Verb.UNREAD, 1)",
    "CLOSE, of a connection that has gone": "channel.send(Verb.CLOSE, 1)",
    "SLOW, of a connection that has gone": "channel.send(Verb.SLOW, 1)",
    "CLOSE, of a connection that never was": "channel.send(Verb.CLOSE, 2**32 - 1)",
    "CLOSE, of another's connection": "channel.send(Verb.CLOSE, own - 1)",
    "WHOLE, of no slow request": "channel.send(Verb.WHOLE, own)",
    "what the zygote says": "channel.send(Verb.FORKED, own)",
    "what the acceptor says": "channel.send(Verb.SERVE, own)",
    "an unknown verb": "channel.send(99, own)",
    "too little": "channel.socket.send(b'x')",
    "too much": "channel.socket.send(bytes([Verb.IDLE]) + bytes(16))",
    "SLOW, again and again": "while True: channel.send(Verb.SLOW, own)",
    "IDLE, again and again": "while True: channel.send(Verb.IDLE, own)",
}


@pytest.mark.parametrize("kind", SAID)
def test_a_worker_that_says_what_it_may_not_is_killed_and_answered_for(
    kind: str, gate: Gate
) -> None:
    with (
        serve_program(seal_linger="30s") as function,
        several(function, 2) as innocent,
        connected(function) as idle,
        connected(function) as guilty,
    ):
        lingering = idle.run(PID)
        for client in innocent:
            client.post(gate.code)
        gate.wait_for(2)
        guilty.post(f"{CHANNEL}{SAID[kind]}\n{FOREVER}")
        function.stderr.wait_for("a worker is killed: it ")
        if kind != "IDLE, again and again":  # that it holds the connection it has denied itself
            answer = guilty.read()
            assert (answer.status, reason(answer)) == (502, "worker-died")
            assert guilty.ends()
        assert idle.run(PID) == lingering
        gate.open()
        assert {client.read().status for client in innocent} == {200}
        assert run(function, PID).status == 200
        assert function.stderr.text.count("\n") == 1


def test_a_worker_that_goes_on_with_what_it_has_handed_back_harms_no_other_client() -> None:
    code = f"{CHANNEL}channel.send(Verb.IDLE, own)\ntime.sleep(0.1)\nanswer = 'late'\n"
    with (
        serve_program(seal_workers=1) as function,
        connected(function) as guilty,
        connected(function) as innocent,
    ):
        guilty.post(code)
        assert guilty.read().text == "late"
        for _ in range(5):
            assert innocent.run(PID)
            assert run(function, PID).status == 200


def test_descriptors_that_a_worker_sends_use_nothing_up() -> None:
    code = f"{CHANNEL}channel.send(Verb.WHOLE, own, 0, [0, 1])\n{FOREVER}"
    with serve_program() as function:
        wait_until(lambda: is_settled(function, "burst"), "all is quiet")
        before = used(function)
        for _ in range(20):
            assert run(function, code).status == 502
        wait_until(
            lambda: is_settled(function, "burst") and used(function) <= before, "all is as before"
        )
