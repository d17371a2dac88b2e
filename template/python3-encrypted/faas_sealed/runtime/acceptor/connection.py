"""A client's connection, as the acceptor holds it."""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(eq=False)
class Connection:
    """A connection that is parked, waits for a worker, is held by a worker, or closes.

    `readable_since` is in nanoseconds of CLOCK_MONOTONIC, `give_up_at` in seconds of it.
    """

    socket: socket.socket
    number: int  # from 1 to 2³² - 1
    readable_since: int = 0
    needs_fresh_worker: bool = False
    give_up_at: float = 0.0
    parked: bool = True
