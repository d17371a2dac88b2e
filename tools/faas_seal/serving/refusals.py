"""The errors that the local gateway answers with.

They are sent as plain text, as gateway and watchdog send theirs: a problem document would
claim to come from the runtime.
"""

from __future__ import annotations

from faas_sealed.formats.errors import RequestFailed


class UnknownPath(RequestFailed):
    status = 404


class MethodNotAllowed(RequestFailed):
    status = 405


class ExpectationFailed(RequestFailed):
    status = 417


class HeadTooLong(RequestFailed):
    status = 431


class CodingNotImplemented(RequestFailed):
    status = 501


class VersionNotSupported(RequestFailed):
    status = 505


class RequestTooLarge(RequestFailed):
    """A body above the queue's limit, which OpenFaaS's gateway reports with status 500."""

    status = 500


class RuntimeDown(RequestFailed):
    status = 502


class QueueFull(RequestFailed):
    status = 503
    headers = (("Retry-After", "1"),)


class TimedOut(RequestFailed):
    """The runtime has not answered within `exec_timeout`."""

    status = 504


class ClientGone(RequestFailed):
    """The client hung up before its answer was complete, so nobody gets this error."""
