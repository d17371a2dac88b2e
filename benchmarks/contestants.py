"""The contestants: the same handler behind different servers."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from faas_sealed.formats.bundle import pack
from faas_sealed.formats.file import Recipient, seal
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, TRANSPORT_SEED
from faas_sealed.formats.stream import Head, Opener, request_key, response_key, seal_pieces
from faas_sealed.formats.ticket import accept_ticket, grant_ticket, seal_resumed, ticket_root
from faas_sealed.formats.token import KeyToken, request_binding, seal_token

HERE = Path(__file__).parent
TEMPLATE = HERE.parent / "template" / "python3-encrypted"
ISOLATIONS = ("burst", "request")
# The one port that the official template knows.
OFFICIAL_PORT = 5000
FUNCTION = "bench"
QUERY = "name=you"
# wrk presents the same token each time, and a worker opens it each time.
LIFETIME_SECONDS = 24 * 3600


def _as_it_is(body: bytes) -> bytes:
    return body


@dataclass(frozen=True)
class Contestant:
    """A server: its command, its environment, its port, and the request that it gets.

    With a `body` the request is a POST. `read` turns the body of an answer into what the
    handler has said.
    """

    name: str
    command: tuple[str, ...]
    port: int
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    header: str = "X-Function-Key: none"
    body: bytes = field(default=b"", repr=False)
    read: Callable[[bytes], bytes] = _as_it_is


def contestants(folder: Path, port: int) -> list[Contestant]:
    """Return all contestants that can run here; they keep their files in `folder`.

    The others are compared with the first.
    """
    plain = Contestant(
        "Flask and waitress",
        (sys.executable, "-m", "benchmarks.plain", str(port)),
        port,
        folder,
        {"PYTHONPATH": str(HERE.parent)},
    )
    official = [_official(folder, given)] if (given := official_template()) else []
    return [plain, *official, *_ours(folder, port)]


def official_template() -> Path | None:
    """Return the folder of the official python3-http, if `PYTHON3_HTTP` names it."""
    given = os.environ.get("PYTHON3_HTTP")
    return Path(given) if given else None


def _official(folder: Path, template: Path) -> Contestant:
    program = folder / "official"
    (program / "function").mkdir(parents=True)
    shutil.copy(template / "index.py", program)
    (program / "function" / "__init__.py").touch()
    shutil.copy(HERE / "handler.py", program / "function")
    return Contestant(template.name, (sys.executable, "index.py"), OFFICIAL_PORT, program)


def _ours(folder: Path, port: int) -> list[Contestant]:
    seed, key, transport = (os.urandom(32) for _ in range(3))
    public = PrivateKey(transport).public
    sealed = seal(
        pack({"handler.py": (HERE / "handler.py").read_bytes()}),
        function=FUNCTION,
        seed=seed,
        recipients=[Recipient(key)],
        created=int(time.time()),
        transport=public,
    )
    file, secret = folder / "function.sealed", folder / "transport"
    file.write_bytes(sealed.serialise())
    secret.write_text(TRANSPORT_SEED.encode(transport))
    context, session = sealed.header.context, os.urandom(32)

    exp = int(time.time()) + LIFETIME_SECONDS

    def token(method: str, session: bytes | None = None) -> str:
        return seal_token(KeyToken(key, exp, _binding(method), session), public, context)

    def resumed() -> str:
        resume = os.urandom(32)
        granted = grant_ticket(ticket_root(transport), key, resume, exp, context)
        ticket = accept_ticket(granted, resume, exp)
        return seal_resumed(ticket, exp, context, bind=_binding("GET"))

    def ours(name: str, isolation: str, presented: str) -> Contestant:
        return Contestant(
            name,
            (sys.executable, str(TEMPLATE / "index.py")),
            port,
            folder,
            {
                "seal_author": AUTHOR_PUBLIC.encode(sealed.header.author),
                "seal_file": str(file),
                "seal_transport": str(secret),
                "seal_isolation": isolation,
            },
            f"X-Function-Key: {presented}",
        )

    raw = [ours(isolation, isolation, FUNCTION_KEY.encode(key)) for isolation in ISOLATIONS]
    return [
        *raw,
        ours("burst, key token", "burst", token("GET")),
        ours("burst, resumed token", "burst", resumed()),
        replace(
            ours("burst, sealed bodies", "burst", token("POST", session)),
            body=b"".join(seal_pieces(request_key(session), Head(()), [])),
            read=partial(_opened, response_key(session)),
        ),
    ]


def _binding(method: str) -> bytes:
    return request_binding(method, "/", QUERY.encode(), hashlib.sha256().digest())


def _opened(key: bytes, body: bytes) -> bytes:
    opener = Opener(key)
    return b"".join(opener.feed(body))
