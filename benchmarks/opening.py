"""The cost of the cryptography in a request, step by step."""

from __future__ import annotations

import os
import time
import timeit
from collections.abc import Callable

from faas_sealed.formats.bundle import pack
from faas_sealed.formats.file import Recipient, seal
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.stream import CHUNK_BYTES, Head, Opener, Sealer, request_key
from faas_sealed.formats.ticket import (
    accept_ticket,
    grant_ticket,
    open_resumed,
    seal_resumed,
    ticket_root,
)
from faas_sealed.formats.token import KeyToken, open_token, seal_token

REPEAT = 5


def costs() -> dict[str, float]:
    """Return the microseconds that each step takes: the least of a few series of many runs."""
    key, seed, session, resume, bind = (os.urandom(32) for _ in range(5))
    transport_seed = os.urandom(32)
    transport, root = PrivateKey(transport_seed), ticket_root(transport_seed)
    sealed = seal(
        pack({"handler.py": b"def handle(event, context):\n    return 'x'\n"}),
        function="bench",
        seed=seed,
        recipients=[Recipient(key)],
        created=1,
        transport=transport.public,
    )
    context, now = sealed.header.context, time.time()
    exp = int(now) + 3600
    token = KeyToken(key, exp, bind)
    text, raw = seal_token(token, transport.public, context), FUNCTION_KEY.encode(key)
    ticket = accept_ticket(grant_ticket(root, key, resume, exp, context), resume, now)
    resumed = seal_resumed(ticket, exp, context, bind=bind)
    sealer = Sealer(request_key(session))
    begin, frame = sealer.start(Head(())), os.urandom(CHUNK_BYTES)
    first = sealer.frame(frame)

    def open_frame() -> None:
        Opener(request_key(session)).feed(begin + first)

    steps: dict[str, Callable[[], object]] = {
        "a caller makes a key token": lambda: seal_token(token, transport.public, context),
        "a caller makes a resumed token": lambda: seal_resumed(ticket, exp, context, bind=bind),
        "a worker opens a key token": lambda: open_token(text, transport, context),
        "it opens a resumed token": lambda: open_resumed(resumed, root, context),
        "it reads a raw key": lambda: FUNCTION_KEY.decode(raw),
        "it grants a ticket": lambda: grant_ticket(root, key, resume, exp, context),
        "it unwraps the content key": lambda: sealed.content_key(key, now),
        "it opens a frame of 64 KiB": open_frame,
        "it seals one": lambda: sealer.frame(frame),
    }
    return {name: _microseconds(step) for name, step in steps.items()}


def _microseconds(step: Callable[[], object]) -> float:
    timer = timeit.Timer(step)
    count, _ = timer.autorange()
    return min(timer.repeat(REPEAT, count)) / count * 1e6
