"""Searches files, images and memory for the lines and constants of a source."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

Place = tuple[str, bytes]

_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)")
_MEMORY_PIECE = 16 * 2**20


class Needles:
    """Lines and string constants that are long enough to be nobody else's."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = sorted({text.encode() for text in texts})

    @classmethod
    def from_source(cls, folder: Path) -> Needles:
        texts = []
        for path in sorted(folder.glob("[!.]*")):
            if path.suffix in (".py", ".json") and not path.stem.endswith("_test"):
                lines = (line.strip() for line in path.read_text().splitlines())
                texts += [line for line in lines if len(line) >= 24 and "import" not in line]
        return cls(texts)

    def __len__(self) -> int:
        return len(self._texts)

    def found_in(self, content: bytes) -> list[bytes]:
        return [text for text in self._texts if text in content]


def files_of(folder: Path) -> Iterator[Place]:
    """Yield every file below a folder, and what lies in the zips among them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield str(path.relative_to(folder)), content
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield f"{path.name}!{name}", archive.read(name)


def image_files(image: str) -> Iterator[Place]:
    """Yield every file in every layer of a Docker image."""
    with (
        subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as docker,
        tarfile.open(fileobj=docker.stdout, mode="r|") as archive,
    ):
        for member in archive:
            content = _content(archive, member)
            yield member.name, content
            if content[257:262] == b"ustar":
                yield from _layer_files(content)


def _layer_files(layer: bytes) -> Iterator[Place]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for member in archive:
            yield member.name, _content(archive, member)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member) if member.isfile() else None
    return opened.read() if opened else b""


def memories(pids: Iterable[int]) -> Iterator[Place]:
    """Yield all readable memory of processes; PermissionError where that is forbidden."""
    for pid in pids:
        with (
            suppress(FileNotFoundError, ProcessLookupError),  # it has ended meanwhile
            Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory,
        ):
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                mapping = _MAPPING.match(line)
                if mapping and mapping[3] not in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                    yield from _mapping(memory, pid, int(mapping[1], 16), int(mapping[2], 16))


def _mapping(memory: io.FileIO, pid: int, start: int, end: int) -> Iterator[Place]:
    while start < end:
        memory.seek(start)
        try:
            content = memory.read(min(end - start, _MEMORY_PIECE))
        except OSError:
            return
        if not content:
            return
        yield f"process {pid} at {start:x}", content
        start += len(content)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found
