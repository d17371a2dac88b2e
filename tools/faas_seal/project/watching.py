"""Changes of files, noticed by looking at them again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

POLL_SECONDS = 0.3

# Inode, time of change in nanoseconds and size of a file. A file with another is another.
Stamp = tuple[int, int, int]


def stamp(path: str | Path) -> Stamp | None:
    """Return the stamp of a file, or None if the file is not there."""
    try:
        status = os.stat(path)  # noqa: PTH116 - `changes` has no Path, because it runs all day
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def changes(folders: Sequence[Path]) -> Iterator[None]:
    """Yield whenever files below these folders have changed since this call, or the last yield.

    It waits until an editor has finished writing.
    """
    return _changes(folders, _stamps(folders))


def _changes(folders: Sequence[Path], seen: dict[str, Stamp]) -> Iterator[None]:
    while True:
        time.sleep(POLL_SECONDS)
        now = _stamps(folders)
        if now == seen:
            continue
        time.sleep(POLL_SECONDS)
        while (settled := _stamps(folders)) != now:
            now = settled
            time.sleep(POLL_SECONDS)
        seen = now
        yield


def _stamps(folders: Sequence[Path]) -> dict[str, Stamp]:
    """Return the stamps of all files below these folders, without caches."""
    found = {}
    for folder in folders:
        for parent, below, names in os.walk(folder):
            below[:] = [name for name in below if name not in ("__pycache__", ".git")]
            for name in names:
                path = os.path.join(parent, name)  # noqa: PTH118 - see `stamp`
                if seen := stamp(path):  # None if it was just removed
                    found[path] = seen
    return found
