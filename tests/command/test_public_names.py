"""The names of faas_seal: loaded when used, documented, and free of the command's words."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import faas_seal
import faas_seal.errors
import faas_sealed.formats.errors
import pytest
from faas_sealed.formats.errors import SealError

PACKAGE = Path(faas_seal.__file__).parent
HEAVY = ("requests", "urllib3", "cryptography", "nacl", "ruamel", "click", "pathspec")
ERRORS = [
    value
    for module in (faas_sealed.formats.errors, faas_seal.errors)
    for value in vars(module).values()
    if inspect.isclass(value)
    and issubclass(value, SealError)
    and value.__module__ == module.__name__
]
COMMAND_WORDS = re.compile(r"--[a-z]|faas-seal [a-z]")


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def loaded_by(code: str) -> set[str]:
    return set(run_python(f"{code}\nimport sys\nprint(*sys.modules)").split())


def test_importing_the_package_loads_next_to_nothing() -> None:
    loaded = loaded_by("import faas_seal")
    assert "faas_seal" in loaded
    assert [name for name in loaded if name.partition(".")[0] in HEAVY] == []
    assert [name for name in loaded if name.startswith(("faas_seal.", "faas_sealed"))] == []
    assert len(loaded - loaded_by("")) < 60


def test_a_key_with_a_public_half_does_not_load_what_calls() -> None:
    assert "requests" not in loaded_by("from faas_seal import AuthorKey, seal, verify")
    assert "requests" in loaded_by("from faas_seal import FunctionKey")


def test_every_name_is_there_and_listed() -> None:
    names = run_python(
        "import faas_seal\n"
        "assert set(faas_seal.__all__) <= set(dir(faas_seal))\n"
        "from faas_seal import *\n"
        "print(*(name for name in faas_seal.__all__ if name in globals()))\n"
    ).split()
    assert names == faas_seal.__all__ == sorted(set(names))


def test_a_type_checker_sees_the_names_that_are_there() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    seen = {
        (alias.asname, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
        if alias.asname
    }
    assert seen == {(name, faas_seal._MODULES[name]) for name in faas_seal.__all__}


def test_a_name_that_is_not_there_is_missed() -> None:
    with pytest.raises(AttributeError, match="'faas_seal' has no attribute 'Duplex'"):
        faas_seal.Duplex  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(faas_seal, "unseal")


def documented() -> Iterator[tuple[str, str]]:
    """Yield every public docstring, with the name of what it is of."""
    for name in faas_seal.__all__:
        value = getattr(faas_seal, name)
        yield name, inspect.getdoc(value) or ""
        members = inspect.getmembers(value) if inspect.isclass(value) else []
        for member, function in members:
            if not member.startswith("_") or member == "__init__":
                ours = getattr(function, "__module__", "") or ""
                if ours.startswith("faas_seal") or isinstance(function, property):
                    yield f"{name}.{member}", inspect.getdoc(function) or ""


def test_every_error_that_a_docstring_names_can_be_imported() -> None:
    known = {error.__name__ for error in ERRORS}
    told = {
        (place, word)
        for place, text in documented()
        for word in re.findall(r"\b[A-Z]\w+", text)
        if word in known
    }
    assert len(told) > 40
    assert {(place, word) for place, word in told if word not in faas_seal.__all__} == set()


@pytest.mark.parametrize("name", faas_seal.__all__)
def test_every_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(faas_seal, name))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_can_be_sent_to_another_process(error: type[SealError]) -> None:
    sent = error("what is wrong")
    got = pickle.loads(pickle.dumps(sent))  # noqa: S301
    assert (type(got), str(got), vars(got)) == (error, "what is wrong", vars(sent))


def reachable() -> list[Path]:
    """Return the modules that are loaded once all names are."""
    code = "from faas_seal import *\nimport sys\n" + (
        "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'faas_seal'))"
    )
    return [Path(name) for name in run_python(code).split()]


def texts_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield all texts in a module with their lines, but for docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield node.lineno, node.value


def test_python_callers_meet_no_words_of_the_command_line() -> None:
    paths = reachable()
    assert {"keystore.py", "stackfile.py", "discovery.py", "source.py"} <= {p.name for p in paths}
    assert not [path for path in paths if "cli" in path.parts]
    # Modules of the same folder that no public name loads yet.
    paths += (PACKAGE / "calling").glob("*.py")
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in dict.fromkeys(paths)
        for line, text in texts_in(ast.parse(path.read_text()))
        if COMMAND_WORDS.search(text)
    ]
    assert found == []


def test_words_of_the_command_line_would_be_found() -> None:
    code = 'def f():\n    """--yaml"""\n    raise E(f"{x}", hint=f"faas-seal seal {x}")'
    texts = [text for _, text in texts_in(ast.parse(code))]
    assert [text for text in texts if COMMAND_WORDS.search(text)] == ["faas-seal seal "]
