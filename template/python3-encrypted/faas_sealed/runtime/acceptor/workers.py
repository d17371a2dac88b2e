"""A worker's process, as the acceptor sees it, and the states of its life.

`docs/architecture.md` has the states and moves as a table.
"""

from __future__ import annotations

import enum
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress

from faas_sealed.runtime.acceptor.connection import Connection
from faas_sealed.runtime.acceptor.zygotes import ZygoteProcess
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.log import say
from faas_sealed.runtime.shared.system import has_ended, kill_group


class Life(enum.Enum):
    """The states of a worker's life."""

    # Each turn of the loop looks up the state of each worker in a set. The `__hash__` that an
    # enumeration inherits is written in Python, and takes ten times as long.
    __hash__ = object.__hash__

    FORKING = enum.auto()  # the zygote has been asked for it
    FRESH = enum.auto()  # it waits for its first connection
    SERVING = enum.auto()  # it holds a connection
    SLOW = enum.auto()  # it holds one, and reads a request that is slow to come
    ASKING = enum.auto()  # it has read a slow request, and waits for room to handle it
    EXPECTANT = enum.auto()  # it was asked for its connection, has yielded it, and waits for word
    RESTING = enum.auto()  # it has served, and can be given another connection
    RETIRED = enum.auto()  # it is given nothing more, and ends by itself
    CONDEMNED = enum.auto()  # it did what no worker does, and has been killed for it
    GONE = enum.auto()  # it has ended, or was never forked


_RELEASED = {Life.EXPECTANT, Life.RESTING, Life.RETIRED}
_ENDED = {Life.CONDEMNED, Life.GONE}

# Every legal move.
MOVES: dict[Life, set[Life]] = {
    Life.FORKING: {Life.FRESH} | _ENDED,
    Life.FRESH: {Life.SERVING, Life.RETIRED} | _ENDED,
    Life.SERVING: {Life.SLOW} | _RELEASED | _ENDED,
    Life.SLOW: {Life.ASKING} | _RELEASED | _ENDED,
    Life.ASKING: {Life.SERVING, Life.SLOW} | _ENDED,
    Life.EXPECTANT: {Life.SERVING, Life.RESTING, Life.RETIRED} | _ENDED,
    Life.RESTING: {Life.SERVING, Life.RETIRED} | _ENDED,
    Life.RETIRED: _ENDED,
    Life.CONDEMNED: {Life.GONE},
    Life.GONE: set(),
}

# The messages that a worker may send, and the states in which it may. A worker that has answered
# a slow request without handling it stays SLOW for as long as it keeps the connection.
MAY_SAY: dict[Verb, set[Life]] = {
    Verb.SLOW: {Life.SERVING, Life.SLOW},
    Verb.WHOLE: {Life.SLOW},
    Verb.IDLE: {Life.SERVING, Life.SLOW},
    Verb.UNREAD: {Life.SERVING, Life.SLOW},
    Verb.CLOSE: {Life.SERVING, Life.SLOW},
}

UNUSED = frozenset({Life.FORKING, Life.FRESH})
HOLDING = frozenset({Life.SERVING, Life.SLOW, Life.ASKING})
READERS = frozenset({Life.SLOW, Life.ASKING})
USED_AND_FREE = frozenset({Life.EXPECTANT, Life.RESTING})
# Workers in these states handle a request or wait for one.
COUNTED = UNUSED | USED_AND_FREE | {Life.SERVING}


