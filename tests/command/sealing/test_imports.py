from __future__ import annotations

import ast

import pytest
from faas_seal.sealing.imports import libraries, own_modules, unexplained


def found(code: str, **others: str) -> tuple[str, ...]:
    files = {"handler.py": code, **others}
    return libraries(files, parsed(files).values())


def parsed(files: dict[str, str]) -> dict[str, ast.Module]:
    return {name: ast.parse(code) for name, code in files.items() if name.endswith(".py")}


def test_finds_libraries_wherever_they_are_imported() -> None:
    code = """
import numpy.linalg as la, yaml
from PIL import Image
def handle(event, context):
    from requests.auth import AuthBase
    try:
        import orjson
    except ImportError:
        import json
"""
    assert found(code) == ("PIL", "numpy", "orjson", "requests", "yaml")


@pytest.mark.parametrize(
    "code",
    [
        "import os.path, json, __main__, distutils, tomllib",
        "from . import x",
        "from .x import y",
        "from function.x import y",
        "import function",
        "from __future__ import annotations",
    ],
)
def test_names_neither_the_standard_library_nor_the_function(code: str) -> None:
    assert found(code) == ()


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio",
        "from asyncio import run",
        "async def handle(event, context): pass",
        "def handle(event, context):\n    async def pieces():\n        yield ''",
    ],
)
def test_names_asyncio_for_a_handler_with_coroutines(code: str) -> None:
    assert found(code) == ("asyncio",)
    assert found("import requests", **{"asyncio.py": code}) == ("requests",)
    assert unexplained(("asyncio", "requests"), "requests") == ()


def test_names_no_module_of_the_bundle() -> None:
    others = {"lib/secret_model.py": "import tariffs", "tariffs/rates.csv": ""}
    assert found("import secret_model, lib, flask", **others) == ("flask",)


@pytest.mark.parametrize(
    ("imported", "requirements", "expected"),
    [
        (("numpy",), "", ("numpy",)),
        (("numpy",), "# numpy\n", ("numpy",)),
        (("numpy",), "numpy==2.1\n", ()),
        (("typing_extensions",), "Typing.Extensions>=4\n", ()),
        (("PIL",), "Pillow\n", ()),
        (("PIL", "numpy"), "numpy\n", ("PIL",)),
        (("flask", "werkzeug"), "", ()),
    ],
)
def test_tells_libraries_that_nothing_installs(
    imported: tuple[str, ...], requirements: str, expected: tuple[str, ...]
) -> None:
    assert unexplained(imported, requirements) == expected


def test_modules_of_its_own_are_no_libraries() -> None:
    files = {
        "handler.py": "import json, words\nfrom shop.till import pay\nfrom .rates import RATES",
        "words.py": "",
        "rates.py": "",
        "json.py": "",
        "shop/till.py": "import handler",
    }
    assert own_modules(parsed(files)) == ("handler", "shop", "words")
    for line in ("import sys\nsys.path.insert(0, HERE)", "from sys import path"):
        assert own_modules(parsed({**files, "late.py": line})) == ()
