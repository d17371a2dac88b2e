"""Targets of a scan: files, folders, image tars, images and processes, as a user names them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from faas_seal.errors import ProgramMissing, UsageError
from faas_seal.scan import places, tars
from faas_seal.scan.compressed import Incomplete
from faas_seal.scan.findings import Findings
from faas_seal.scan.search import Search

_PROCESS = re.compile(r"pid:(\d*)(.*)")

Advance = Callable[[int], None]


def search_target(search: Search, target: str, advance: Advance) -> Findings:
    """Search a target. `advance` gets the number of bytes of each part that is done.

    Raises UsageError for a word that is no target.
    """
    findings = Findings()
    path = Path(target)
    if match := _PROCESS.fullmatch(target):
        if not match[1] or match[2]:
            raise UsageError(f"{target} is no process", hint="pid:NUMBER")
        _process(search, int(match[1]), findings)
    elif path.is_dir():
        _folder(search, path, findings, advance)
    elif path.is_file():
        _file(search, path, findings, advance)
    elif path.exists():
        raise UsageError(f"{target} is neither a file nor a folder")
    else:
        _image(search, target, findings, advance)
    return findings


def size_of(target: str) -> int | None:
    """Return how many bytes there are to search, or None if only the search can tell."""
    path = Path(target)
    if path.is_dir():
        # The search reports files that cannot be read.
        sizes = 0
        for each in places.below(path, lambda _: None):
            with suppress(OSError):
                sizes += each.lstat().st_size if each.is_file() else 0
        return sizes
    return path.stat().st_size if path.is_file() else None


def _process(search: Search, root: int, findings: Findings) -> None:
    if not Path(f"/proc/{root}").exists():
        raise UsageError(f"there is no process {root}")
    # Without `any_key`: the zygote has warmed up with a key that opens nothing.
    search = Search(search.canaries)
    for pid in places.processes(root):
        if pid == os.getpid():  # this process knows what it looks for
            continue
        with findings.noting(f"the memory of {pid}"):
            try:
                findings.hits |= places.in_process(search, pid)
            except PermissionError:
                raise Incomplete(
                    f"the memory of {pid} is closed to you: functions' processes are not dumpable",
                    hint=f"as root: sudo faas-seal scan pid:{root} …",
                ) from None
    if not _has_memory(root):
        # A zombie has no memory left to read, either.
        findings.unread.append(Incomplete(f"process {root} has ended, perhaps before the search"))


def _has_memory(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/maps").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return True


def _folder(search: Search, folder: Path, findings: Findings, advance: Advance) -> None:
    empty = True
    for path in places.below(folder, findings.refuse):
        empty = False
        with findings.noting(str(path)):
            findings.hits |= places.in_name(search, folder, path)
            if path.is_symlink() or not path.is_file():
                continue
            _file(search, path, findings, advance)
    if empty and not findings.unread:
        findings.unread.append(Incomplete(f"there is nothing in {folder} to search"))


def _file(search: Search, path: Path, findings: Findings, advance: Advance) -> None:
    with findings.noting(str(path)), path.open("rb") as file:
        head = file.read(tars.HEAD)
        file.seek(0)
        if tars.is_tar(head):
            tars.in_tar(search, file, str(path), findings, advance)
            return
        if tars.is_compressed(head):
            tars.in_stream(search, file, str(path), findings)
        else:
            findings.hits |= places.in_file(search, path)
        advance(path.stat().st_size)


def _image(search: Search, image: str, findings: Findings, advance: Advance) -> None:
    if shutil.which("docker") is None:
        raise ProgramMissing(
            f"there is no file {image}, and no docker on PATH to ask for an image",
            hint="docker save IMAGE -o image.tar; faas-seal scan image.tar",
        )
    known = subprocess.run(  # noqa: S603
        ["docker", "image", "inspect", "--format", "{{.Id}}", "--", image],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if known.returncode != 0:
        raise UsageError(f"{image} is no file and no image: {_last_line(known.stderr)}")
    with tempfile.TemporaryFile("w+") as complaints:
        command = ["docker", "save", "--", image]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as saving,  # noqa: S603
            findings.noting(image),
        ):
            assert saving.stdout is not None
            tars.in_tar(search, saving.stdout, image, findings, advance)
        if saving.returncode != 0:
            complaints.seek(0)
            said = _last_line(complaints.read())
            findings.unread.append(Incomplete(f"docker save {image} failed: {said}"))


def _last_line(said: str) -> str:
    return next(reversed(said.strip().splitlines()), "docker does not say why")