class WorkerProcess:
    """One worker: its row in the table, our end of its channel, the connection it holds.

    A worker is given a connection only while it holds no other. So no connection waits in the
    channel of a worker that handles a request.
    """

    def __init__(self, row: int, channel: Channel, *, serves_once: bool = False) -> None:
        """With `serves_once` the worker ends by itself after its first request."""
        self.row = row
        self.channel = channel
        self.zygote: ZygoteProcess | None = None  # its parent, while that forks
        self.pid = 0  # until the worker is forked
        self.pidfd = -1
        self.life = Life.FORKING
        self.held: Connection | None = None
        self.give_up_at = 0.0  # the end of its wait for room, in seconds of CLOCK_MONOTONIC
        self._serves_once = serves_once
        # The state after the worker has handed back its connection. It stands beside `life`,
        # because it can change in each of the three states in which a worker holds one.
        self._afterwards = Life.RETIRED if serves_once else Life.RESTING

    def forked(self, pid: int, pidfd: int) -> None:
        """Take note that the worker runs."""
        self.pid, self.pidfd = pid, pidfd
        self._move(Life.FRESH)

    def receive(self) -> tuple[Verb, Connection] | None:
        """Return the worker's message, and the connection that it is about; None after the last.

        A worker that says what it may not is killed. Raises BlockingIOError if there is no
        message yet.
        """
        if self.life is Life.CONDEMNED:
            return None
        try:
            message = self.channel.receive(socket.MSG_DONTWAIT, descriptors=False)
        except ValueError:
            self.condemn("it sent something that is no message")
            return None
        if message is None:
            return None
        verb, number, _, _ = message
        if self.life not in MAY_SAY.get(verb, set()):
            self.condemn(f"it said {verb.name} while {self.life.name}")
        elif self.held is None or self.held.number != number:
            self.condemn(f"it said {verb.name} of a connection that it does not hold")
        else:
            return verb, self.held
        return None

    def serve(self, connection: Connection) -> bool:
        """Give the worker a connection; False: it cannot take one, mostly because it has ended."""
        if not self._move(Life.SERVING):
            return False
        descriptor = connection.socket.fileno()
        if self._send(Verb.SERVE, connection.number, connection.readable_since, [descriptor]):
            self.held = connection
            return True
        if self.life is not Life.CONDEMNED:
            self.retire()
        return False

    def read_slowly(self) -> None:
        """Count the worker as a reader, and let it read on."""
        if self.life is Life.SLOW or self._move(Life.SLOW):
            self._tell(Verb.GO)

    def ask(self, give_up_at: float) -> None:
        """Let the worker wait for room until `give_up_at` (CLOCK_MONOTONIC)."""
        self.give_up_at = give_up_at
        self._move(Life.ASKING)

    def handle(self) -> None:
        """Let the worker handle its slow request."""
        if self._move(Life.SERVING):
            self._tell(Verb.GO)

    def refuse(self) -> None:
        """Let the worker answer that the function is busy, as a reader if it asked for room."""
        if self.life is not Life.ASKING or self._move(Life.SLOW):
            self._tell(Verb.REFUSE)

    def ask_back(self) -> None:
        """Ask the worker, once, for the connection that it may keep in case more comes."""
        if self.life in HOLDING and self._afterwards is Life.RESTING:
            self._afterwards = Life.EXPECTANT
            self._tell(Verb.YIELD)

    def release(self) -> None:
        """Take note that the worker has handed back its connection."""
        self.held = None
        if self._afterwards is Life.RETIRED and not self._serves_once:
            self.retire()
        else:
            self._move(self._afterwards)
        if self._afterwards is Life.EXPECTANT:
            self._afterwards = Life.RESTING

    def rest(self) -> None:
        """Tell the worker that it need not wait for another connection."""
        if self._move(Life.RESTING):
            self._tell(Verb.REST)

    def retire(self) -> None:
        """Let the worker go: it ends when it sees that nothing more can come from us."""
        if self._move(Life.RETIRED):
            with suppress(OSError):  # it has just ended
                self.channel.socket.shutdown(socket.SHUT_WR)

    def outdate(self) -> None:
        """Let the worker go once it has finished: what it serves is no longer deployed."""
        if self.life in HOLDING:
            self.ask_back()
            self._afterwards = Life.RETIRED
        elif self.life not in (Life.RETIRED, Life.CONDEMNED):
            self.retire()

    def condemn(self, reason: str) -> None:
        """Kill the worker for what it did. Its connection is settled when it has ended."""
        if self.life is Life.GONE:
            return
        if self.life is not Life.CONDEMNED:
            self.life = Life.CONDEMNED
            say(f"a worker is killed: {reason}")
        self.kill()

    def kill(self) -> None:
        """Kill the worker, and what it has started."""
        if self.pidfd >= 0 and not has_ended(self.pidfd):
            kill_group(self.pid)
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Close our descriptors of a worker that has ended, or was never forked."""
        self._move(Life.GONE)
        self.channel.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def _move(self, to: Life) -> bool:
        """Move to a state; tell whether that is legal. An illegal move kills this worker alone."""
        if to not in MOVES[self.life]:
            self.condemn(f"from {self.life.name} it cannot become {to.name}")
            return False
        self.life = to
        return True

    def _tell(self, verb: Verb) -> None:
        self._send(verb, self.held.number if self.held is not None else 0)

    def _send(
        self, verb: Verb, number: int = 0, value: int = 0, descriptors: Sequence[int] = ()
    ) -> bool:
        """Send the worker a message; False: it has ended, or reads nothing of what it is told."""
        try:
            self.channel.send(verb, number, value, descriptors, socket.MSG_DONTWAIT)
            return True
        except BlockingIOError:
            self.condemn("it reads nothing of what it is told")
        except OSError:  # it has just ended, and its pidfd will tell
            pass
        return False
