"""Run the official template with every handler, and keep its answers.

    PYTHON3_HTTP=…/python-flask-template/template/python3-http python -m tests.parity.record

The folder is that of a checkout of https://github.com/openfaas/python-flask-template.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.parity import recorded
from tests.parity.cases import GROUPS
from tests.parity.cases.functions import FUNCTIONS
from tests.parity.document import write_document
from tests.parity.official import outcomes
from tests.parity.outcome import Outcome
from tests.parity.recorded import Recorded
from tests.parity.service import surroundings

VARIABLE = "PYTHON3_HTTP"


def main() -> int:
    template = Path(os.environ.get(VARIABLE, ""))
    if not os.environ.get(VARIABLE) or not (template / "index.py").is_file():
        print(
            f"error: {VARIABLE} names no folder of the official template (there is no index.py)\n"
            "hint: git clone https://github.com/openfaas/python-flask-template ../official && "
            f"make parity {VARIABLE}=../official/template/python3-http",
            file=sys.stderr,
        )
        return 2
    for groups, file in ((GROUPS, recorded.FILE), (FUNCTIONS, recorded.FUNCTIONS_FILE)):
        found: dict[str, dict[str, Outcome]] = {}
        with surroundings() as environ:
            for group in groups:
                print(f"{len(group.cases):4d}  {group.name}", file=sys.stderr, flush=True)
                found[group.name] = outcomes(template, group, environ)
        Recorded(_versions(template), found).write(file)
    write_document()
    return 0


def _versions(template: Path) -> dict[str, str]:
    described = subprocess.run(
        ["git", "-C", str(template), "describe", "--tags", "--always", "--dirty"],
        capture_output=True,
        text=True,
    )
    return {
        template.resolve().name: described.stdout.strip() or "of an unknown version",
        **{name: version(name) for name in ("flask", "werkzeug", "waitress", "requests")},
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
