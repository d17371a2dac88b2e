"""Errors of sealing, with their facts as attributes. The command makes hints from the facts."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import KeyRefused, MalformedFile, MissingKey, WrongSignature

from faas_seal.errors import UsageError


class DamagedTerms(KeyRefused):
    """Remembered terms of a function that cannot be understood."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} is damaged: {problem}")
        self.path = path


class NobodyCouldOpen(UsageError):
    """Terms that have neither recipients nor a key of the project's own."""

    def __init__(self, function: str) -> None:
        super().__init__(f"nobody could open {function}")
        self.function = function


class NoRecipientsYet(UsageError):
    """A function without recipients, when new keys for its recipients were asked for."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function} has no recipients who could get new keys")
        self.function = function


class ExpiryPassed(UsageError):
    """A seal with an expiry time that has passed."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function} is sealed with an expiry time that has passed")
        self.function = function


class RecipientsOnly(UsageError):
    """A function key that was given for a function which only its recipients can open."""

    def __init__(self, function: str) -> None:
        super().__init__(
            f"{function} is sealed to its recipients alone, and a function key was given"
        )
        self.function = function


class TransportSecretMissing(MissingKey):
    """A transport secret that the stack file names, and whose file the project does not have."""

    def __init__(self, stack: str, function: str, secret: str, path: Path) -> None:
        super().__init__(
            f"{stack} names the transport secret {secret} for {function}, but {path} does not exist"
        )
        self.function = function
        self.secret = secret
        self.path = path


class NotTheAuthor(WrongSignature):
    """A function that belongs to another author. `author` is their public key, `fsap1_…`."""

    def __init__(self, function: str, author: str) -> None:
        super().__init__(
            f"{function} belongs to the author {author}, whose signing key is not yours"
        )
        self.function = function
        self.author = author


class NoAuthorNamed(UsageError):
    """A function whose author neither the command nor the stack file names."""

    def __init__(self, function: str) -> None:
        super().__init__(f"the stack file does not say who signs {function}")
        self.function = function


class NoSignature(MalformedFile):
    """A file that holds no signature."""

    def __init__(self, path: Path, unsigned: Path) -> None:
        super().__init__(f"{path} holds no signature")
        self.path = path
        self.unsigned = unsigned


class ForAnotherAuthor(WrongSignature):
    """An unsigned file that another author has to sign. `author` is their public key."""

    def __init__(self, path: Path, author: str) -> None:
        super().__init__(f"{path} is for another author to sign: {author}")
        self.path = path
        self.author = author
