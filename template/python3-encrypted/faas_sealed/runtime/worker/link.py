"""The link of a worker to the acceptor: a row of the table, and one end of a channel."""

from __future__ import annotations

from faas_sealed.formats.errors import Busy
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.table import Table


class Link:
    """Tells and asks the acceptor about the connection that this worker holds.

    `connection` is the acceptor's number of that connection. `must_yield` is set once the
    acceptor has asked for the connection back.
    """

    def __init__(self, table: Table, row: int, channel: Channel) -> None:
        self.channel = channel
        self.connection = 0
        self.must_yield = False
        self._table = table
        self._row = row

    def mark(self, state: int, until: float) -> None:
        """Write into the table what this worker does now, and until when (CLOCK_MONOTONIC)."""
        self._table.write(self._row, state, self.connection, int(until * 1e9))

    def note_key_id(self, key_id: str | None) -> None:
        """Write into the table whose key has been presented, in case this process dies."""
        self._table.write_key_id(self._row, key_id)

    def tell(self, verb: Verb) -> None:
        """Tell the acceptor something about the connection."""
        self.channel.send(verb, self.connection)

    def ask(self, verb: Verb) -> None:
        """Ask whether a slow request may go on; raise Busy if not."""
        self.tell(verb)
        while message := self.channel.receive():
            if message[0] is Verb.GO:
                return
            if message[0] is Verb.REFUSE:
                break
            self.must_yield = True
        raise Busy
