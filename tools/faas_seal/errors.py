"""Errors of the Python API and the command, which extend the tree of the formats.

Facts that a caller may branch on are attributes. Hints here are for Python callers; the command
has hints of its own (`faas_seal.cli.hints`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from faas_sealed.formats.errors import (
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    FileRefused,
    KeyRefused,
    MalformedFile,
    MalformedKey,
    MissingKey,
    RequestFailed,
    SealError,
    WrongSignature,
)

# What was asked for.


class UsageError(SealError):
    """A request that makes no sense, or names something that does not exist."""

    exit_code = EXIT_USAGE


class UnknownFunction(UsageError):
    """A name that the stack file does not have.

    `function` is that name, `known` are the names that the stack file has.
    """

    def __init__(
        self, message: str = "", *, function: str = "", known: Iterable[str] = (), hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.function = function
        self.known = tuple(known)


class NoFunctions(UsageError):
    """A stack file in which no function is built from our template."""


class UnnamedFunction(UsageError):
    """An address that does not name its function. `address` is that address."""

    def __init__(self, message: str = "", *, address: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.address = address


class UnknownAuthor(UsageError):
    """A sealed file whose author nobody has named."""


class UnknownTransportKey(UsageError):
    """Bodies that are to travel sealed to a function whose transport key is not known."""


class LifetimeRefused(UsageError):
    """A lifetime that no token may have.

    `longest` is the longest that it may be, in seconds, for a token that is `bound` to one
    request, or for one that is not.
    """

    def __init__(
        self, message: str = "", *, bound: bool = True, longest: int = 0, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.bound = bound
        self.longest = longest


class UnknownKeyForAddress(UsageError):
    """An address that names no function, when no key was given for it either."""


class IdentityWithoutFile(UsageError):
    """An identity that was given without the sealed file whose slot it opens."""


# Stack file, source and programs.


class StackFileRefused(SealError):
    """A stack file that cannot be read, or cannot be edited without changing its meaning.

    `path` is the stack file, where that is known.
    """

    def __init__(self, message: str = "", *, path: Path | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class StackFileMissing(StackFileRefused):
    """A stack file that does not exist."""


class StackFileEmpty(StackFileRefused):
    """A file that is YAML but no stack file: it has no functions."""


class SourceRefused(SealError):
    """A source folder that cannot be sealed as it is."""


class ProgramMissing(SealError):
    """A program that is needed and is not on PATH."""


class ProgramFailed(SealError):
    """A program that was started and has failed."""


class CannotServe(SealError):
    """A function, or the local gateway, that cannot be started on this machine."""


# Keys.


class KeyFileRefused(KeyRefused):
    """A key file that cannot be used. `path` is the file."""

    def __init__(self, message: str = "", *, path: Path = Path(), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class InsecureKeyFile(KeyFileRefused):
    """A key file that other users can read.

    `changeable` says whether this user can take that away from the others with chmod.
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: Path = Path(),
        changeable: bool = True,
        hint: str = "",
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.changeable = changeable


class KeyExists(KeyFileRefused):
    """A key file that is there already: keys are never overwritten."""


class MalformedKeyFile(KeyFileRefused, MalformedKey):
    """A key file that does not hold exactly one whole key of the kind that is wanted."""


class WrongKindOfKey(MalformedKeyFile):
    """A key of another kind than the one that is wanted.

    `expected` is the prefix of the kind that is wanted. `found` is the prefix of what was given,
    or an empty string for a thing that is none of ours. `path` is the file, or empty.
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: Path = Path(),
        expected: str = "",
        found: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.expected = expected
        self.found = found


class KeyFileMissing(KeyFileRefused, MissingKey):
    """A key file that does not exist.

    `function` is the function whose key a project keeps in this file, or an empty string.
    `sealed` says whether that function has been sealed: if so, what is deployed opens with the
    lost key alone.
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: Path = Path(),
        function: str = "",
        sealed: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.function = function
        self.sealed = sealed


class FunctionKeyMissing(KeyFileMissing):
    """A project that has no key for one of its functions."""


class AuthorKeyMissing(KeyFileMissing):
    """An author's signing key that does not exist."""


