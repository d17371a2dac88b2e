"""Recipient files: public keys of identities, one a line, with names in the comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.keys import IDENTITY_PUBLIC, identity_id

from faas_seal.errors import UsageError

MOST_NAME_CHARACTERS = 80


@dataclass(frozen=True)
class Recipient:
    """An identity's public key (1,216 bytes), and whose it is, if that is known."""

    identity: bytes = field(repr=False)
    name: str = ""

    @property
    def id(self) -> str:
        """The id of the identity, 16 hexadecimal digits."""
        return identity_id(self.identity)


def read_recipients(words: Iterable[str]) -> tuple[Recipient, ...]:
    """Return the recipients that words mean: each a public key `fsip1_…`, or a file of them.

    Whoever is named twice is returned once, with the last name. Raises MalformedKey,
    and UsageError for a file that is not there.
    """
    found: dict[bytes, Recipient] = {}
    for word in words:
        if word.startswith(IDENTITY_PUBLIC.prefix):
            recipients = [Recipient(IDENTITY_PUBLIC.decode(word))]
        else:
            recipients = parse_recipients(_text(word), word)
        for recipient in recipients:
            before = found.get(recipient.identity)
            found[recipient.identity] = recipient if recipient.name or not before else before
    return tuple(found.values())


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except FileNotFoundError:
        raise UsageError(
            f"there is no file {path}",
            hint="a recipient is a public key, fsip1_…, or a file of them: "
            "who is to call prints theirs with faas-seal keygen --identity",
        ) from None


def parse_recipients(text: str, where: str) -> list[Recipient]:
    """Return the recipients in `text`, of which an error says that it is from `where`.

    A comment behind a key on its line, or else on the line above, is a name.
    """
    found = list(_parse(text, where))
    if not found:
        raise MalformedKey(
            f"{where} names no recipient",
            hint="a line for each, as faas-seal keygen --identity prints it: fsip1_…  # name",
        )
    return found


def _parse(text: str, where: str) -> Iterator[Recipient]:
    above = ""
    for number, line in enumerate(text.splitlines(), 1):
        key, mark, comment = line.partition("#")
        if key.strip():
            try:
                identity = IDENTITY_PUBLIC.decode(key.strip())
            except MalformedKey as error:
                raise MalformedKey(f"{where}, line {number}: {error}") from None
            yield Recipient(identity, _name(comment) or above)
        above = _name(comment) if mark and not key.strip() else ""


def _name(comment: str) -> str:
    # It is printed: nothing in it may move the cursor or colour the screen.
    printable = "".join(character for character in comment if character.isprintable())
    return printable.strip()[:MOST_NAME_CHARACTERS]
