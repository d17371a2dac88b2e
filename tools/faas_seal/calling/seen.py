"""The times of the newest seals that functions have shown, by which older ones are refused."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.header import Header
from faas_sealed.formats.keys import AUTHOR_PUBLIC

from faas_seal.calling.turns import turn
from faas_seal.errors import RolledBack
from faas_seal.project.files import Replacement, replace_together
from faas_seal.project.keystore import private_folder

_MAX_REMEMBERED = 1000


class Seen:
    """The time of the newest seal that each function has shown. An older one is then refused.

    The times are kept in the file at `path`, which processes may share, or else in this object.
    Who writes the file locks another one beside it. Beyond a thousand functions, the oldest
    entries are forgotten.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._times: dict[str, int] = {}

    def check(self, address: str, header: Header) -> None:
        """Remember when the file at an address was sealed; raise RolledBack if a newer was seen."""
        if not self._is_newer(self._read(), address, header):
            return
        with self._alone():
            times = self._read()  # another may have written it meanwhile
            if self._is_newer(times, address, header):
                times.pop(_entry(address, header), None)
                times[_entry(address, header)] = header.created
                self._write(dict(list(times.items())[-_MAX_REMEMBERED:]))

    def _is_newer(self, times: dict[str, int], address: str, header: Header) -> bool:
        """Tell whether a header is newer than all at its address; raise RolledBack if older."""
        newest = times.get(_entry(address, header), 0)
        if header.created < newest:
            raise RolledBack(
                f"{address} shows a file that was sealed at {header.created}, and has shown one "
                f"that was sealed at {newest}: somebody has put an old file there",
                address=address,
                created=header.created,
                newest=newest,
                hint=f"if its author went back on purpose, take the address out of {self._path}"
                if self._path
                else "if its author went back on purpose, begin with a new FunctionKey",
            )
        return header.created > newest

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes from writing until the block ends."""
        if self._path is None:
            with turn():
                yield
            return
        private_folder(self._path.parent)
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                # Closing is not enough: a process that was forked meanwhile has it open, too.
                fcntl.flock(lock, fcntl.LOCK_UN)

    def _read(self) -> dict[str, int]:
        if self._path is None or not self._path.exists():
            return dict(self._times)
        try:
            times = json.loads(self._path.read_bytes())
        except (ValueError, RecursionError):
            times = None
        if not isinstance(times, dict) or not all(type(time) is int for time in times.values()):
            raise SealError(
                f"{self._path} is damaged: it should hold the times of the seals seen so far",
                hint=f"rm {self._path}; a file older than those seen is then not noticed",
            )
        return times

    def _write(self, times: dict[str, int]) -> None:
        self._times = times
        if self._path is not None:
            data = json.dumps(times, indent=1).encode() + b"\n"
            replace_together([Replacement(self._path, data, self._path.parent)])


def _entry(address: str, header: Header) -> str:
    return f"{address} {AUTHOR_PUBLIC.encode(header.author)}"
