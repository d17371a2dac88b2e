"""What python3-http answered, as a file: a line for each case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.parity.outcome import Outcome

FILE = Path(__file__).parent / "recorded.json"
FUNCTIONS_FILE = Path(__file__).parent / "functions" / "recorded.json"


@dataclass(frozen=True)
class Recorded:
    """`versions` says of what; `outcomes` has the cases by the names of their groups."""

    versions: Mapping[str, str]
    outcomes: Mapping[str, Mapping[str, Outcome]]

    def write(self, file: Path) -> None:
        groups = {"versions": self.versions, **self.outcomes}
        blocks = [f"{_dumped(name)}: {{\n{_lines(group)}\n}}" for name, group in groups.items()]
        file.write_text("{\n" + ",\n".join(blocks) + "\n}\n", "utf-8")


def read(file: Path = FILE) -> Recorded:
    groups = json.loads(file.read_text("utf-8"))
    return Recorded(groups.pop("versions"), groups)


def _lines(group: Mapping[str, object]) -> str:
    return ",\n".join(f" {_dumped(name)}: {_dumped(value)}" for name, value in group.items())


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
