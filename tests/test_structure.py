"""The structure that documents promise: one name for one thing, and a guard for each boundary."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (ROOT / "template/python3-encrypted/faas_sealed", ROOT / "tools/faas_seal")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
# The command adds to the one tree of errors, and has keys as values beside their text forms.
SHARED_NAMES = {"errors", "keys"}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from package.rglob("*.py")


def test_no_two_modules_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        # A module of the command line is named after its verb.
        if path.stem != "__init__" and path.parent.name != "cli":
            places[path.stem].append(str(path.relative_to(ROOT)))
    assert places
    assert {n: at for n, at in places.items() if len(at) > 1 and n not in SHARED_NAMES} == {}


def test_no_two_public_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert places
    assert {name: at for name, at in places.items() if len(at) > 1} == {}


def test_each_module_names_what_it_is() -> None:
    vague = {}
    for path in modules():
        first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
        # The help of a verb stands in its function.
        if path.parent.name != "cli" and (
            not first or re.match(r"(What|Where|Which|Who|How)\b", first)
        ):
            vague[str(path.relative_to(ROOT))] = first
    assert vague == {}


def test_nothing_in_the_acceptor_forks() -> None:
    runtime = PACKAGES[0] / "runtime"
    called = {
        ast.unparse(node.func)
        for folder in ("acceptor", "shared")
        for path in (runtime / folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    # By exec, the zygote is started.
    assert "os.posix_spawn" in called
    assert not {
        name for name in called if re.match(r"os\.(fork|system|popen)|subprocess|multi", name)
    }


def guards() -> list[str]:
    """Return the last cell of each row of the table that says what a process must never do."""
    table = ARCHITECTURE.partition("## What each process must never do")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \w+ \| .+ \| (.+) \|$", table, re.MULTILINE)
    return [row for row in rows if row != "enforced by"]


@pytest.mark.parametrize("guard", guards())
def test_each_promise_of_a_process_is_held_by_a_contract_or_a_test(guard: str) -> None:
    contracts = re.findall(r"contract “([^”]+)”", guard)
    tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", guard)
    assert contracts or tests
    configuration = (ROOT / "pyproject.toml").read_text("utf-8")
    assert [name for name in contracts if f'name = "{name}"' not in configuration] == []
    assert [f for f, name in tests if f"def {name}(" not in (ROOT / f).read_text("utf-8")] == []


def test_every_process_has_its_guards() -> None:
    assert len(guards()) >= 3
