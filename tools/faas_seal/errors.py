"""What the command refuses or fails to do, beside the tree of the formats."""

from __future__ import annotations

from faas_sealed.formats.errors import (
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    KeyRefused,
    RequestFailed,
    SealError,
)


class UsageError(SealError):
    """A command line that asks for something that does not exist or makes no sense."""

    exit_code = EXIT_USAGE


class StackFileRefused(SealError):
    """A stack file that cannot be read, or not be edited without changing its meaning."""


class ProgramMissing(SealError):
    """A program that this needs and that is not on PATH."""


class ProgramFailed(SealError):
    """A program that this started and that has failed."""


class CannotServe(SealError):
    """A function that cannot be started on this machine, or a gateway that cannot."""


class SourceRefused(SealError):
    """A source folder that cannot be sealed as it is."""


class InsecureKeyFile(KeyRefused):
    """A key file that others can read."""


class KeyExists(KeyRefused):
    """A key file that is there already: keys are never overwritten."""


class KeyWouldLeak(KeyRefused):
    """A request that would show a raw function key to someone who must not see it."""


class GatewayRefused(SealError):
    """What the gateway was asked to do, and has not done."""


class UnexpectedAnswer(RequestFailed):
    """An answer of the handler or the gateway that is not a success."""


class Unreachable(SealError):
    """No answer at all."""

    exit_code = EXIT_UNREACHABLE
