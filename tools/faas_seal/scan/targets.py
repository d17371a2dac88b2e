"""What a user can name to be searched: files, folders, image tars, images, processes."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from faas_seal.errors import ProgramMissing, UsageError
from faas_seal.scan import places
from faas_seal.scan.search import Hit, Incomplete, Search

_PROCESS = re.compile(r"pid:(\d+)")
_TAR_MAGIC_AT = 257
_GZIP = b"\x1f\x8b\x08"

Progress = Callable[[int], None]


def search_target(search: Search, target: str, advance: Progress) -> set[Hit]:
    """Search a target; `advance` is told of bytes that are done.

    Raises UsageError for what is none, Incomplete for what cannot be searched to its end.
    """
    if match := _PROCESS.fullmatch(target):
        return _process(search, int(match[1]))
    path = Path(target)
    if path.is_dir():
        return places.in_folder(search, path, partial(_file, advance=advance))
    if path.exists():
        return _file(search, path, advance)
    return _image(search, target, advance)


def size_of(target: str) -> int:
    """Return how many bytes there are to search, as far as that is known; or 0."""
    path = Path(target)
    if path.is_dir():
        return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0


def _process(search: Search, pid: int) -> set[Hit]:
    if not Path(f"/proc/{pid}").exists():
        raise UsageError(f"there is no process {pid}")
    try:
        others = [each for each in places.processes(pid) if each != os.getpid()]
        return set().union(*(places.in_process(search, each) for each in others))
    except PermissionError:
        raise Incomplete(
            f"the memory of {pid} is closed to you: a function's processes are not dumpable",
            hint=f"as root: sudo faas-seal scan pid:{pid} …",
        ) from None


def _file(search: Search, path: Path, advance: Progress) -> set[Hit]:
    with path.open("rb") as file:
        if not _is_tar(file.read(512)):
            hits = places.in_file(search, path)
            advance(path.stat().st_size)
            return hits
        file.seek(0)
        return _tar(search, file, str(path), advance)


def _image(search: Search, image: str, advance: Progress) -> set[Hit]:
    if shutil.which("docker") is None:
        raise ProgramMissing(
            f"there is no file {image}, and no docker on PATH to ask for an image",
            hint="docker save IMAGE -o image.tar; faas-seal scan image.tar",
        )
    with tempfile.TemporaryDirectory(prefix="faas-seal-scan-") as folder:
        saved = Path(folder, "image.tar")
        command = ["docker", "save", "--output", str(saved), image]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise UsageError(f"{image} is no file and no image: {said[-1] if said else 'unknown'}")
        with saved.open("rb") as file:
            return _tar(search, file, image, advance)


def _tar(search: Search, file: IO[bytes], place: str, advance: Progress) -> set[Hit]:
    """Search names and contents in a tar, and in tars in it: an image's layers."""
    hits: set[Hit] = set()
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                where = f"{place} > {member.name}"
                names = f"{member.name}\0{member.linkname}".encode("utf-8", "surrogateescape")
                hits |= search.in_bytes(names, f"the name of {where}")
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    hits |= _member(search, content.read(), where, advance)
    except tarfile.TarError as error:
        raise Incomplete(f"{place} cannot be read as a tar: {error}") from None
    return hits


def _member(search: Search, content: bytes, place: str, advance: Progress) -> set[Hit]:
    if _is_tar(content[:512]):
        return _tar(search, io.BytesIO(content), place, advance)
    advance(len(content))
    return search.in_bytes(content, place)


def _is_tar(head: bytes) -> bool:
    return head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar"
