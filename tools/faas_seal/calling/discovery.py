"""What a function says of itself without a key: the signed lines of its sealed file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from faas_sealed.formats.errors import FileRefused, FunctionExpired, SealError, UnknownKey
from faas_sealed.formats.file import MAX_HEADER_BYTES, verify_lines
from faas_sealed.formats.grant import open_grant
from faas_sealed.formats.header import Header, Slot
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import AUTHOR_PUBLIC, identity_id, key_id
from faas_sealed.formats.wire import DISCOVERY_PATH

from faas_seal.calling.addresses import base_address, check_address, function_in
from faas_seal.calling.sessions import session_to
from faas_seal.errors import UnexpectedAnswer, Unreachable, UsageError
from faas_seal.project.files import Replacement, replace_together
from faas_seal.project.keystore import private_folder
from faas_seal.project.signatures import signed_by

TIMEOUT_SECONDS = 10

# Magic and signature are beside the header.
_MAX_BYTES = MAX_HEADER_BYTES + 1024
_MAX_REMEMBERED = 1000


class Seen:
    """The newest seal that each function was seen with, so that nobody can go back behind it.

    Kept in the file at `path`, or else in this object alone. The oldest of very many are
    forgotten.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._times: dict[str, int] = {}

    def check(self, address: str, header: Header) -> None:
        """Remember `created` of what is at an address, or raise FileRefused if newer was seen."""
        times = self._read()
        where = f"{address} {AUTHOR_PUBLIC.encode(header.author)}"
        newest = times.pop(where, 0)
        if header.created < newest:
            raise FileRefused(
                f"{address} says that it was sealed at {header.created}, and has been seen "
                f"sealed at {newest}: somebody has put an old file there",
                hint=f"if that is meant, take the address out of {self._path}"
                if self._path
                else "if that is meant, begin with a new FunctionKey",
            )
        times[where] = header.created
        if header.created > newest:
            self._write(dict(list(times.items())[-_MAX_REMEMBERED:]))

    def _read(self) -> dict[str, int]:
        if self._path is None or not self._path.exists():
            return dict(self._times)
        try:
            times = json.loads(self._path.read_bytes())
        except ValueError:
            times = None
        if not isinstance(times, dict) or not all(type(time) is int for time in times.values()):
            raise SealError(
                f"{self._path} is damaged: it tells which seals of functions were seen",
                hint=f"rm {self._path}, and old files are no longer told from new ones",
            )
        return times

    def _write(self, times: dict[str, int]) -> None:
        self._times = times
        if self._path is not None:
            private_folder(self._path.parent)
            data = json.dumps(times, indent=1).encode() + b"\n"
            replace_together([Replacement(self._path, data, self._path.parent)])


@dataclass(frozen=True)
class Discovery:
    """A function to ask: where it is, its name, and whose signature it must bear.

    `session` asks, where it is not to be one of its own.
    """

    address: str
    function: str
    author: bytes
    seen: Seen
    session: requests.Session | None = None

    @classmethod
    def of(
        cls,
        url: str,
        author: bytes,
        *,
        function: str = "",
        seen: Seen,
        session: requests.Session | None = None,
    ) -> Discovery:
        """Return the function that `url` is of, or raise UsageError if nothing names it."""
        check_address(url)
        name = function or function_in(url)
        if not name:
            raise UsageError(
                f"{url} does not name a function",
                hint="say which it is: --function NAME, or function= in Python",
            )
        return cls(base_address(url), name, author, seen, session)

    def look(self) -> Header:
        """Return what the function's author has signed of it.

        Raises FileRefused for what is altered, older than before, or of another author or
        function, FunctionExpired, Unreachable, and UnexpectedAnswer where discovery is
        turned off.
        """
        header = self._verified(self._ask())
        if header.function != self.function:
            raise FileRefused(
                f"{self.address} is the function {header.function}, expected {self.function}",
                hint="is that the function's address?",
            )
        if header.expires is not None and time.time() >= header.expires:
            raise FunctionExpired
        self.seen.check(self.address, header)
        return header

    def _verified(self, lines: bytes) -> Header:
        try:
            return signed_by(self.author, lines, verify_lines)
        except FileRefused as error:
            raise type(error)(
                f"asked what it is, {self.address} does not show its author's signature: {error}",
                hint="is that the function's address, and --author its author's public key? "
                "Their stack file has that as seal_author",
            ) from None

    def _ask(self) -> bytes:
        session = self.session or session_to(self.address)
        try:
            with session.get(
                self.address + DISCOVERY_PATH,
                auth=_without_key,
                allow_redirects=False,
                stream=True,
                timeout=TIMEOUT_SECONDS,
            ) as response:
                if response.status_code != requests.codes.ok:
                    raise UnexpectedAnswer(
                        f"{self.address} does not say what it is: status {response.status_code}",
                        hint="is that the function's address, and seal_discovery not off?",
                    )
                data = b""
                for piece in response.iter_content(2**16):
                    data += piece
                    if len(data) > _MAX_BYTES:
                        raise FileRefused(f"{self.address} says more than a sealed file's lines")
                return data
        except requests.RequestException:
            raise Unreachable(
                f"nobody answers at {self.address}",
                hint="is the gateway up, and the address right?",
            ) from None
        finally:
            if self.session is None:
                session.close()


def has_slot(header: Header, function_key: bytes) -> bool:
    """Tell whether a function key (32 bytes) has a slot in a sealed file."""
    wanted = key_id(function_key)
    return any(slot.id == wanted for slot in header.slots)


def check_key(header: Header, function_key: bytes) -> bytes:
    """Return a function key (32 bytes) that has a slot in a sealed file, or raise UnknownKey."""
    if not has_slot(header, function_key):
        raise UnknownKey(
            f"{header.function} is not sealed with the key {key_id(function_key)}",
            hint="is it the key of this function, and of this author's?",
        )
    return function_key


def slot_of(header: Header, identity: PrivateKey) -> Slot | None:
    """Return the slot that is sealed to an identity, not one that has expired, or None."""
    wanted, now = identity_id(identity.public), time.time()
    for slot in header.slots:
        if slot.to and slot.to.id == wanted and (slot.expires is None or now < slot.expires):
            return slot
    return None


def key_for(header: Header, identity: PrivateKey) -> bytes:
    """Return the function key (32 bytes) that is sealed to an identity, or raise UnknownKey."""
    slot = slot_of(header, identity)
    if slot is None or slot.to is None:
        raise UnknownKey(
            f"{header.function} is not sealed to the identity {identity_id(identity.public)}",
            hint="its author seals it to your public key, fsip1_…",
        )
    key = open_grant(slot.to, identity, header.context)
    if key_id(key) != slot.id:
        raise UnknownKey("the slot holds another key than it says")
    return key


def _without_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for the session's own auth, and for what `.netrc` has."""
    return request
