"""Files of a project: read if they exist, and replaced so that each is whole at any time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

# File systems of other systems, on which chmod changes nothing.
WITHOUT_MODES = (
    "vfat",
    "msdos",
    "exfat",
    "ntfs",
    "ntfs3",
    "fuseblk",
    "9p",
    "drvfs",
    "cifs",
    "vboxsf",
)


@dataclass(frozen=True)
class Replacement:
    """The new content of a file.

    It is first written to the folder `beside`, which must be on the same file system. Without
    a `mode` the file keeps its own, and a new file gets the user's default.
    """

    path: Path
    content: bytes = field(repr=False)
    beside: Path
    mode: int | None = None


def replace_together(files: Iterable[Replacement]) -> None:
    """Write all files beside their places, and only then move each to its place."""
    staged: list[tuple[Path, Path]] = []
    try:
        for file in files:
            number, temporary = tempfile.mkstemp(prefix=f".{file.path.name}.", dir=file.beside)
            staged.append((Path(temporary), file.path))
            with os.fdopen(number, "wb") as output:
                output.write(file.content)
                mode = _mode(file.path) if file.mode is None else file.mode
                os.fchmod(output.fileno(), mode)
                output.flush()
                os.fsync(output.fileno())
        for moved, path in staged:
            moved.replace(path)
    finally:
        for moved, _ in staged:
            moved.unlink(missing_ok=True)


def read_if_there(path: Path) -> bytes | None:
    """Return the content of a file, or None if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def file_system(path: Path) -> str:
    """Return the name of the file system that a file lies on, or an empty string."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}".encode()
    for line in (read_if_there(Path("/proc/self/mountinfo")) or b"").splitlines():
        mount, _, rest = line.partition(b" - ")
        if mount.split()[2:3] == [wanted] and rest:
            return rest.split()[0].decode(errors="replace")
    return ""


def hide_from_git(folder: Path) -> None:
    """Let git ignore everything in a folder."""
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def _mode(path: Path) -> int:
    """Return the mode of the file at `path`, or that of a new one."""
    if path.exists():
        return path.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
