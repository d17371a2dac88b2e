"""Sealed files of one author, as they are deployed, and what functions say of them."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats import errors
from faas_sealed.formats.bundle import pack
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.file import Recipient, SealedFile, seal
from faas_sealed.formats.grant import grant
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import AUTHOR_PUBLIC, IDENTITY_SEED, author_public
from faas_sealed.formats.primitives import context
from faas_sealed.formats.token import KeyToken, open_token
from faas_sealed.formats.wire import DISCOVERY_PATH, KEY_HEADER, PROBLEM_TYPE

from tests.command.servers import Answer, Request
from tests.support import Function, wait_until

# The author's signing seed, two transport seeds, and that of an identity.
SEED, ONE, TWO, MINE = (bytes([number] * 32) for number in range(4))
AUTHOR = AUTHOR_PUBLIC.encode(author_public(SEED))
ECHO = {"handler.py": "def handle(event, context):\n    return event.body\n"}


def sealed(
    *keys: bytes,
    created: int = 5,
    function: str = "tested",
    expires: int | None = None,
    transport: bytes | None = ONE,
    to: bytes | None = None,
    to_expires: int | None = None,
) -> SealedFile:
    """Return the sealed file of ECHO for keys; with `to`, the last is sealed to that identity."""
    recipients = list(map(Recipient, keys))
    if to is not None:
        own = grant(keys[-1], PrivateKey(to).public, context(function, author_public(SEED)))
        recipients[-1] = Recipient(keys[-1], to_expires, own)
    return seal(
        pack({name: text.encode() for name, text in ECHO.items()}),
        function=function,
        seed=SEED,
        recipients=recipients,
        created=created,
        expires=expires,
        transport=None if transport is None else PrivateKey(transport).public,
    )


def token_in(request: Request, function: str = "tested") -> KeyToken:
    """Return the key token that a server was sent, sealed to the transport key ONE."""
    return open_header(request.headers[KEY_HEADER.lower()], function)


def open_header(text: str, function: str = "tested") -> KeyToken:
    """Return the key token in `fsx1_…`, sealed to the transport key ONE."""
    return open_token(text, PrivateKey(ONE), context(function, author_public(SEED)))


def push(function: Function, file: SealedFile) -> None:
    """Have the function serve another file, and wait until it does."""
    (function.folder / "function.sealed").write_bytes(file.serialise())
    wait_until(
        lambda: function.request(DISCOVERY_PATH, key=None).body == file.lines,
        "the new file is served",
    )


def problem(error: type[SealError]) -> Answer:
    return Answer(error.status, {"Content-Type": PROBLEM_TYPE}, errors.problem(error, "call"))


def write_identity(path: Path) -> Path:
    """Write the key file of the identity MINE."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(IDENTITY_SEED.encode(MINE))
    path.chmod(0o600)
    return path
