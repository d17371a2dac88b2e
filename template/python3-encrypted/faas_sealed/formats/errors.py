"""The one tree of errors.

A class says what its error means everywhere it can appear: `reason` names it,
`status` is its HTTP status (RFC 9110, section 15), `exit_code` the exit status of
`faas-seal`. `title` and `detail` are the fixed texts of its problem document (RFC 9457);
they never contain input. The message of an exception is for the person at the command
line, and never contains a secret.
"""

from __future__ import annotations

import json
import sys
from typing import ClassVar

from faas_sealed.formats.wire import ERROR_TYPE, KEY_HEADER

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_KEY = 3
EXIT_FILE = 4
EXIT_FUNCTION = 5
EXIT_UNREACHABLE = 6


class SealError(Exception):
    """Anything that this project refuses or fails to do.

    `hint` is a line that a person can act on, at best one that can be typed, or an empty
    string. It is fixed when the error is made.
    """

    reason: ClassVar[str] = "failure"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = EXIT_FAILURE
    title: ClassVar[str] = "Failure"
    detail: ClassVar[str] = "The request could not be served."
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or self.detail)
        self._hint = hint
        if hint and sys.version_info >= (3, 11):  # a traceback shows it below the message
            self.add_note(f"hint: {hint}")

    @property
    def hint(self) -> str:
        return self._hint


# Keys and what they open.


class KeyRefused(SealError):
    """A key that is missing, damaged or does not open this function."""

    exit_code = EXIT_KEY


class MissingKey(KeyRefused):
    reason = "missing-key"
    status = 401
    title = "A function key is required"
    detail = f"Send a function key in the {KEY_HEADER} header."
    headers = (("WWW-Authenticate", "FunctionKey"),)


class MalformedKey(KeyRefused):
    reason = "malformed-key"
    status = 400
    title = "The function key is malformed"
    detail = f"The {KEY_HEADER} header must hold one whole, unaltered function key or key token."


class UnknownKey(KeyRefused):
    """Wrong, expired, denied and revoked keys look alike."""

    reason = "unknown-key"
    status = 403
    title = "The function key does not open this function"
    detail = "The key is well-formed but does not open this function."


class ExpiredToken(KeyRefused):
    reason = "expired-token"
    status = 403
    title = "The key token has expired"
    detail = "Make a new key token for this request."


class TokenMismatch(KeyRefused):
    reason = "token-mismatch"
    status = 403
    title = "The key token is for another request"
    detail = "The token's method, path, query or body is not this request's."


class RawKeyRefused(KeyRefused):
    reason = "raw-key-refused"
    status = 403
    title = "This function takes sealed key tokens only"
    detail = "Seal the function key to the function's transport key."


# The sealed file.


class FileRefused(SealError):
    """A sealed file, or the bundle in it, that breaks the rules of the format."""

    exit_code = EXIT_FILE


class MalformedFile(FileRefused):
    reason = "malformed-file"


class WrongSignature(FileRefused):
    reason = "wrong-signature"


class MalformedBundle(FileRefused):
    reason = "malformed-bundle"


class MalformedTrace(FileRefused):
    reason = "malformed-trace"


class FunctionExpired(FileRefused):
    reason = "function-expired"
    status = 410
    title = "The function has expired"
    detail = "The author must seal this function again."


# One request.


class RequestFailed(SealError):
    """A request that the function did not answer as the caller meant it."""

    exit_code = EXIT_FUNCTION


class MalformedRequest(RequestFailed):
    reason = "malformed-request"
    status = 400
    title = "The request is malformed"
    detail = "The request breaks the rules of HTTP/1.1."


class HeadTooLarge(RequestFailed):
    reason = "head-too-large"
    status = 431
    title = "The request's headers are too large"
    detail = "Request line and headers may have 1 MiB in all."


class MalformedBody(RequestFailed):
    reason = "malformed-body"
    status = 400
    title = "The request body is malformed"
    detail = "The request body ended early or breaks the rules of its encoding."


class SlowRequest(RequestFailed):
    reason = "slow-request"
    status = 408
    title = "The request did not arrive in time"
    detail = "The whole request must arrive within read_timeout."


class BodyTooLarge(RequestFailed):
    reason = "body-too-large"
    status = 413
    title = "The request body is too large"
    detail = "The body is larger than seal_max_body."


class HandlerError(RequestFailed):
    reason = "handler-error"
    status = 500
    title = "The handler failed"
    detail = "Whoever holds a function key can open the trace."


class WorkerDied(RequestFailed):
    reason = "worker-died"
    status = 502
    title = "The handler's process died"
    detail = "The process that served this request crashed, exited or was killed."


class Busy(RequestFailed):
    reason = "busy"
    status = 503
    title = "Too many requests are waiting"
    detail = "All workers are busy. Try again."
    headers = (("Retry-After", "1"),)


class NotReady(RequestFailed):
    reason = "not-ready"
    status = 503
    title = "The function is not ready"
    detail = "The function is starting. Try again."
    headers = (("Retry-After", "1"),)


class Deadline(RequestFailed):
    reason = "deadline"
    status = 504
    title = "The handler took too long"
    detail = "The handler was ended when exec_timeout had passed."


def problem(error: type[SealError] | SealError, reference: str, trace: str = "") -> bytes:
    """Return the problem document of an error: UTF-8 JSON (RFC 9457, section 3).

    `reference` is the call id; `trace` a sealed trace, for `handler-error` only.
    """
    document = {
        "type": ERROR_TYPE + error.reason,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "reference": reference,
    }
    if trace:
        document["trace"] = trace
    return json.dumps(document).encode()