class ProjectMissing(MissingKey):
    """A key that was sought in a folder without a stack file. `path` is where that should be."""

    def __init__(self, message: str = "", *, path: Path = Path(), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class HomeMissing(MissingKey):
    """A user without a home folder for keys."""


class ForeignFunction(MissingKey):
    """A function that is not one of the project, when neither its author nor its key was given."""


class NoKeyFits(MissingKey):
    """A function that is sealed to none of the keys and identities at hand."""


class KeyWouldLeak(KeyRefused):
    """A request that would show a raw function key to someone who must not see it."""


class NoTransportKey(KeyWouldLeak):
    """A function that was discovered, and to which only the raw key could be sent.

    `address` is the function's. Whoever is on the way could show an old header without a
    transport key.
    """

    def __init__(self, message: str = "", *, address: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.address = address


# Sealed files.


class SealedFileMissing(FileRefused):
    """A sealed file that does not exist. `path` is where it was expected."""

    def __init__(self, message: str = "", *, path: Path = Path(), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class SealedFileRefused(FileRefused):
    """A sealed file that is not what its author signed.

    `path` is the file. If a function has shown the signed lines of its sealed file, `address` is
    the function's. For bytes from elsewhere they are None and an empty string.
    """

    def __init__(self, message: str = "", *, path: Path | None = None, address: str = "") -> None:
        hint = "" if path is None else "fetch the file again, or seal it anew if it is yours"
        if address:
            message = f"{address} does not show a sealed file of the expected author: {message}"
            hint = (
                "is that the function's address, and is that its author? "
                "Their stack file has the public key as seal_author"
            )
        super().__init__(message, hint=hint)
        self.path = path
        self.address = address


class MalformedSealedFile(SealedFileRefused, MalformedFile):
    """Bytes that are no sealed file."""


class AlteredSealedFile(SealedFileRefused, WrongSignature):
    """A sealed file that was altered after its author had signed it."""


class WrongAuthor(SealedFileRefused, WrongSignature):
    """A sealed file that is whole, and signed by another author than the one expected.

    `expected` and `found` are their public keys, `fsap1_…`.
    """

    def __init__(
        self,
        message: str = "",
        *,
        expected: str = "",
        found: str = "",
        path: Path | None = None,
        address: str = "",
    ) -> None:
        super().__init__(message, path=path, address=address)
        self.expected = expected
        self.found = found


class WrongFunction(FileRefused):
    """An address where another function answers: `expected` and `found` are their names."""

    def __init__(
        self, message: str = "", *, expected: str = "", found: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.expected = expected
        self.found = found


class RolledBack(FileRefused):
    """A function that shows an older sealed file than it has shown before.

    `created` is when the file that it shows was sealed. `newest` is when the newest file that it
    has shown was sealed. Both are in seconds since the epoch. `address` is the function's.
    """

    def __init__(
        self,
        message: str = "",
        *,
        address: str = "",
        created: int = 0,
        newest: int = 0,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.address = address
        self.created = created
        self.newest = newest


# Calls.


class UnexpectedAnswer(RequestFailed):
    """An answer that is not what was asked for.

    `status` is its HTTP status, or None where no status arrived.
    """

    # The status that arrived. In the classes above, it is the status that a runtime answers with.
    status: int | None  # type: ignore[assignment,misc]

    def __init__(self, message: str = "", *, status: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnsealedAnswer(UnexpectedAnswer):
    """An answer that should have come sealed and did not: anyone on the way may have written it.

    `error` is the runtime's error that it claims to be, or None. `reference` is the call id that
    it brings, and `trace` the sealed trace `fse1_…`; each may be an empty string.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        error: type[SealError] | None = None,
        reference: str = "",
        trace: str = "",
    ) -> None:
        super().__init__(message, status=status)
        self.error = error
        self.reference = reference
        self.trace = trace


class Unreachable(SealError):
    """An address where nobody answers. `address` is that address."""

    exit_code = EXIT_UNREACHABLE

    def __init__(self, message: str = "", *, address: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.address = address


class GatewayRefused(SealError):
    """A failure of the gateway to do what it was asked."""
