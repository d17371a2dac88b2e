"""Changes of files, noticed by looking at them again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

POLL_SECONDS = 0.3

# A file's inode, time of change in nanoseconds, and size. A changed file has another stamp.
Stamp = tuple[int, int, int]


def stamp(path: str | Path) -> Stamp | None:
    """Return the stamp of a file, or None if the file is not there."""
    try:
        status = os.stat(path)  # noqa: PTH116 - `changes` runs all day, and makes no Path
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def changes(folders: Sequence[Path]) -> Iterator[None]:
    """Yield after each change of these files, or of files below these folders, from now on.

    Changes that follow each other closely, as when an editor is writing, count as one.
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
    found = {str(file): seen for file in folders if file.is_file() and (seen := stamp(file))}
    for folder in folders:
        for parent, below, names in os.walk(folder):
            below[:] = [name for name in below if name not in ("__pycache__", ".git")]
            for name in names:
                path = os.path.join(parent, name)  # noqa: PTH118 - see `stamp`
                if seen := stamp(path):  # None if it was just removed
                    found[path] = seen
    return found
