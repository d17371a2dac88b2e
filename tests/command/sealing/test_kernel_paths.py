"""Calls that cannot work, because C code does not find sealed files, are said beforehand."""

from __future__ import annotations

import ast

import pytest
from faas_seal.sealing.kernel_paths import kernel_paths

HEAD = """\
import ctypes, os, sqlite3, subprocess
import importlib.resources as resources
from pathlib import Path
from sqlite3 import connect as opens
HERE = os.path.dirname(os.path.abspath(__file__))
DATABASE = os.path.join(HERE, "data", "prices.db")

def p(name):
    return os.path.join(HERE, "data", name)

"""
FILES = ("handler.py", "data/prices.db", "libfast.so", "logo.png")


def found(code: str) -> list[str]:
    lines = kernel_paths(dict.fromkeys(FILES), {"handler.py": ast.parse(HEAD + code)})
    return [line.partition(": ")[2] for line in lines]


@pytest.mark.parametrize(
    "call",
    [
        "sqlite3.connect(DATABASE)",
        "sqlite3.connect(database=DATABASE)",
        "opens(p('prices.db'))",
        "sqlite3.connect('function/data/prices.db')",
        "sqlite3.connect('/home/app/function/data/prices.db')",
        "sqlite3.connect(f'file:{DATABASE}?mode=ro', uri=True)",
        "sqlite3.connect(Path(__file__).with_name('other.db'))",
    ],
)
def test_a_database_of_the_function_is_noticed(call: str) -> None:
    assert found(f"def handle(event, context):\n    return {call}\n") == [
        "sqlite3.connect does not find sealed files, which are in memory alone: "
        "copy it to /tmp, or deserialize() what open() reads"
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("ctypes.CDLL(HERE + '/libfast.so')", "take libraries from requirements.txt"),
        ("subprocess.run(['convert', p('logo.png'), '/tmp/x'])", "give the process the content"),
        ("subprocess.check_output('ls', cwd=HERE)", "give the process the content"),
        ("os.system('cat function/data/prices.db')", "give the process the content"),
        ("resources.as_file(resources.files(__package__) / 'logo.png')", "use open() or read"),
    ],
)
def test_other_calls_are_noticed(call: str, said: str) -> None:
    [line] = found(call)
    assert said in line


@pytest.mark.parametrize(
    "call",
    [
        "sqlite3.connect(':memory:')",
        "sqlite3.connect('/tmp/prices.db')",
        "sqlite3.connect(os.environ['DATABASE'])",
        "subprocess.run(['date'])",
        "subprocess.run(['cat'], stdin=None)",
        "open(p('prices.db'))",
        "ctypes.CDLL('libc.so.6')",
        "self.connect(DATABASE)",
    ],
)
def test_what_can_work_is_not_mentioned(call: str) -> None:
    assert found(call) == []


def test_the_line_says_where_the_call_stands() -> None:
    [line] = kernel_paths(
        dict.fromkeys(FILES), {"shop/till.py": ast.parse("import os\nos.system('cat logo.png')\n")}
    )
    assert line.startswith("shop/till.py line 2: os.system does not find sealed files")
