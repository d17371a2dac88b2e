"""Findings of a search: its hits, and the places that could not be searched to their end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from faas_seal.scan.compressed import Incomplete
from faas_seal.scan.search import Hit


@dataclass
class Findings:
    """The findings of one search. If anything is `unread`, the absence of hits proves nothing."""

    hits: set[Hit] = field(default_factory=set)
    unread: list[Incomplete] = field(default_factory=list)

    @contextmanager
    def noting(self, place: str) -> Iterator[None]:
        """Note a place that cannot be read, so that the search goes on elsewhere."""
        try:
            yield
        except Incomplete as error:
            self.unread.append(error)
        except OSError as error:
            self.refuse(error, place)

    def refuse(self, error: OSError, place: str = "") -> None:
        where = error.filename or place
        self.unread.append(Incomplete(f"{where} cannot be read: {error.strerror or error}"))
