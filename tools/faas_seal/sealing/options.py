"""The options of a seal: the functions, the keys, and the changes of terms that are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from faas_sealed.formats.header import KEY_ID, MAX_SLOTS

from faas_seal.errors import UsageError
from faas_seal.project.key_source import KeySource
from faas_seal.project.recipients import KnownRecipient, recipients_meant
from faas_seal.sealing.errors import ExpiryPassed, NobodyCouldOpen, NoRecipientsYet
from faas_seal.sealing.terms import Terms

# Seconds since the epoch.
Expiry = int | Literal["never"]


@dataclass(frozen=True)
class SealOptions:
    """Everything that somebody asks of one seal.

    `names` are the functions; if there are no names, all are sealed. `key` and `author_key`
    say where these keys come from, if not from the project and the user. `transport_key`
    (1,216 bytes) is the public key of a transport secret that is elsewhere. `new_author` takes
    over functions of another author. `anew` also seals functions that have not changed.

    The other options change the remembered terms of each function; None leaves a term as it
    is. `to` adds recipients, and `key_expires` is for the keys of these. `drop` removes
    recipients by name, id or public key. `new_keys` gives every recipient a new function key.
    """

    names: tuple[str, ...] = ()
    key: KeySource = field(default_factory=KeySource)
    author_key: KeySource = field(default_factory=KeySource)
    transport_key: bytes | None = field(default=None, repr=False)
    new_author: bool = False
    anew: bool = False
    to: tuple[KnownRecipient, ...] = ()
    drop: tuple[str, ...] = ()
    key_expires: Expiry | None = None
    expires: Expiry | None = None
    own_key: bool | None = None
    transport: bool | None = None
    new_keys: bool = False

    def without_changes(self) -> SealOptions:
        """Return these options for the seals that follow: they change no terms.

        The first seal remembers the changes, and nobody can be dropped twice.
        """
        return SealOptions(
            self.names,
            self.key,
            self.author_key,
            self.transport_key,
            new_author=self.new_author,
            anew=self.anew,
        )

    def terms_for(self, function: str, before: Terms) -> Terms:
        """Return the terms of a function after the changes that are asked for.

        Raises UsageError for terms that make no sense.
        """
        if self.new_keys and not before.recipients:
            raise NoRecipientsYet(function)
        recipients = {recipient.id: recipient for recipient in before.recipients}
        for asked in self.to:
            known = recipients.get(asked.id, asked)
            expires = known.expires if self.key_expires is None else _time(self.key_expires)
            recipients[asked.id] = replace(known, name=asked.name or known.name, expires=expires)
        for word in self.drop:
            for id in _meant(word, recipients.values()):
                del recipients[id]
        own_key = before.own_key if self.own_key is None else self.own_key
        if not own_key and not recipients:
            raise NobodyCouldOpen(function)
        if len(recipients) + own_key > MAX_SLOTS:
            raise UsageError(f"a sealed file opens with at most {MAX_SLOTS} keys")
        if self.new_keys or not own_key:  # a project without a key of its own keeps no keys
            recipients = {id: replace(r, function_key=None) for id, r in recipients.items()}
        expires = before.expires if self.expires is None else _time(self.expires)
        if expires is not None and expires <= time.time():
            raise ExpiryPassed(function)
        transport = before.transport if self.transport is None else self.transport
        return Terms(tuple(recipients.values()), expires, own_key, transport)


def _time(expiry: Expiry) -> int | None:
    return None if expiry == "never" else expiry


def _meant(word: str, recipients: Iterable[KnownRecipient]) -> list[str]:
    """Return the ids of the recipients that a word means. Raises UsageError if it means nobody."""
    known = list(recipients)
    found = [recipient.id for recipient in recipients_meant(word, known)]
    if not found:
        key = ": that is the id of a key, and recipients go by that of their identity"
        raise UsageError(
            f"there is no recipient {word}{key if KEY_ID.fullmatch(word) else ''}",
            hint=f"the recipients are {', '.join(r.shown for r in known)}"
            if known
            else "there are no recipients yet",
        )
    return found
