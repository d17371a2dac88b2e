"""The watch over what is deployed: notices a new sealed file or secret, and takes it if it fits."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.header import Header
from faas_sealed.runtime.shared.deployed import Deployed, first_deployed, next_deployed
from faas_sealed.runtime.shared.log import say
from faas_sealed.settings import Settings


class Updates:
    """Looks for changes of the sealed file and the secrets, and remembers what is in force."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        paths = (settings.pushed_file, settings.transport, settings.denied)
        self._paths = [path for path in paths if path is not None]
        self._seen: list[tuple[int, ...]] = []
        self._taken: list[tuple[int, ...]] = []

    @property
    def header(self) -> Header:
        """The header of the sealed file that is served."""
        return self._running.sealed.header

    def first(self) -> Deployed:
        """Return what is deployed, or raise SealError with one line."""
        # The stamps come first: a change while the files are read is then noticed.
        self._taken = self._seen = self._stamps()
        self._running = first_deployed(self._settings)
        return self._running

    def look(self) -> Deployed | None:
        """Return what is deployed now, or None if nothing has changed.

        A change is taken at the second look that sees it: a secret may be written in place, and
        is half there for a moment.
        """
        last, self._seen = self._seen, self._stamps()
        if self._seen != last or self._seen == self._taken:
            return None
        self._taken = self._seen
        before, self._running = self._running, next_deployed(self._settings, self._running)
        if self._running == before:
            return None
        say(f"updated: {_changes(before, self._running)}")
        return self._running

    def _stamps(self) -> list[tuple[int, ...]]:
        return [_stamp(path) for path in self._paths]


def _changes(before: Deployed, after: Deployed) -> str:
    """Return what has changed, in words for the log."""
    changes = []
    if after.sealed != before.sealed:
        changes.append(f"content id {after.sealed.header.content_id}")
    if after.transport != before.transport:
        changes.append("transport keys")
    if after.denied != before.denied:
        changes.append(f"denied keys, {len(after.denied)} now")
    return ", ".join(changes)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
