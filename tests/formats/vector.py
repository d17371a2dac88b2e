"""The form of a test vector, as tests/vectors/README.md has it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

from tests.formats.second.text import base64_decode

FOLDER = Path(__file__).parent.parent / "vectors"
PATHS = sorted(FOLDER.glob("*/*.txt"))


class Vector:
    """One file of tests/vectors: its values by name, and its pairs of name and content."""

    def __init__(self, path: Path) -> None:
        self.values: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        name = ""
        for line in path.read_text("utf-8").split("\n"):
            if line.startswith("#") or not line:
                continue
            field, _, text = line.partition(":")
            field, _, encoding = field.partition(".")
            value = _decode(text.removeprefix(" "), encoding)
            if field == "name":
                name = value.decode()
            elif field == "content":
                self.files[name] = value
            else:
                assert field not in self.values, f"{field} twice"
                self.values[field] = value

    def __getitem__(self, name: str) -> bytes:
        return self.values[name]

    def text(self, name: str) -> str:
        return self.values[name].decode()

    @property
    def results(self) -> dict[str, bytes]:
        """What the vector says after `expect`."""
        names = list(self.values)
        return {name: self.values[name] for name in names[names.index("expect") + 1 :]}


def _decode(text: str, encoding: str) -> bytes:
    if not encoding:
        return text.encode()
    data = base64_decode(text)
    assert data is not None, "not base64"
    return zlib.decompress(data) if encoding == "zlib" else data


# What an implementation comes to: results by name, and files by name.
Results = dict[str, bytes]
Implementation = Callable[[Vector], tuple[Results, dict[str, bytes]]]
