"""The tickets of one credential, kept in memory for the calls that follow."""

from __future__ import annotations

import os
import time

from faas_sealed.formats.ticket import Ticket, accept_ticket

# One key may be for a function behind several gateways, but hardly behind more.
_MOST = 16


class KeptTickets:
    """The ticket that a function has brought last, for each address of the function.

    Threads may share it. What it holds changes in one step, and needs no lock, which a fork
    could leave locked. Copies, pickles and forked processes begin without a ticket, and none
    reaches a disk.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._tickets: dict[str, Ticket] = {}

    def take(self, address: str, exp: int) -> Ticket | None:
        """Return a ticket for a request to the function at `address`, if one is good until `exp`.

        That is the token's, in seconds since the epoch, so that no token lives shorter because
        of its ticket.
        """
        self._forget_parent()
        ticket = self._tickets.get(address)
        return ticket if ticket is not None and exp <= ticket.texp else None

    def keep(self, address: str, text: str, resume: bytes) -> None:
        """Keep the ticket in `fsxt1_…`, which has come from the function at `address`.

        If it is none for `resume` (32 bytes), do nothing.
        """
        try:
            ticket = accept_ticket(text, resume, time.time())
        except ValueError:
            return
        self._forget_parent()
        others = [pair for pair in self._tickets.items() if pair[0] != address]
        self._tickets = dict([*others[-_MOST + 1 :], (address, ticket)])

    def drop(self, ticket: Ticket) -> None:
        """Forget a ticket that the function has refused, unless another has taken its place."""
        self._tickets = {at: kept for at, kept in self._tickets.items() if kept is not ticket}

    def _forget_parent(self) -> None:
        """Forget the tickets of the process from which this one was forked."""
        if self._process != os.getpid():
            self._tickets = {}
            self._process = os.getpid()

    def __reduce__(self) -> tuple[type[KeptTickets], tuple[()]]:
        return KeptTickets, ()
