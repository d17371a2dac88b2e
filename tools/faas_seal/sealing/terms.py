"""On which terms a function is sealed, which `seal` remembers from one time to the next."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from faas_sealed.formats.errors import KeyRefused, SealError
from faas_sealed.formats.header import MAX_SLOTS
from faas_sealed.formats.keys import FUNCTION_KEY, IDENTITY_PUBLIC, identity_id

from faas_seal.errors import UsageError
from faas_seal.project.keystore import read_private
from faas_seal.project.recipients import Recipient


@dataclass(frozen=True)
class Invoker:
    """Somebody with an identity, who gets a function key of their own.

    `identity` is their public key (1,216 bytes), `function_key` 32 bytes, or None where it
    is new at each seal, `expires` in seconds since the epoch. The name is for people, and
    sealed in nowhere.
    """

    identity: bytes = field(repr=False)
    name: str = ""
    expires: int | None = None
    function_key: bytes | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """The id of the identity, 16 hexadecimal digits."""
        return identity_id(self.identity)

    @property
    def shown(self) -> str:
        """The name and id, as people read them."""
        return f"{self.name} ({self.id})" if self.name else self.id


@dataclass(frozen=True)
class Terms:
    """Who may open a function beside its author, until when, and what else was chosen.

    `own_key` is whether the project's own function key opens it, `transport` whether it
    takes key tokens. `expires` is in seconds since the epoch.
    """

    invokers: tuple[Invoker, ...] = ()
    expires: int | None = None
    own_key: bool = True
    transport: bool = True

    @classmethod
    def load(cls, path: Path) -> Terms:
        """Read what was remembered, the usual terms if that is nothing; or raise KeyRefused."""
        if not path.exists():
            return cls()
        try:
            members = json.loads(read_private(path))
            return cls(
                tuple(map(_invoker, members["invokers"])),
                members["expires"],
                members["own_key"],
                members["transport"],
            )
        except (ValueError, LookupError, TypeError) as error:
            raise _damaged(path, type(error).__name__) from None
        except SealError as error:
            if isinstance(error, KeyRefused) and str(path) in str(error):
                raise
            raise _damaged(path, str(error)) from None

    def serialise(self) -> bytes:
        """Return what `load` reads: JSON with function keys in it, a secret."""
        members = {
            "invokers": [_members(invoker) for invoker in self.invokers],
            "expires": self.expires,
            "own_key": self.own_key,
            "transport": self.transport,
        }
        return (json.dumps(members, indent=1) + "\n").encode()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the invokers' identities."""
        return frozenset(invoker.id for invoker in self.invokers)

    def name_of(self, identity: str) -> str:
        """Return the name of the identity with this id, or an empty string."""
        return next((invoker.name for invoker in self.invokers if invoker.id == identity), "")


@dataclass(frozen=True)
class When:
    """A time that somebody chose, in seconds since the epoch, or None for never."""

    at: int | None


@dataclass(frozen=True)
class Change:
    """What somebody wants of the terms; None leaves as it is what they were.

    `drop` are names, ids or public keys of recipients, `new_keys` gives a new function key
    to each who stays.
    """

    to: tuple[Recipient, ...] = ()
    drop: tuple[str, ...] = ()
    key_expires: When | None = None
    expires: When | None = None
    own_key: bool | None = None
    transport: bool | None = None
    new_keys: bool = False

    def of(self, terms: Terms) -> Terms:
        """Return the terms after this change, or raise UsageError."""
        invokers = {invoker.id: invoker for invoker in terms.invokers}
        for recipient in self.to:
            before = invokers.get(recipient.id, Invoker(recipient.identity))
            expires = before.expires if self.key_expires is None else self.key_expires.at
            name = recipient.name or before.name
            invokers[recipient.id] = replace(before, name=name, expires=expires)
        for word in self.drop:
            for id in _meant(word, invokers.values()):
                del invokers[id]
        own_key = terms.own_key if self.own_key is None else self.own_key
        if not own_key and not invokers:
            raise UsageError(
                "nobody could open it", hint="name recipients: --to fsip1_…, or a file of them"
            )
        if len(invokers) + own_key > MAX_SLOTS:
            raise UsageError(f"a sealed file opens with at most {MAX_SLOTS} keys")
        # Without a key of one's own none is kept here at all.
        fresh = self.new_keys or not own_key
        return Terms(
            tuple(replace(i, function_key=None) if fresh else i for i in invokers.values()),
            terms.expires if self.expires is None else self.expires.at,
            own_key,
            terms.transport if self.transport is None else self.transport,
        )


NO_CHANGE = Change()


def _meant(word: str, invokers: Iterable[Invoker]) -> list[str]:
    """Return the ids of the invokers that `word` means, of whom there must be one."""
    known = list(invokers)
    if word.startswith(IDENTITY_PUBLIC.prefix):
        word = identity_id(IDENTITY_PUBLIC.decode(word))
    found = [invoker.id for invoker in known if word in (invoker.id, invoker.name)]
    if not found:
        raise UsageError(
            f"no recipient is {word}",
            hint=f"the recipients are {', '.join(i.shown for i in known) or 'none yet'}",
        )
    return found


def _invoker(members: dict[str, Any]) -> Invoker:
    key = members["key"]
    return Invoker(
        IDENTITY_PUBLIC.decode(members["identity"]),
        members["name"],
        members["expires"],
        None if key is None else FUNCTION_KEY.decode(key),
    )


def _members(invoker: Invoker) -> dict[str, object]:
    key = invoker.function_key
    return {
        "name": invoker.name,
        "identity": IDENTITY_PUBLIC.encode(invoker.identity),
        "expires": invoker.expires,
        "key": None if key is None else FUNCTION_KEY.encode(key),
    }


def _damaged(path: Path, problem: str) -> KeyRefused:
    return KeyRefused(
        f"{path} is damaged: {problem}",
        hint="restore it from your copy, or move it away and seal with --to again: "
        "callers with an identity then get new keys",
    )
