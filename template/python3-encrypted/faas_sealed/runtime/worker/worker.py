"""The worker: takes connections that are readable, and serves their requests.

Requests, keys, plaintext and answers are in this process alone, and go when it ends.
"""

from __future__ import annotations

import math
import select
import socket
import time

from faas_sealed.runtime.handler.handler import Handler
from faas_sealed.runtime.shared.channel import Verb
from faas_sealed.runtime.shared.log import Log
from faas_sealed.runtime.shared.system import unread
from faas_sealed.runtime.shared.table import FREE, READING
from faas_sealed.runtime.worker.access import Access
from faas_sealed.runtime.worker.exchange import Exchange
from faas_sealed.runtime.worker.glance import settles_whole
from faas_sealed.runtime.worker.link import Link
from faas_sealed.settings import Settings

# Requests without a valid key keep a worker for this long at most, after the last request with a
# valid key or, if there was none, after the first. If they did not keep it at all, a flood of them
# would cost endless forks.
KEYLESS_SECONDS = 0.2


class Worker:
    """Serves connections from its channel until it has nothing more to do."""

    def __init__(self, settings: Settings, access: Access, log: Log, link: Link) -> None:
        self._settings = settings
        self._access = access
        self._log = log
        self._link = link
        self.handler = Handler()
        self._socket: socket.socket | None = None
        self._readable_since = 0.0
        self._has_yielded = False
        self._served = 0
        # How long this worker waits for another request, and how long it may wait if no valid key
        # comes, in seconds of CLOCK_MONOTONIC.
        self._until = self._latest = math.inf

    def run(self) -> None:
        once = self._settings.isolation == "request"
        most = 1 if once else self._settings.burst_requests or math.inf
        while self._served < most and not self.handler.has_failed and self._wait():
            self._serve()
        self._hand_back(Verb.IDLE)

    def _serve(self) -> None:
        assert self._socket is not None
        self._served += 1
        self._link.note_key_id(None)
        self._link.mark(READING, self._readable_since + self._settings.read_timeout)
        exchange = Exchange(
            self._settings,
            self._access,
            self.handler,
            self._log,
            self._link,
            self._socket,
            self._readable_since,
        )
        exchange.run()
        self._set_end(exchange.has_opened)
        if exchange.keeps_connection:
            self._link.mark(FREE, self._until)
        else:
            self._hand_back(Verb.CLOSE)

    def _set_end(self, has_opened: bool) -> None:
        """Set the time until which this worker waits for another request."""
        now, linger = time.monotonic(), self._settings.linger
        if has_opened:
            self._until, self._latest = now + linger, now + KEYLESS_SECONDS
        elif self._latest == math.inf:
            self._until, self._latest = now + min(linger, KEYLESS_SECONDS), now + KEYLESS_SECONDS
        else:
            self._until = max(self._until, min(now + linger, self._latest))

    def _wait(self) -> bool:
        """Wait for a connection that is readable; tell whether one came."""
        while True:
            if self._link.must_yield:
                self._has_yielded = self._socket is not None
                self._hand_back(Verb.IDLE)
            left = math.inf if self._has_yielded else self._until - time.monotonic()
            if left <= 0:
                return False
            ready = self._poll(left)
            if self._link.channel.fileno() in ready:
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
        poller.register(self._link.channel, select.POLLIN)
        if self._socket is not None:
            poller.register(self._socket, select.POLLIN)
        timeout = None if seconds == math.inf else seconds * 1000
        return [fd for fd, _ in poller.poll(timeout)]

    def _take_message(self) -> Verb | None:
        """Do as the acceptor says, and return its verb, or None once it has closed the channel."""
        message = self._link.channel.receive()
        if message is None:
            return None
        verb, number, since, descriptors = message
        if verb is Verb.YIELD:
            self._link.must_yield = True
            return verb
        self._has_yielded = False
        if verb is Verb.SERVE:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptors[0])
            if self._socket.gettimeout() is not None:  # the handler has set a default
                self._socket.settimeout(None)
            self._link.connection = number
            self._readable_since = since / 1e9
        return verb

    def _may_read(self) -> bool:
        """Tell whether this worker may read its connection; if not, hand it back.

        A used worker remembers earlier requests: a request that is half sent must not keep it
        alive.
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
        self._link.must_yield = False
        if self._socket is None:
            return
        if verb is not Verb.CLOSE:
            self._link.mark(FREE, self._until)
        self._socket.close()
        self._socket = None
        self._link.tell(verb)
        # After CLOSE the row becomes free only now. If it were free before the acceptor is told,
        # and this process were killed then, the acceptor would park the connection in the middle
        # of a request that has had its answer.
        self._link.mark(FREE, self._until)
