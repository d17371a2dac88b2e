"""Recipients as a project knows them, and the files that name them, one public key on a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.hpke import checked_public
from faas_sealed.formats.keys import IDENTITY_PUBLIC, identity_id

from faas_seal.errors import UsageError
from faas_seal.project.key_text import decode_bytes, parse_key

MOST_NAME_CHARACTERS = 80
# A key id or the id of an identity, as people may type it: never a name.
_ID_FORM = re.compile(r"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{32}")


class NoRecipientFile(UsageError):
    """A file of recipients that does not exist."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no file {path}")
        self.path = path


class NoRecipients(MalformedKey):
    """A file that names no recipient. `where` is what the message calls it."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} names no recipient")
        self.where = where


@dataclass(frozen=True)
class KnownRecipient:
    """Somebody whose identity opens a function.

    `identity` is their public key (1,216 bytes). `name` is for people: no sealed file
    contains it. `expires` is in seconds since the epoch. `function_key` (32 bytes) is
    theirs alone, or None where each seal makes a new one.
    """

    identity: bytes = field(repr=False)
    name: str = ""
    expires: int | None = None
    function_key: bytes | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """The id of the identity, 32 hexadecimal digits."""
        return identity_id(self.identity)

    @property
    def shown(self) -> str:
        """The name and id, as people read them."""
        return f"{self.name} ({self.id})" if self.name else self.id


def read_recipients(words: Iterable[str]) -> tuple[KnownRecipient, ...]:
    """Return the recipients that words mean.

    Each word is a public key `fsip1_…`, or a file of such keys. Somebody who is named twice is
    returned once, with the last name. Raises MalformedKey, NoRecipientFile, and UsageError for a
    name that has the form of an id.
    """
    found: dict[bytes, KnownRecipient] = {}
    for word in words:
        if word.startswith(IDENTITY_PUBLIC.prefix):
            recipients = [KnownRecipient(checked_public(IDENTITY_PUBLIC.decode(word)))]
        else:
            recipients = parse_recipients(_text(word), word)
        for recipient in recipients:
            before = found.get(recipient.identity)
            found[recipient.identity] = recipient if recipient.name or not before else before
    return tuple(found.values())


def parse_recipients(text: str, where: str) -> list[KnownRecipient]:
    """Return the recipients in a text; errors say that it is from `where`.

    A recipient's name is the comment on the line of the key, or else on the line above. Raises
    MalformedKey, NoRecipients, and UsageError for a name that has the form of an id.
    """
    found = list(_parse(text, where))
    if not found:
        raise NoRecipients(where)
    return found


def recipients_meant(word: str, recipients: Iterable[KnownRecipient]) -> tuple[KnownRecipient, ...]:
    """Return those recipients whose identity a word means, or whose name it is.

    A word that has the form of an id is no name, whatever the recipients are called. Raises
    MalformedKey for a damaged public key.
    """
    if word.startswith(IDENTITY_PUBLIC.prefix):
        word = identity_id(IDENTITY_PUBLIC.decode(word))
    if is_id(word):
        return tuple(known for known in recipients if known.id == word.lower())
    return tuple(known for known in recipients if known.name == word)


def is_id(word: str) -> bool:
    """Tell whether a word has the form of a key id or of the id of an identity."""
    return _ID_FORM.fullmatch(word) is not None


def _text(path: str) -> str:
    try:
        return decode_bytes(Path(path).read_bytes(), IDENTITY_PUBLIC, path)
    except FileNotFoundError:
        raise NoRecipientFile(path) from None


def _parse(text: str, where: str) -> Iterator[KnownRecipient]:
    above = ""
    for number, line in enumerate(text.splitlines(), 1):
        key, mark, comment = line.partition("#")
        if key.strip():
            place = f"{where}, line {number}"
            identity = parse_key(key, IDENTITY_PUBLIC, place)
            try:
                checked_public(identity)
            except MalformedKey as error:
                raise MalformedKey(f"{place}: {error}") from None
            name = _name(comment) or above
            if is_id(name):
                raise UsageError(
                    f"{place}: the name {name} has the form of an id",
                    hint="a name is the comment beside the key, or above it: write another there",
                )
            yield KnownRecipient(identity, name)
        above = _name(comment) if mark and not key.strip() else ""


def _name(comment: str) -> str:
    # The name is printed: it must not move the cursor or colour the screen.
    printable = "".join(character for character in comment if character.isprintable())
    return printable.strip()[:MOST_NAME_CHARACTERS]
