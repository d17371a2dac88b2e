"""Parsing of durations and times on the command line."""

from __future__ import annotations

import datetime
import re
import time

import click
from faas_sealed import settings

from faas_seal.errors import UsageError
from faas_seal.sealing.options import Expiry

_DAY = 24 * 3600
_SECONDS = {"h": 3600, "d": _DAY, "w": 7 * _DAY}
_SPAN = re.compile(r"([0-9]{1,5})([hdw])")


def span(value: str) -> int | None:
    """Return the seconds in 12h, 30d or 2w, or None for another text."""
    found = _SPAN.fullmatch(value)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def duration(text: str, example: str) -> float:
    """Return the seconds in a duration such as 5m or 24h, or raise UsageError."""
    try:
        return settings.duration(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a duration: {error}", hint=example) from None


def when(value: str) -> Expiry:
    """Parse a span from now, a date (through its end) or `never`."""
    if value == "never":
        return "never"
    now = int(time.time())
    if (seconds := span(value)) is not None:
        at = now + seconds
    else:
        try:
            day = datetime.datetime.strptime(f"{value} +0000", "%Y-%m-%d %z")
        except ValueError:
            raise click.BadParameter(
                f"{value!r} is not a time such as 12h, 30d, 2w, 2026-12-31 or never"
            ) from None
        at = int(day.timestamp()) + _DAY
    if at <= now:
        raise click.BadParameter(f"{value!r} has passed")
    return at
