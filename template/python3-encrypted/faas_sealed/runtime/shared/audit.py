"""The audit: one line of JSON about each request that asked for the function."""

from __future__ import annotations

import json
import os
from contextlib import suppress

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.header import Header
from faas_sealed.runtime.shared.log import timestamp


def entry(
    header: Header,
    *,
    call_id: str,
    key_id: str | None,
    key_form: str | None,
    token_id: str | None,
    outcome: str,
    status: int,
    seconds: float,
) -> bytes:
    """Return a line, without its line feed. `docs/operations.md` explains its members.

    Nothing in it is secret: no key, no body, no path, no message.
    """
    return json.dumps(
        {
            "audit": "faas-seal/v1",
            "time": timestamp(),
            "call_id": call_id,
            "function": header.function,
            "content_id": header.content_id,
            "key_id": key_id,
            "key_form": key_form,
            "token_id": token_id,
            "outcome": outcome,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        },
        separators=(",", ":"),
    ).encode()


def refusal(
    header: Header, error: type[SealError], *, call_id: str, key_id: str | None, seconds: float
) -> None:
    """Write the line of a request that no worker has answered to its end."""
    line = entry(
        header,
        call_id=call_id,
        key_id=key_id,
        key_form=None,
        token_id=None,
        outcome=error.reason,
        status=error.status,
        seconds=seconds,
    )
    with suppress(OSError):
        os.write(2, line + b"\n")
