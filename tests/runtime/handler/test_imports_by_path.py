"""Modules that are imported by their paths: none of their bytecode is kept, and libraries as ever.

tests/parity compares what can be imported, and how, with the official template.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.runtime.handler.conftest import Evaluator
from tests.support import serve

FILES: dict[str, str | bytes] = {
    "handler.py": """\
import importlib.machinery, importlib.util, os, runpy, sys

HERE = os.path.dirname(__file__)
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "lib"))

def loaded(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def handle(event, context):
    return {"body": [eval(event.body, globals())]}
""",
    "secret.py": "VALUE = 7\n",
    "lib/vendored/__init__.py": "from .inner import VALUE\n",
    "lib/vendored/inner.py": "VALUE = 8\n\n\ndef fails():\n    raise LookupError('vendored')\n",
    "lib/broken.py": "def fails(:\n",
}
IMPORTS = {
    "__import__('secret').VALUE": 7,
    "__import__('vendored').VALUE": 8,
    "loaded('it', HERE + '/secret.py').VALUE": 7,
    "importlib.machinery.SourceFileLoader('it', HERE + '/secret.py').load_module().VALUE": 7,
    "runpy.run_path(HERE + '/secret.py')['VALUE']": 7,
    "runpy.run_module('vendored.inner')['VALUE']": 8,
}


def test_no_bytecode_of_the_folder_is_kept_on_a_disk(tmp_path: Path) -> None:
    environ = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    with serve(FILES, environ=environ) as function:
        evaluate = Evaluator(function)
        assert evaluate("sys.dont_write_bytecode").json() == [False]
        for expression, value in IMPORTS.items():
            answer = evaluate(expression)
            assert answer.json() == [value], expression
        assert evaluate("__import__('wave').__cached__").json()[0].startswith(str(tmp_path))
    kept = list(tmp_path.rglob("*.pyc"))
    assert [path for path in kept if path.name.startswith("wave.")], "bytecode is kept of others"
    assert [path for path in kept if "home/app" in str(path)] == []


def test_no_bytecode_that_lies_on_a_disk_is_taken_for_the_folders(tmp_path: Path) -> None:
    name = f"secret.{sys.implementation.cache_tag}.pyc"
    (tmp_path / "home/app/function").mkdir(parents=True)
    (tmp_path / "home/app/function" / name).write_bytes(b"planted")
    link = "(lambda name: [os.symlink(HERE, name), loaded('it', name + '/secret.py').VALUE])"
    with serve(FILES, environ={"PYTHONPYCACHEPREFIX": str(tmp_path)}) as function:
        evaluate = Evaluator(function)
        assert evaluate("__import__('secret').VALUE").json() == [7]
        assert evaluate(f"{link}({str(tmp_path / 'link')!r})").json() == [[None, 7]]
    assert not list(tmp_path.rglob("link/*"))


def test_a_path_of_the_environment_leads_into_the_folder() -> None:
    handler = "import vendored\n\ndef handle(event, context):\n    return str(vendored.VALUE)\n"
    files = {**FILES, "handler.py": handler}
    for path in ("/home/app/function/lib", "function/lib"):
        with serve(files, environ={"PYTHONPATH": path}) as function:
            assert function.request().text == "8"


def test_traces_show_the_lines_of_modules_that_are_imported_by_path() -> None:
    with serve(FILES) as function:
        trace = Evaluator(function).trace("__import__('vendored').inner.fails()")
        assert trace.endswith(
            '  File "/home/app/function/lib/vendored/inner.py", line 5, in fails\n'
            "    raise LookupError('vendored')\n"
            "LookupError: vendored\n"
        )
        trace = Evaluator(function).trace("__import__('broken')")
        assert '  File "/home/app/function/lib/broken.py", line 1\n    def fails(:\n' in trace
        assert "faas_sealed" not in trace
        assert trace.endswith("SyntaxError: invalid syntax\n")


@pytest.mark.parametrize("module", ["sqlite3", "ssl", "subprocess", "PIL.ImageFont"])
def test_libraries_with_advice_are_what_they_are(module: str) -> None:
    source = f"""\
import sys
LOADED = {module!r} in sys.modules
import importlib
module = importlib.import_module({module!r})

def handle(event, context):
    return [LOADED, module.__spec__.name, type(module.__loader__).__name__, module.__file__]
"""
    with serve({"handler.py": source}) as function:
        loaded, name, loader, file = function.request().json()
    assert (name, loader) == (module, "SourceFileLoader")
    assert os.path.isfile(file)  # noqa: PTH113
    if module in ("sqlite3", "PIL.ImageFont"):
        assert not loaded, "the zygote has loaded it"
