"""What doctor says of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `passed` is None for what is not needed, or not known."""

    subject: str
    passed: bool | None
    finding: str
    next_step: str = ""
