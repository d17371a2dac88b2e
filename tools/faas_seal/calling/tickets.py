"""The tickets of one credential, kept in memory for the calls that follow."""

from __future__ import annotations

import time

from faas_sealed.formats.ticket import Ticket, accept_ticket

from faas_seal.calling.addresses import origin

# One key may be for a function behind several gateways, but hardly behind more.
_MOST = 16


class KeptTickets:
    """The ticket that each server has brought last, by the server's origin.

    Threads and forked processes may share it. What it holds changes in one step, and needs no
    lock, which a fork could leave locked. Copies and pickles are empty, so that no ticket
    reaches a disk.
    """

    def __init__(self) -> None:
        self._tickets: dict[object, Ticket] = {}

    def take(self, url: str, exp: int) -> Ticket | None:
        """Return a ticket for a request to `url`, if one is good until `exp`.

        That is the token's, in seconds since the epoch, so that no token lives shorter because
        of its ticket.
        """
        ticket = self._tickets.get(origin(url))
        return ticket if ticket is not None and exp <= ticket.texp else None

    def keep(self, url: str, text: str, resume: bytes) -> None:
        """Keep the ticket in `fsxt1_…`, which has come from `url`.

        If it is none for `resume` (32 bytes), do nothing.
        """
        try:
            ticket = accept_ticket(text, resume, time.time())
        except ValueError:
            return
        others = [pair for pair in self._tickets.items() if pair[0] != origin(url)]
        self._tickets = dict([*others[-_MOST + 1 :], (origin(url), ticket)])

    def drop(self, ticket: Ticket) -> None:
        """Forget a ticket that the function has refused, unless another has taken its place."""
        self._tickets = {at: kept for at, kept in self._tickets.items() if kept is not ticket}

    def __reduce__(self) -> tuple[type[KeptTickets], tuple[()]]:
        return KeptTickets, ()
