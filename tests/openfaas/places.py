"""Where a plaintext could have got to: the files in tars, images and folders."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

# A place, for people, and the bytes that lie there.
Places = Iterable[tuple[str, bytes]]


def found(needles: Iterable[bytes], places: Places) -> list[str]:
    """Return the places whose name or content has one of the needles."""
    wanted = tuple(needles)
    return [
        place
        for place, content in places
        if any(needle in content or needle in place.encode() for needle in wanted)
    ]


def in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below a folder, and what is in the archives among them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield from unpacked(str(path.relative_to(folder)), path.read_bytes())


def in_image(image: str) -> Iterator[tuple[str, bytes]]:
    """Yield every file in every layer of an image, its configuration and its history."""
    saved = subprocess.run(["docker", "save", image], capture_output=True, check=True)
    yield from unpacked(image, saved.stdout)


def unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield some content and, where it is a tar or gzip, all that is in it."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    yield name, content
    if content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                opened = archive.extractfile(member) if member.isfile() else None
                inner = opened.read() if opened else b""
                yield from unpacked(f"{name}: {member.name}", inner)
