"""What a seal takes along, served: the handler finds all of it."""

from __future__ import annotations

from tests.command.serving.conftest import Project

HANDLER = """\
import json
from pathlib import Path

from .ab_test import split
from .common import X
from .linked.deep import Y


def handle(event, context):
    rates = json.loads(Path(__file__).with_name("rates.json").read_text())
    return json.dumps([split(3), X, Y, rates])
"""


def test_a_handler_finds_what_was_taken_along(project: Project) -> None:
    files = {
        "program/handler.py": HANDLER,
        "program/ab_test.py": "def split(n): return n % 2\n",
        "program/lib/deep.py": "Y = 'deep'\n",
        "program/.sealignore": "raw/\n",
        "common/__init__.py": "X = 'common'\n",
        "rates.json": "7",
    }
    for name, content in files.items():
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (project.folder / "program" / "linked").symlink_to("lib")
    with project.stack.open("a") as stack:
        stack.write("configuration:\n  copy: [./common, rates.json]\n")
    project.seal()
    with project.serving() as local:
        assert local.call().text == '[1, "common", "deep", 7]'
