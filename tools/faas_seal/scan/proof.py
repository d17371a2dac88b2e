"""The proof that a search can find: without it, finding nothing would prove nothing.

Canaries are planted here in forms that are not made by the code that makes the needles.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import marshal
import os
import secrets
import subprocess
import sys
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import FUNCTION_KEY

from faas_seal.scan import places, tars
from faas_seal.scan.findings import Findings
from faas_seal.scan.needles import SHORTEST_IN_LINES
from faas_seal.scan.search import Search


class Blind(SealError):
    """A search that did not find what was planted for it."""


def _zip(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr("some/name", data)
    return archive.getvalue()


def _tar(data: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        entry = tarfile.TarInfo("some/name")
        entry.size = len(data)
        file.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def _code(data: bytes) -> bytes:
    return marshal.dumps(compile(f"def f(): return {data!r}", "name", "exec"))


BYTES: dict[str, Callable[[bytes], bytes]] = {
    "bytes": lambda data: data,
    "base64": base64.standard_b64encode,
    "base64, shifted by one": lambda data: base64.standard_b64encode(b"1" + data),
    "base64, shifted by two": lambda data: base64.standard_b64encode(b"12" + data),
    "url-safe base64": base64.urlsafe_b64encode,
    "url-safe base64, shifted by one": lambda data: base64.urlsafe_b64encode(b"1" + data),
    "url-safe base64, shifted by two": lambda data: base64.urlsafe_b64encode(b"12" + data),
    "hex": base64.b16encode,
    "small hex": lambda data: base64.b16encode(data).lower(),
    "repr": lambda data: ascii(data).encode(),
    "percent": lambda data: urllib.parse.quote(data).encode(),
    "percent, slashes too": lambda data: urllib.parse.quote(data, safe="").encode(),
    "code": _code,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "fast zlib": lambda data: zlib.compress(data, 1),
    "thorough zlib": lambda data: zlib.compress(data, 9),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": _zip,
    "a zip with bzip2": lambda data: _zip(data, zipfile.ZIP_BZIP2),
    "a zip with LZMA": lambda data: _zip(data, zipfile.ZIP_LZMA),
    "a layer in an image": lambda data: _tar(_tar(data)),
    "a compressed layer in an image": lambda data: _tar(gzip.compress(_tar(data))),
    "a zip in a zip": lambda data: _zip(_zip(data)),
    "cut off": lambda data: gzip.compress(data + secrets.token_bytes(5000))[:-100],
}
# Base64 in lines: the canary begins at different places in a line.
IN_LINES: dict[str, Callable[[bytes], bytes]] = {
    f"base64 in lines, {before} bytes into one": (
        lambda data, before=before: base64.encodebytes(bytes(before) + data)  # type: ignore[misc]
    )
    for before in range(0, 57, 4)
}
TEXT: dict[str, Callable[[str], bytes]] = {
    **{
        name: lambda text, name=name: text.encode(name)  # type: ignore[misc]
        for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
    },
    "json": lambda text: json.dumps({"key": f"\n{text}"}).encode(),
}


def prove_forms(search: Search) -> None:
    """Find each canary of `search` in each form, at any alignment, or raise Blind."""
    for name, value in search.canaries.items():
        data = value.encode() if isinstance(value, str) else value
        forms = {form: make(data) for form, make in BYTES.items()}
        if isinstance(value, str):
            forms |= {form: make(value) for form, make in TEXT.items()}
        if len(data) >= SHORTEST_IN_LINES:
            forms |= {form: make(data) for form, make in IN_LINES.items()}
        for at, (form, made) in enumerate(forms.items()):
            planted = secrets.token_bytes(100 + at) + made + secrets.token_bytes(100)
            if name not in {hit.canary for hit in search.in_bytes(planted, form)}:
                raise Blind(f"the search does not find {name} as {form}")


def prove_keys() -> None:
    """Find a key that the search does not know, or raise Blind."""
    key = secrets.token_bytes(32)
    planted = gzip.compress(b"X-Function-Key: " + FUNCTION_KEY.encode(key).encode() + b"\r\n")
    if not Search({}, any_key=True).in_bytes(planted, "a key"):
        raise Blind("the search does not find a function key")


def prove_tars() -> None:
    """Find a canary in files, layers and images that are read as streams, or raise Blind."""
    canary = f"canary-{secrets.token_hex(12)}"
    layer = _tar(canary.encode())
    for form, image in {
        "a layer": _tar(layer),
        **{
            f"a layer compressed by {module.__name__}": _tar(module.compress(layer))
            for module in (gzip, bz2, lzma)
        },
        "an image compressed": gzip.compress(_tar(layer)),
        "what stands behind a tar": _tar(b"nothing") + canary.encode(),
    }.items():
        findings = Findings()
        tars.in_stream(Search({"canary": canary}), io.BytesIO(image), "image", findings)
        if not findings.hits or findings.unread:
            raise Blind(f"the search does not find a canary in {form}")


def prove_files(folder: Path) -> None:
    """Plant a canary below an empty `folder` and find it, or raise Blind."""
    canary = f"canary-{secrets.token_hex(12)}"
    search = Search({"canary": canary})
    (folder / "inner").mkdir()
    (folder / "inner" / "content").write_bytes(bytes(5_000_001) + canary.encode())
    (folder / "inner" / canary).touch()
    (folder / "link").symlink_to(canary)
    found = {hit.place for hit in places.in_folder(search, folder)}
    expected = {
        f"{folder}/inner/content",
        f"the name of {folder}/inner/{canary}",
        f"the target of {folder}/link",
    }
    if found != expected:
        raise Blind(f"the search does not find {expected - found}")


# This program gets the canaries with all bits inverted, so that each lies only where it is put.
_CARRIER = """
import ctypes, json, mmap, os, sys, tempfile
ctypes.CDLL(None).prctl(4, int(sys.argv[2]), 0, 0, 0)  # PR_SET_DUMPABLE
canaries = {
    kind: bytes(255 - byte for byte in bytes.fromhex(text))
    for kind, text in json.loads(sys.stdin.readline()).items()
}
os.write(os.memfd_create("carrier"), canaries.pop("memfd"))
temporary = tempfile.TemporaryFile(buffering=0)
temporary.write(canaries.pop("temporary file"))
shared = mmap.mmap(-1, 2**20)
shared[70_001 : 70_041] = canaries.pop("shared memory").ljust(40)
wide = chr(0x1F426) + canaries.pop("wide text").decode()
freed = [bytes(list(canaries.pop("freed"))) * 50]
del freed
print("ready", flush=True)
sys.stdin.read()
"""
_EXPECTED = {
    "argument": ("cmdline of ", "bytes"),
    "environment": ("environ of ", "bytes"),
    "memfd": ("/memfd:", "bytes"),
    "temporary file": ("/", "bytes"),
    "shared memory": ("memory of ", "bytes"),
    "heap": ("memory of ", "bytes"),
    "wide text": ("memory of ", "utf-32-le"),
    "freed": ("memory of ", "bytes"),
}


def prove_processes(*, dumpable: bool = False) -> None:
    """Find canaries in each place of a running process, or raise Blind.

    Without `dumpable` the process is like those of a function. Raises PermissionError if the
    caller may not read the memory of such a process.
    """
    canaries = {kind: f"canary-{secrets.token_hex(12)}" for kind in _EXPECTED}
    inverted = {
        kind: bytes(255 - byte for byte in canary.encode()).hex()
        for kind, canary in canaries.items()
        if kind not in ("argument", "environment")
    }
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _CARRIER, canaries["argument"], str(int(dumpable))],
        env=os.environ | {"CARRIER": canaries["environment"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(inverted) + "\n")
        process.stdin.flush()
        process.stdout.readline()
        hits = places.in_processes(Search(canaries), process.pid)
        process.stdin.close()
    for kind, (place, form) in _EXPECTED.items():
        if not any(
            hit.canary == kind and hit.form == form and hit.place.startswith(place) for hit in hits
        ):
            raise Blind(f"the search does not find a canary in a process: {kind}")
