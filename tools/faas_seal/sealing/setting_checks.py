"""The runtime's settings in a stack file, checked before anything is deployed with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import AUTHOR_PUBLIC
from faas_sealed.settings import Settings

from faas_seal.errors import StackFileRefused
from faas_seal.project.stackfile import Function

_PREFIX = "seal_"
_SOME_AUTHOR = {"seal_author": AUTHOR_PUBLIC.encode(bytes(32))}


def check_settings(function: Function) -> None:
    """Raise StackFileRefused for a setting with which the runtime would not start."""
    known = _known()
    for name, value in function.environment.items():
        if name in known:
            try:
                Settings.from_environ({**_SOME_AUTHOR, name: value}, Path())
            except SealError as error:
                raise StackFileRefused(
                    f"functions.{function.name}.environment: {error}",
                    hint=f"docs/settings.md has what {name} may be",
                ) from None


def unknown_settings(function: Function) -> Iterator[str]:
    """Yield a line for each setting that the runtime would not look at."""
    known = _known()
    for name in function.environment:
        if name.startswith(_PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f": is {close[0]} meant?" if close else ""
            yield f"functions.{function.name}.environment has {name}, which is no setting{meant}"


def _known() -> set[str]:
    """Return the names of all variables that the runtime asks for."""
    asked = _Asked(_SOME_AUTHOR)
    Settings.from_environ(asked, Path())
    return asked.names


class _Asked(Mapping[str, str]):
    """Variables, and the names of all that were asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.names: set[str] = set()
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
