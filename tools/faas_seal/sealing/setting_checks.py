"""Checks of the settings that a stack file gives to the runtime."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from faas_sealed.formats.errors import SealError
from faas_sealed.settings import BY_NAME, check_names

from faas_seal.errors import StackFileRefused
from faas_seal.project.stackfile import Function

_PREFIX = "seal_"


def check_settings(function: Function) -> None:
    """Raise StackFileRefused for a setting with which the runtime would not start."""
    name = "each setting"
    try:
        check_names(function.environment)
        for name, text in function.environment.items():
            if name in BY_NAME:
                BY_NAME[name].value(text)
    except SealError as error:
        raise StackFileRefused(
            f"functions.{function.name}.environment: {error}",
            hint=f"docs/settings.md says what {name} may be",
        ) from None


def unknown_settings(function: Function) -> Iterator[str]:
    """Yield a line for each setting that the runtime does not know."""
    for name in function.environment:
        if name.startswith(_PREFIX) and name not in BY_NAME:
            close = difflib.get_close_matches(name, BY_NAME, n=1)
            meant = f": do you mean {close[0]}?" if close else ""
            yield f"functions.{function.name}.environment has {name}, which is no setting{meant}"
