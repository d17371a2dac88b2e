"""Folders, watched for changes by looking at them again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

POLL_SECONDS = 0.3


def changes(folders: Sequence[Path]) -> Iterator[None]:
    """Yield each time that files below these folders have changed since now, and rest again."""
    return _changes(folders, _state(folders))


def _changes(folders: Sequence[Path], seen: dict[str, tuple[int, int, int]]) -> Iterator[None]:
    while True:
        time.sleep(POLL_SECONDS)
        now = _state(folders)
        if now == seen:
            continue
        time.sleep(POLL_SECONDS)
        while (settled := _state(folders)) != now:  # an editor is still writing
            now = settled
            time.sleep(POLL_SECONDS)
        seen = now
        yield


def _state(folders: Sequence[Path]) -> dict[str, tuple[int, int, int]]:
    """Return what tells one state of each file from another; caches do not count."""
    found = {}
    for folder in folders:
        for parent, below, names in os.walk(folder):
            below[:] = [name for name in below if name not in ("__pycache__", ".git")]
            for name in names:
                path = os.path.join(parent, name)  # noqa: PTH118 (this runs all day)
                try:
                    status = os.stat(path)  # noqa: PTH116
                except OSError:  # just removed
                    continue
                found[path] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return found
