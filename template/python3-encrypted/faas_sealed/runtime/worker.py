"""A worker: takes connections that have something to say, and serves their requests.

In this process alone are requests, keys, plaintext and replies, and they go when it ends.
"""

from __future__ import annotations

import os
import select
import socket
import time

from faas_sealed.formats.errors import Busy
from faas_sealed.formats.file import SealedFile
from faas_sealed.runtime.channel import Channel, Verb
from faas_sealed.runtime.exchange import Exchange
from faas_sealed.runtime.handler import Handler
from faas_sealed.runtime.log import Log
from faas_sealed.runtime.request import Wire, lies_whole
from faas_sealed.runtime.settings import Settings
from faas_sealed.runtime.table import FREE, READING, Table


class Worker:
    """Serves connections from its channel until it has nothing more to do."""

    def __init__(
        self, settings: Settings, sealed: SealedFile, table: Table, row: int, channel: Channel
    ) -> None:
        self._settings = settings
        self._table = table
        self._row = row
        self._channel = channel
        self._log = Log(settings.log, table.fd)
        self._handler = Handler(settings, sealed)
        self._socket: socket.socket | None = None
        self._number = 0
        self._readable_since = 0.0
        self._served = 0

    def run(self) -> None:
        self._log.install()
        most = 1 if self._settings.isolation == "request" else self._settings.burst_requests
        while self._served < most and self._wait():
            self._serve()
        self._hand_back(Verb.IDLE)

    def _serve(self) -> None:
        assert self._socket is not None
        self._served += 1
        self.mark(READING, self._readable_since + self._settings.read_timeout)
        if self._served > 1:
            self._return_what_came_meanwhile()
        exchange = Exchange(
            self._settings, self._handler, self._log, self, self._socket, self._readable_since
        )
        exchange.run()
        if exchange.keeps_connection:
            self.mark(FREE, 0)
        else:
            self._hand_back(Verb.CLOSE)

    # What an exchange tells the acceptor.

    def mark(self, state: int, until: float) -> None:
        """Write into the table what happens now, and until when it may (monotonic seconds)."""
        self._table.write(self._row, state, self._number, int(until * 1e9))

    def ask(self, verb: Verb) -> None:
        """Ask whether a slow request may go on; raise Busy if not."""
        self._channel.send(verb, self._number)
        message = self._channel.receive()
        if message is None or message[0] is not Verb.GO:
            raise Busy

    # Connections.

    def _wait(self) -> bool:
        """Wait until a connection is held that has something to say; False: there is none."""
        if not self._served:
            return self._take(0)
        warm = self._settings.isolation == "warm"
        until = time.monotonic() + (self._settings.warm_ttl if warm else self._settings.linger)
        while True:
            if self._socket is not None and self._table.someone_waits:
                self._hand_back(Verb.IDLE)
            poller = select.poll()
            poller.register(self._channel, select.POLLIN)
            if self._socket is not None:
                poller.register(self._socket, select.POLLIN)
            ready = [fd for fd, _ in poller.poll(max(0.0, until - time.monotonic()) * 1000)]
            if not ready:
                return False
            if self._channel.fileno() in ready:
                self._hand_back(Verb.IDLE)
                if not self._take(socket.MSG_DONTWAIT):
                    return False
            else:
                self._readable_since = time.monotonic()
            if self._may_read():
                return True

    def _take(self, flags: int) -> bool:
        message = self._channel.receive(flags)
        if message is None:
            return False
        _, self._number, since, (descriptor,) = message
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
        self._readable_since = since / 1e9
        return True

    def _may_read(self) -> bool:
        """Tell whether a used worker may read this connection; if not, hand it back.

        A request that is half sent must not keep alive what this process remembers.
        """
        assert self._socket is not None
        wire = Wire(self._socket)
        if not wire.available():
            self._hand_back(Verb.CLOSE)
        elif not lies_whole(wire):
            self._hand_back(Verb.UNREAD)
        return self._socket is not None

    def _hand_back(self, verb: Verb) -> None:
        if self._socket is None:
            return
        self.mark(FREE, 0)
        self._socket.close()
        self._socket = None
        self._channel.send(verb, self._number)

    def _return_what_came_meanwhile(self) -> None:
        """Give back a connection that was sent here in the instant when this one spoke."""
        try:
            message = self._channel.receive(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if message is not None:
            _, number, _, (descriptor,) = message
            os.close(descriptor)
            self._channel.send(Verb.IDLE, number)
