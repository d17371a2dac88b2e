"""What is released: the wheel, and what its metadata and the changelog say of it."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

from faas_sealed import __version__

from tests.test_template import PYTHONS, ROOT


def test_the_wheel_has_the_license_the_template_and_the_version(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        metadata = message_from_bytes(archive.read(f"{info}/METADATA"))
        packed = {name for name in archive.namelist() if "template/" in name}
    assert metadata["Version"] == __version__
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata.get_all("Classifier", [])))
    assert tuple(versions) == PYTHONS
    files = {path.relative_to(ROOT) for path in (ROOT / "template").rglob("*") if path.is_file()}
    made = {path for path in files if "__pycache__" in path.parts}
    assert packed == {f"faas_seal/{path.as_posix()}" for path in files - made}


def test_the_newest_release_of_the_changelog_is_this_one() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in ("Unreleased", __version__)
    assert headings[1:2] in ([], [__version__])
