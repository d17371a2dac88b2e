"""A check: one thing that doctor looked at, and what it found."""

from __future__ import annotations

from dataclasses import dataclass

from faas_sealed.formats.errors import SealError


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    `passed` is None for a thing that is not needed, or not known. `next_step` is what to do. If
    there is an `error` that has a hint, the hint takes its place.
    """

    subject: str
    passed: bool | None
    finding: str
    next_step: str = ""
    error: SealError | None = None

    @classmethod
    def of_error(cls, subject: str, error: SealError, next_step: str = "") -> Check:
        """Return the failed check of a thing; `next_step` is used if the error has no hint."""
        return cls(subject, False, str(error), next_step, error)
