"""The size that an image adds to the one that it is built from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from faas_seal import AuthorKey, FunctionKey, seal

from benchmarks.contestants import FUNCTION, HERE, TEMPLATE, official_template

PYTHON = "3.12"
BASE = f"python:{PYTHON}-slim-bookworm"


def available() -> bool:
    """Tell whether Docker answers and has the base image."""
    return shutil.which("docker") is not None and _docker("image", "inspect", BASE) is not None


def added(folder: Path) -> dict[str, float]:
    """Return by template how many MB (10^6 bytes) an image has beyond its base."""
    sizes = {"python3-encrypted": _ours(folder / "ours")}
    if official := official_template():
        sizes[official.name] = _official(folder / "theirs", official)
    return sizes


def _ours(context: Path) -> float:
    shutil.copytree(TEMPLATE, context, ignore=shutil.ignore_patterns("__pycache__"))
    function = context / "function"
    source = {"handler.py": (HERE / "handler.py").read_bytes()}
    key = FunctionKey.generate()
    sealed = seal(source, function=FUNCTION, author=AuthorKey.generate(), keys=[key])
    (function / "function.sealed").write_bytes(sealed)
    return _size_over_base(context)


def _official(context: Path, template: Path) -> float:
    shutil.copytree(template, context)
    shutil.copy(HERE / "handler.py", context / "function" / "handler.py")
    return _size_over_base(context, "--build-arg", "TEST_ENABLED=false")


def _size_over_base(context: Path, *options: str) -> float:
    tag = f"faas-seal-bench-{context.name}"
    arguments = ("--build-arg", f"PYTHON_VERSION={PYTHON}", *options)
    subprocess.run(
        ["docker", "build", "--quiet", *arguments, "--tag", tag, str(context)],
        check=True,
        capture_output=True,
    )
    try:
        return (_size(tag) - _size(BASE)) / 1e6
    finally:
        _docker("image", "rm", tag)


def _size(image: str) -> int:
    output = _docker("image", "inspect", "--format", "{{.Size}}", image)
    assert output is not None
    return int(output)


def _docker(*arguments: str) -> str | None:
    """Return what docker prints, or None if it fails."""
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    return result.stdout if result.returncode == 0 else None
