"""A function full of words that stand nowhere else, so that they can be looked for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

HANDLER = '''\
"""{word} in a docstring"""

from importlib import resources

from .{word}_sibling import {word}_function

{word}_CONSTANT = "{word} in a constant"  # {word} in a comment
DATA = resources.files(__package__).joinpath("{word}.txt").read_text()


def handle(event, context):
    if event.path == "/fail":
        raise ValueError("{word} in an exception")
    return {{"body": {word}_function(event.query.get("name", DATA))}}
'''
SIBLING = '''\
def {word}_function(name):
    """{word} in another docstring"""
    return f"greetings, {{name}}"
'''


@dataclass(frozen=True)
class Canary:
    """A word, and a function that has it wherever a secret could stand."""

    word: str = field(default_factory=lambda: f"canary{uuid.uuid4().hex}")

    def write(self, folder: Path) -> None:
        """Put the function's files into a handler folder."""
        (folder / "handler.py").write_text(HANDLER.format(word=self.word))
        (folder / f"{self.word}_sibling.py").write_text(SIBLING.format(word=self.word))
        (folder / f"{self.word}.txt").write_text("stranger")
        (folder / "handler_test.py").unlink()
