"""What is measured: the same handler behind different servers."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from faas_seal import AuthorKey, FunctionKey, seal

HERE = Path(__file__).parent
TEMPLATE = HERE.parent / "template" / "python3-encrypted"
ISOLATIONS = ("burst", "warm", "request")
# The one port that the official template knows.
OFFICIAL_PORT = 5000
FUNCTION = "bench"


@dataclass(frozen=True)
class Contestant:
    """A server: its command, its variables, where it listens, the header that it wants."""

    name: str
    command: tuple[str, ...]
    port: int
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    header: str = "X-Function-Key: none"


def contestants(folder: Path, port: int) -> list[Contestant]:
    """Return all that can be measured here; `folder` is for what they need.

    The first is what the others are compared with.
    """
    plain = Contestant(
        "Flask and waitress",
        (sys.executable, "-m", "benchmarks.plain", str(port)),
        port,
        folder,
        {"PYTHONPATH": str(HERE.parent)},
    )
    official = [_official(folder, given)] if (given := official_template()) else []
    return [plain, *official, *_ours(folder, port)]


def official_template() -> Path | None:
    """Return the folder of the official python3-http, if `PYTHON3_HTTP` names it."""
    given = os.environ.get("PYTHON3_HTTP")
    return Path(given) if given else None


def _official(folder: Path, template: Path) -> Contestant:
    program = folder / "official"
    (program / "function").mkdir(parents=True)
    shutil.copy(template / "index.py", program)
    (program / "function" / "__init__.py").touch()
    shutil.copy(HERE / "handler.py", program / "function")
    return Contestant(template.name, (sys.executable, "index.py"), OFFICIAL_PORT, program)


def _ours(folder: Path, port: int) -> list[Contestant]:
    author, key = AuthorKey.generate(), FunctionKey.generate()
    source = {"handler.py": (HERE / "handler.py").read_bytes()}
    file = folder / "function.sealed"
    file.write_bytes(seal(source, function=FUNCTION, author=author, keys=[key]))
    environ = {"seal_author": author.public, "seal_file": str(file)}
    return [
        Contestant(
            isolation,
            (sys.executable, str(TEMPLATE / "index.py")),
            port,
            folder,
            {**environ, "seal_isolation": isolation},
            f"X-Function-Key: {key.text}",
        )
        for isolation in ISOLATIONS
    ]
