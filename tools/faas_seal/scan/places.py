"""Places to search: files, folders, and what the kernel shows of a process.

Of a process's memory, only the pages that it has written are searched: the others are those
of a file. Reading memory takes the right to trace the process (ptrace(2), and CAP_SYS_PTRACE
if it is not dumpable).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from faas_seal.scan.compressed import Incomplete
from faas_seal.scan.search import Hit, Search

_PAGE = mmap.PAGESIZE
# /proc/PID/pagemap, see Documentation/admin-guide/mm/pagemap.rst.
_PRESENT = 1 << 63 | 1 << 62
_OF_FILE = 1 << 61
# A process that changes while it is read is searched again, at most this often in all.
_ATTEMPTS = 5
_OF_KERNEL = ("[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]")


def in_file(search: Search, path: Path) -> set[Hit]:
    """Search the content of a file."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # a file of /proc says so, but has content
            return search.in_bytes(file.read(), str(path))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return search.in_bytes(content, str(path))


def below(folder: Path, refuse: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Yield every path below a folder. Links are not followed.

    `refuse` gets the error of each folder that cannot be read; without `refuse` it is raised.
    """

    def fail(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(folder, onerror=refuse or fail):
        folders.sort()
        for name in sorted(folders + files):
            yield Path(parent, name)


def in_folder(search: Search, folder: Path) -> set[Hit]:
    """Search the names and contents of all files below a folder. Links are not followed."""
    hits: set[Hit] = set()
    for path in below(folder):
        hits |= in_name(search, folder, path)
        if path.is_file() and not path.is_symlink():
            hits |= in_file(search, path)
    return hits


def in_name(search: Search, folder: Path, path: Path) -> set[Hit]:
    """Search the name that a file has below a folder, and its target if it is a link."""
    hits = search.in_bytes(os.fsencode(path.relative_to(folder)), f"the name of {path}")
    if path.is_symlink():
        hits |= search.in_bytes(os.fsencode(path.readlink()), f"the target of {path}")
    return hits


def processes(root: int) -> list[int]:
    """Return a process id and those of all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def in_processes(search: Search, root: int) -> set[Hit]:
    """Search a process and all its descendants."""
    return set().union(*(in_process(search, pid) for pid in processes(root)))


def in_process(search: Search, pid: int) -> set[Hit]:
    """Search command line, environment, anonymous files and memory of a process.

    A process that has ended gives no hits. Raises PermissionError if the caller may not read
    it, and Incomplete if something could not be read to its end.
    """
    hits: set[Hit] = set()
    for last in [False] * (_ATTEMPTS - 1) + [True]:
        try:
            with suppress(FileNotFoundError, ProcessLookupError):
                for found in _hits(search, Path(f"/proc/{pid}")):
                    hits |= found
            break
        except Incomplete:  # meanwhile it executed another program, or freed memory
            if last:
                raise
    return hits


def _hits(search: Search, folder: Path) -> Iterator[set[Hit]]:
    command = (folder / "cmdline").read_bytes()[:40].replace(b"\0", b" ").decode(errors="replace")
    name = f"{folder.name} ({command})"
    for kind in ("cmdline", "environ"):
        yield search.in_bytes((folder / kind).read_bytes(), f"{kind} of {name}")
    yield _in_descriptors(search, folder, name)
    for run in _memory(folder):
        yield search.in_memory(run.content, f"memory of {name} {run.name}")


def _in_descriptors(search: Search, folder: Path, name: str) -> set[Hit]:
    """Search open files that are in no folder: memfds, and temporary files without a name."""
    hits: set[Hit] = set()
    for link in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):
            target = os.fspath(link.readlink())
            if target.endswith(" (deleted)") and link.is_file():
                hits |= search.in_bytes(link.read_bytes(), f"{target} of {name}")
    return hits


@dataclass(frozen=True)
class _Run:
    """Consecutive pages of memory, and the name of the mapping that they begin in."""

    name: str
    content: bytes


def _memory(folder: Path) -> Iterator[_Run]:
    with (folder / "mem").open("rb", buffering=0) as memory:
        for start, end, name in _written(folder):
            content = bytearray()
            while start + len(content) < end:
                try:
                    piece = os.pread(
                        memory.fileno(), end - start - len(content), start + len(content)
                    )
                except OSError:
                    piece = b""
                if not piece:
                    if not (folder / "maps").read_bytes():  # it has ended
                        return
                    raise Incomplete(f"{folder}/mem cannot be read in {name}")
                content += piece
            yield _Run(name, bytes(content))


def _written(folder: Path) -> list[tuple[int, int, str]]:
    """Return start, end and name of the runs of pages that the process has written."""
    runs: list[tuple[int, int, str]] = []
    with (folder / "pagemap").open("rb", buffering=0) as pagemap:
        for line in (folder / "maps").read_text().splitlines():
            span, _, _, _, _, *rest = line.split(None, 5)
            name = rest[0] if rest else "anonymous"
            if name in _OF_KERNEL:
                continue
            ignored = _OF_FILE if name.startswith("/") and not name.endswith(" (deleted)") else 0
            start, end = (int(text, 16) for text in span.split("-"))
            size = (end - start) // _PAGE * 8
            entries = memoryview(os.pread(pagemap.fileno(), size, start // _PAGE * 8)).cast("Q")
            for page, entry in enumerate(entries):
                if not entry & _PRESENT or entry & ignored:
                    continue
                at = start + page * _PAGE
                if runs and runs[-1][1] == at:
                    runs[-1] = (runs[-1][0], at + _PAGE, runs[-1][2])
                else:
                    runs.append((at, at + _PAGE, name))
    return runs
