"""The terms of a function: who can open it and until when, as `seal` remembers them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import FUNCTION_KEY, IDENTITY_PUBLIC

from faas_seal.project.keystore import read_private
from faas_seal.project.recipients import KnownRecipient
from faas_seal.sealing.errors import DamagedTerms

# The name that this member has had since the first version of the file.
_RECIPIENTS = "invokers"


@dataclass(frozen=True)
class Terms:
    """Who can open a function, until when, and whether it takes key tokens (`transport`).

    `own_key` tells whether the project's own function key opens it. `expires` is in seconds
    since the epoch.
    """

    recipients: tuple[KnownRecipient, ...] = ()
    expires: int | None = None
    own_key: bool = True
    transport: bool = True

    @classmethod
    def load(cls, path: Path) -> Terms:
        """Read the remembered terms, or return those of a new function if there is no file.

        Raises DamagedTerms, and KeyRefused for a file that others can read.
        """
        if not path.exists():
            return cls()
        text = read_private(path)
        try:
            members = json.loads(text)
            return cls(
                tuple(map(_recipient, members[_RECIPIENTS])),
                members["expires"],
                members["own_key"],
                members["transport"],
            )
        except (ValueError, LookupError, TypeError) as error:
            raise DamagedTerms(path, type(error).__name__) from None
        except SealError as error:
            raise DamagedTerms(path, str(error)) from None

    def serialise(self) -> bytes:
        """Return the JSON that `load` reads. It is a secret: function keys are in it."""
        members = {
            _RECIPIENTS: [_members(recipient) for recipient in self.recipients],
            "expires": self.expires,
            "own_key": self.own_key,
            "transport": self.transport,
        }
        return (json.dumps(members, indent=1) + "\n").encode()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the recipients' identities."""
        return frozenset(recipient.id for recipient in self.recipients)

    def name_of(self, identity: str) -> str:
        """Return the name of the identity with this id, or an empty string."""
        return next((known.name for known in self.recipients if known.id == identity), "")


def _recipient(members: dict[str, Any]) -> KnownRecipient:
    key = members["key"]
    return KnownRecipient(
        IDENTITY_PUBLIC.decode(members["identity"]),
        members["name"],
        members["expires"],
        None if key is None else FUNCTION_KEY.decode(key),
    )


def _members(recipient: KnownRecipient) -> dict[str, object]:
    key = recipient.function_key
    return {
        "name": recipient.name,
        "identity": IDENTITY_PUBLIC.encode(recipient.identity),
        "expires": recipient.expires,
        "key": None if key is None else FUNCTION_KEY.encode(key),
    }
