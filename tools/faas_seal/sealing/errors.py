"""Errors of sealing, with the facts as attributes. The command makes its hints of these."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.errors import KeyRefused, MalformedFile, MissingKey, WrongSignature

from faas_seal.errors import UsageError


class DamagedTerms(KeyRefused):
    """The remembered terms of a function cannot be understood."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} is damaged: {problem}")
        self.path = path


class NobodyCouldOpen(UsageError):
    """The terms that are asked for have neither recipients nor a key of the project's own."""

    def __init__(self, function: str) -> None:
        super().__init__(f"nobody could open {function}")
        self.function = function


class NoRecipientsYet(UsageError):
    """New keys are asked for the recipients of a function that has no recipients."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function} has no recipients whose keys could be new")
        self.function = function


class ExpiryPassed(UsageError):
    """A function is sealed with an expiry time that has passed."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function} is sealed with an expiry time that has passed")
        self.function = function


class RecipientsOnly(UsageError):
    """A function key was given for a function that only its recipients can open."""

    def __init__(self, function: str) -> None:
        super().__init__(
            f"{function} is sealed to its recipients alone, and a function key was given"
        )
        self.function = function


class TransportSecretMissing(MissingKey):
    """The stack file names a transport secret whose file is not in the project."""

    def __init__(self, stack: str, function: str, secret: str, path: Path) -> None:
        super().__init__(
            f"{stack} names the transport secret {secret} for {function}, and {path} is not there"
        )
        self.function = function
        self.secret = secret
        self.path = path


class NotTheAuthor(WrongSignature):
    """A function belongs to another author. `author` is their public key, `fsap1_…`."""

    def __init__(self, function: str, author: str) -> None:
        super().__init__(
            f"{function} belongs to the author {author}, whose signing key is not yours"
        )
        self.function = function
        self.author = author


class NoAuthorNamed(UsageError):
    """Neither the command nor the stack file names the author who is to sign."""

    def __init__(self, function: str) -> None:
        super().__init__(f"the stack file does not say who signs {function}")
        self.function = function


class NoSignature(MalformedFile):
    """A file holds no signature."""

    def __init__(self, path: Path, unsigned: Path) -> None:
        super().__init__(f"{path} holds no signature")
        self.path = path
        self.unsigned = unsigned


class ForAnotherAuthor(WrongSignature):
    """An unsigned file is for another author to sign. `author` is that one's public key."""

    def __init__(self, path: Path, author: str) -> None:
        super().__init__(f"{path} is for the author {author}")
        self.path = path
        self.author = author
