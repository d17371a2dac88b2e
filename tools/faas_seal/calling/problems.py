"""Problem documents: the runtime's errors in its answers (RFC 9457)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import requests
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.wire import ERROR_TYPE, PROBLEM_TYPE

from faas_seal.calling.read_ahead import short_body

# The runtime's have less than half of that, most of it the trace.
MAX_BYTES = 2**16
_REFERENCE = re.compile(r"[\w.:-]{1,128}", re.ASCII)


@dataclass(frozen=True)
class Problem:
    """A problem document of the runtime: its error, the call id, and a sealed trace `fse1_…`.

    `reference` and `trace` are empty where the document has no such text of the right form.
    """

    error: type[SealError]
    reference: str
    trace: str


def problem_in(response: requests.Response) -> Problem | None:
    """Return the runtime's error in a response, or None for any other response.

    Reads no more than MAX_BYTES of it, and leaves them for who reads the response later.
    """
    if response.headers.get("Content-Type", "").partition(";")[0].strip() != PROBLEM_TYPE:
        return None
    try:
        document: Any = json.loads(short_body(response, MAX_BYTES) or b"")
        reason = document["type"].removeprefix(ERROR_TYPE)
        error = _errors(SealError)[reason]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    reference, trace = document.get("reference"), document.get("trace")
    return Problem(
        error,
        reference if isinstance(reference, str) and _REFERENCE.fullmatch(reference) else "",
        trace if isinstance(trace, str) else "",
    )


def _errors(base: type[SealError]) -> dict[str, type[SealError]]:
    found = {base.reason: base} if "reason" in vars(base) else {}
    for child in base.__subclasses__():
        found.update(_errors(child))
    return found
