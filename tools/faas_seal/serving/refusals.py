"""What the local gateway refuses or fails to do.

Those with a status are answered as plain text, as the gateway and the watchdog do: a
problem document would claim that the runtime had said it.
"""

from __future__ import annotations

from faas_sealed.formats.errors import RequestFailed, SealError


class CannotServe(SealError):
    """A function, or the gateway itself, that cannot be started."""


class UnknownPath(RequestFailed):
    status = 404


class MethodNotAllowed(RequestFailed):
    status = 405


class RequestTooLarge(RequestFailed):
    """The queue's own limit; the gateway reports that as a failure of its own."""

    status = 500


class RuntimeDown(RequestFailed):
    status = 502


class QueueFull(RequestFailed):
    status = 503
    headers = (("Retry-After", "1"),)


class TimedOut(RequestFailed):
    """`exec_timeout` has passed and the runtime has not answered."""

    status = 504


class ClientGone(RequestFailed):
    """The client hung up before its answer was ready: there is nobody to tell."""
