"""Durations as OpenFaaS writes them."""

from __future__ import annotations

import re

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"


def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration such as `1m30s`, or of a whole number of seconds.

    Raises ValueError for anything else.
    """
    if text.isascii() and text.isdigit():
        return float(text)
    if not re.fullmatch(f"(?:{_PART})+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a duration such as 500ms, 30s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, text))
