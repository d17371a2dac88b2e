"""The ticket of one credential, kept in memory for the calls that follow."""

from __future__ import annotations

import time

from faas_sealed.formats.ticket import Ticket, accept_ticket


class KeptTicket:
    """The ticket that a key token has brought, once one has.

    Threads and forked processes may share it. It changes in one step and needs no lock, which a
    fork could leave locked. Copies and pickles are empty, so that no ticket reaches a disk.
    """

    def __init__(self) -> None:
        self._ticket: Ticket | None = None

    def take(self, exp: int) -> Ticket | None:
        """Return the ticket, if there is one that is good until `exp`, in seconds since the epoch.

        So a token never lives shorter because of its ticket.
        """
        ticket = self._ticket
        return ticket if ticket is not None and exp <= ticket.texp else None

    def keep(self, text: str, resume: bytes) -> None:
        """Keep the ticket in `fsxt1_…`, if it is one for `resume` (32 bytes); else do nothing."""
        try:
            self._ticket = accept_ticket(text, resume, time.time())
        except ValueError:
            return

    def drop(self, ticket: Ticket) -> None:
        """Forget a ticket that the function has refused, unless another has taken its place."""
        if self._ticket is ticket:
            self._ticket = None

    def __reduce__(self) -> tuple[type[KeptTicket], tuple[()]]:
        return KeptTicket, ()
