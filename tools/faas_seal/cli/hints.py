"""Hints: what a person can type about an error, in the words of the command line.

Modules that Python callers use know nothing of verbs and options. Their errors carry facts as
attributes, and here the command makes a hint of them.
"""

from __future__ import annotations

from faas_sealed.formats.errors import SealError


def hint_for(error: SealError) -> str:
    """Return the hint for an error: the command's, or else the error's own; or an empty string."""
    return error.hint
