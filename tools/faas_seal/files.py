"""Files read where they may be missing, and put in their places together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def read_if_there(path: Path) -> bytes | None:
    """Return what a file holds, or None where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def replace_together(files: Iterable[tuple[Path, bytes, Path]]) -> None:
    """Put contents at paths, by way of temporary files in the folders given last."""
    staged: list[tuple[Path, Path]] = []
    try:
        for path, data, beside in files:
            file, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=beside)
            staged.append((Path(temporary), path))
            with os.fdopen(file, "wb") as output:
                output.write(data)
                os.fchmod(output.fileno(), _mode(path))
                output.flush()
                os.fsync(output.fileno())
        for moved, path in staged:
            moved.replace(path)
    finally:
        for moved, _ in staged:
            moved.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Return the mode of the file at `path`, or that of a new one."""
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
