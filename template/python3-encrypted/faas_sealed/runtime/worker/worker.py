"""A worker: takes connections that have something to say, and serves their requests.

In this process alone are requests, keys, plaintext and replies, and they go when it ends.
"""

from __future__ import annotations

import math
import select
import socket
import time

from faas_sealed.formats.errors import Busy
from faas_sealed.runtime.handler.handler import Handler
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.log import Log
from faas_sealed.runtime.shared.system import unread
from faas_sealed.runtime.shared.table import FREE, READING, Table
from faas_sealed.runtime.worker.exchange import Exchange
from faas_sealed.runtime.worker.function import Function
from faas_sealed.runtime.worker.request import settles_whole
from faas_sealed.settings import Settings

# So many times `linger` after the last request with a valid key, others end no later.
MOST_LINGERS = 10


class Worker:
    """Serves connections from its channel until it has nothing more to do."""

    def __init__(
        self,
        settings: Settings,
        function: Function,
        log: Log,
        table: Table,
        row: int,
        channel: Channel,
    ) -> None:
        self._settings = settings
        self._table = table
        self._row = row
        self._channel = channel
        self._log = log
        self._handler = Handler(settings, function)
        self._socket: socket.socket | None = None
        self._number = 0
        self._readable_since = 0.0
        self._must_yield = False
        self._has_yielded = False
        self._served = 0
        self._last_opened: float | None = None
        self._until = math.inf

    def run(self) -> None:
        most = {"request": 1, "burst": self._settings.burst_requests, "warm": math.inf}
        while self._served < most[self._settings.isolation] and self._wait():
            self._serve()
        self._hand_back(Verb.IDLE)

    def _serve(self) -> None:
        assert self._socket is not None
        self._served += 1
        self.note_key_id(None)
        self.mark(READING, self._readable_since + self._settings.read_timeout)
        exchange = Exchange(
            self._settings, self._handler, self._log, self, self._socket, self._readable_since
        )
        exchange.run()
        self._set_end(exchange.has_opened)
        if exchange.keeps_connection:
            self.mark(FREE, 0)
        else:
            self._hand_back(Verb.CLOSE)

    def _set_end(self, has_opened: bool) -> None:
        """Set until when this waits for another request."""
        now, linger = time.monotonic(), self._settings.linger
        if has_opened:
            self._last_opened = now
            self._until = now + (
                self._settings.warm_ttl if self._settings.isolation == "warm" else linger
            )
        elif self._last_opened is None:
            self._until = now + linger
        else:
            # Requests without a valid key keep alive what this process remembers for a
            # while only. Not for none: a flood of them would cost forks without end.
            most = self._last_opened + MOST_LINGERS * linger
            self._until = max(self._until, min(now + linger, most))

    # What an exchange tells the acceptor.

    def mark(self, state: int, until: float) -> None:
        """Write into the table what happens now, and until when it may (monotonic seconds)."""
        self._table.write(self._row, state, self._number, int(until * 1e9))

    def note_key_id(self, key_id: str | None) -> None:
        """Write into the table whose key has been presented, should this process die."""
        self._table.write_key_id(self._row, key_id)

    def ask(self, verb: Verb) -> None:
        """Ask whether a slow request may go on; raise Busy if not."""
        self._channel.send(verb, self._number)
        while message := self._channel.receive():
            if message[0] is Verb.GO:
                return
            if message[0] is Verb.REFUSE:
                break
            self._must_yield = True
        raise Busy

    # Connections.

    def _wait(self) -> bool:
        """Wait until a connection is held that has something to say; False: there is none."""
        while True:
            if self._must_yield:
                self._has_yielded = self._socket is not None
                self._hand_back(Verb.IDLE)
            left = math.inf if self._has_yielded else self._until - time.monotonic()
            if left <= 0:
                return False
            ready = self._poll(left)
            if self._channel.fileno() in ready:
                verb = self._take_message()
                if verb is None:
                    return False
                if verb is not Verb.SERVE:
                    continue
            elif ready:
                self._readable_since = time.monotonic()
            else:
                return False
            if self._may_read():
                return True

    def _poll(self, seconds: float) -> list[int]:
        poller = select.poll()
        poller.register(self._channel, select.POLLIN)
        if self._socket is not None:
            poller.register(self._socket, select.POLLIN)
        timeout = None if seconds == math.inf else seconds * 1000
        return [fd for fd, _ in poller.poll(timeout)]

    def _take_message(self) -> Verb | None:
        """Do as the acceptor says, and return what that was; None: it says nothing more."""
        message = self._channel.receive()
        if message is None:
            return None
        verb, number, since, descriptors = message
        if verb is Verb.YIELD:
            self._must_yield = True
            return verb
        self._has_yielded = False
        if verb is Verb.SERVE:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptors[0])
            self._number = number
            self._readable_since = since / 1e9
        return verb

    def _may_read(self) -> bool:
        """Tell whether this worker may read its connection; if not, hand that back.

        A request that is half sent must not keep alive what a used one remembers.
        """
        assert self._socket is not None
        if not self._served:
            return True
        if not unread(self._socket):
            self._hand_back(Verb.CLOSE)
        elif not settles_whole(self._socket, self._until):
            self._hand_back(Verb.UNREAD)
        return self._socket is not None

    def _hand_back(self, verb: Verb) -> None:
        self._must_yield = False
        if self._socket is None:
            return
        if verb is not Verb.CLOSE:
            self.mark(FREE, 0)
        self._socket.close()
        self._socket = None
        self._channel.send(verb, self._number)
        # Now only: were it marked before, and this process killed, the connection would
        # be read on, in the middle of a request that has had its reply.
        self.mark(FREE, 0)
