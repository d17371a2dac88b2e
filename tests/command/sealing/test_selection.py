"""What a seal takes along of a folder, and what it leaves out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faas_seal.errors import SourceRefused
from faas_seal.sealing.selection import Part
from faas_seal.sealing.source import Source, read_source

from tests.command.sealing.test_source import HANDLER, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "greet", "handler.py", HANDLER)
    return tmp_path / "greet"


def names(source: Source) -> set[str]:
    return set(source.files) - {"handler.py"}


# By default.

LEFT_OUT = """
handler_test.py test_handler.py conftest.py tests/data.json model/tests/test_it.py test/x.py
.pytest_cache/x .mypy_cache/x old.pyc x.egg-info/PKG-INFO tox.ini .coverage htmlcov/x
build/lib/x.py template/x.html .ipynb_checkpoints/x node_modules/x/y.js
.env .env.production .envrc .netrc tls.key client.p12 client.pfx sub/id_ed25519 id_ecdsa
.venv/lib/x.py venv/x.py
.hg/x .svn/x .gitignore .gitattributes .gitmodules .github/x.yml
.idea/x .vscode/x handler.py~ .#handler.py #handler.py# .handler.py.swp .handler.py.swo
handler.py.orig handler.py.rej .~lock.rates.ods# .nfs0000 sub/x~
._handler.py sub/._x .DS_Store sub/.DS_Store Thumbs.db sub/Thumbs.db desktop.ini __MACOSX/x
"""


@pytest.mark.parametrize("ignoring", ["", "*.log\n", "# no\n"], ids=["none", "log", "empty"])
@pytest.mark.parametrize("name", LEFT_OUT.split())
def test_what_is_no_code_of_the_function_is_left_out(
    folder: Path, name: str, ignoring: str
) -> None:
    """A `.sealignore` adds to that, and takes nothing of it back."""
    write(folder, name, b"\0\5\26\7")
    if ignoring:
        write(folder, ".sealignore", ignoring)
    source = read_source(folder)
    assert names(source) == set()
    assert any(name.startswith(left) for left in source.left_out)


TAKEN = """
rates.csv sub/tests.py testing.py contest.py test.csv latest_tests.py keys.py environment.py
.hidden .config/x.json data/build/x sub/template/x.html env/module.py sub/.keep #notes monkey.keys
prod.env
"""


@pytest.mark.parametrize("name", TAKEN.split())
def test_what_only_looks_like_that_is_sealed(folder: Path, name: str) -> None:
    write(folder, name)
    source = read_source(folder)
    assert (names(source), source.left_out) == ({name}, ())


@pytest.mark.parametrize(
    "name",
    [
        ".git/config",
        "vendor/lib/.git/config",
        "__pycache__/x.pyc",
        "a/__pycache__/x.pyc",
        ".faas-seal/greet.key",
        "sub/.secrets/x",
    ],
)
@pytest.mark.parametrize("ignoring", ["", "!*\n!.git/\n!__pycache__/\n"])
def test_what_belongs_to_tools_is_never_sealed(folder: Path, name: str, ignoring: str) -> None:
    write(folder, ".sealignore", ignoring)
    write(folder, name)
    source = read_source(folder)
    assert (names(source), source.left_out) == (set(), ())


def test_the_git_file_of_a_submodule_is_never_sealed(folder: Path) -> None:
    write(folder, ".git", "gitdir: ../.git/modules/greet\n")
    write(folder, "vendor/.git", "gitdir: ../../.git/modules/vendor\n")
    assert (names(read_source(folder)), read_source(folder).left_out) == (set(), ())


def test_a_virtual_environment_of_any_name_is_left_out(folder: Path) -> None:
    write(folder, "my-env/pyvenv.cfg", "home = /usr/bin\n")
    write(folder, "my-env/lib/python3.12/site-packages/x.py", "print 'old'\n")
    source = read_source(folder)
    assert (names(source), source.left_out) == (set(), ("my-env/",))
    write(folder, ".sealignore", "!my-env/\nlib/\n")
    assert names(read_source(folder)) == {"my-env/pyvenv.cfg"}


# What `.sealignore` says.


def test_a_sealignore_adds_to_what_is_left_out(folder: Path) -> None:
    write(folder, ".sealignore", "# big\ndata/*\n!data/prices.csv\n/notes.md\n")
    for name in ("data/raw.csv", "data/prices.csv", "notes.md", "doc/notes.md", "tests/x.py"):
        write(folder, name)
    source = read_source(folder)
    assert names(source) == {"data/prices.csv", "doc/notes.md"}
    assert set(source.left_out) == {"data/raw.csv", "notes.md", "tests/"}


@pytest.mark.parametrize(
    ("ignoring", "taken"),
    [
        ("!.env", {".env"}),
        ("!tests/", {"tests/data.json", "tests/deep/rates.json"}),
        ("!tests/data.json", {"tests/data.json"}),
        ("!/tests/*.json", {"tests/data.json"}),
        ("!tests/deep/", {"tests/deep/rates.json"}),
        ("!tests/**/rates.json", {"tests/deep/rates.json"}),
        ("!*.json", set()),  # as with git: what is in a folder that is left out stays out
        ("!test_it.py", set()),
        ("!tests/\n!test_it.py", {"tests/data.json", "tests/deep/rates.json", "tests/test_it.py"}),
        ("!.env\n.env", set()),
        ("\ufeff!.env\r\n", {".env"}),
    ],
)
def test_an_exclamation_mark_takes_something_back(
    folder: Path, ignoring: str, taken: set[str]
) -> None:
    for name in ("tests/data.json", "tests/deep/rates.json", "tests/test_it.py", "tests/.env"):
        write(folder, name, "")
    write(folder, ".env")
    write(folder, ".sealignore", ignoring)
    source = read_source(folder)
    assert names(source) == taken
    assert set(source.left_out).isdisjoint(taken)
    assert bool(source.left_out)


def test_patterns_of_a_folder_are_beside_its_files(folder: Path) -> None:
    write(folder, "data[1]/.sealignore", "*.raw\n/big.csv\n!.env\n")
    for name in ("x.raw", "big.csv", ".env", "sub/y.raw", "sub/big.csv"):
        write(folder, f"data[1]/{name}")
    write(folder, "x.raw")
    source = read_source(folder)
    assert names(source) == {"data[1]/.env", "data[1]/sub/big.csv", "x.raw"}


def test_a_pattern_that_means_nothing_is_refused(folder: Path) -> None:
    write(folder, ".sealignore", "!\n")
    with pytest.raises(SourceRefused, match=r"\.sealignore: "):
        read_source(folder)


def test_patterns_in_utf_16_are_read(folder: Path) -> None:
    write(folder, ".sealignore", "secret.txt\r\n".encode("utf-16"))
    write(folder, "secret.txt")
    assert names(read_source(folder)) == set()


def test_the_hint_about_one_file_lets_nothing_else_in(folder: Path) -> None:
    write(folder, ".env", "TOKEN=x")
    write(folder, "legacy.py", 'print "old"')
    with pytest.raises(SourceRefused, match=r"legacy\.py does not compile") as caught:
        read_source(folder)
    assert "or name it in .sealignore" in caught.value.hint
    write(folder, ".sealignore", "legacy.py\n")
    assert read_source(folder).left_out == (".env", "legacy.py")


# Links.


def test_links_in_the_source_are_followed(folder: Path) -> None:
    write(folder, "data/x.csv", "1")
    (folder / "again.py").symlink_to("handler.py")
    (folder / "more").symlink_to("data")
    (folder / "absolute").symlink_to(folder / "data" / "x.csv")
    (folder / "twice").symlink_to("more")
    files = read_source(folder).files
    assert files["again.py"] == HANDLER.encode()
    assert files["more/x.csv"] == files["absolute"] == files["twice/x.csv"] == b"1"


@pytest.mark.parametrize("what", ["secret.txt", "outside"])
def test_links_out_of_the_source_are_refused_by_name(
    folder: Path, tmp_path: Path, what: str
) -> None:
    write(tmp_path, "secret.txt")
    write(tmp_path, "outside/x")
    (folder / "sub").mkdir()
    (folder / "sub" / "link").symlink_to(tmp_path / what)
    with pytest.raises(SourceRefused, match=f"sub/link is a link that leads out of .*{what}"):
        read_source(folder)
    write(folder, ".sealignore", "link")
    assert read_source(folder).left_out == ("sub/link",) or read_source(folder).left_out == (
        "sub/link/",
    )


@pytest.mark.parametrize("target", ["missing", "loop", "sub/../nowhere"])
def test_links_to_nothing_are_refused_by_name(folder: Path, target: str) -> None:
    (folder / "loop").symlink_to(target)
    with pytest.raises(SourceRefused, match="loop is a link that leads nowhere"):
        read_source(folder)


@pytest.mark.parametrize("target", [".", "..", "../sub", "../other"])
def test_links_around_in_a_circle_are_refused_by_name(folder: Path, target: str) -> None:
    (folder / "sub").mkdir()
    (folder / "other").mkdir()
    (folder / "other" / "back").symlink_to("../sub")
    (folder / "sub" / "again").symlink_to(target)
    with pytest.raises(SourceRefused, match=r"(again|back) is a link .* in a circle"):
        read_source(folder)


@pytest.mark.parametrize("name", [".#handler.py", ".venv", "venv", ".git", "old~"])
def test_links_that_are_left_out_may_lead_anywhere(folder: Path, tmp_path: Path, name: str) -> None:
    """Emacs marks a file with unsaved changes by a link to nowhere."""
    (tmp_path / "elsewhere").mkdir()
    for target in ("ada@host.4711:1700000000", str(tmp_path / "elsewhere")):
        (folder / name).symlink_to(target)
        assert names(read_source(folder)) == set()
        (folder / name).unlink()


def test_what_is_neither_file_nor_folder_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(SourceRefused, match="pipe is neither a file nor a folder"):
        read_source(folder)


# Modules that look like tests.


def imported(folder: Path, code: str) -> Source:
    write(folder, "handler.py", f"{code}\n{HANDLER}")
    return read_source(folder)


@pytest.mark.parametrize(
    "code",
    [
        "from .ab_test import split",
        "from . import ab_test",
        "from function.ab_test import split",
        "import function.ab_test",
        "from function import ab_test",
        "def later():\n    from .ab_test import split",
        "import importlib\nimportlib.import_module('.ab_test', __package__)",
        "from importlib import import_module\nimport_module('function.ab_test')",
        "import sys, os\nsys.path.insert(0, os.path.dirname(__file__))\nimport ab_test",
        "from .rules import *",
        "from .lib import thing",
    ],
)
def test_a_module_that_looks_like_a_test_and_is_imported_is_sealed(folder: Path, code: str) -> None:
    write(folder, "ab_test.py", "def split(n): return n % 2\n")
    write(folder, "rules.py", "from .ab_test import split\n")
    write(folder, "lib/__init__.py", "")
    write(folder, "lib/thing.py", "from ..ab_test import split\n")
    write(folder, "other_test.py", "import pytest\n")
    source = imported(folder, code)
    assert "ab_test.py" in source.files
    assert list(source.taken_along) == ["ab_test.py"]
    assert source.left_out == ("other_test.py",)
    assert "other_test.py" not in source.files
    assert "pytest" not in source.libraries


def test_so_are_the_modules_and_packages_that_it_needs(folder: Path) -> None:
    write(folder, "tests/__init__.py", "")
    write(folder, "tests/data/__init__.py", "from . import test_rates\n")
    write(folder, "tests/data/test_rates.py", "from ..conftest import RATE\n")
    write(folder, "tests/conftest.py", "RATE = 1\n")
    write(folder, "tests/test_handler.py", "import pytest\n")
    source = imported(folder, "from .tests.data import test_rates")
    assert names(source) == {
        "tests/__init__.py",
        "tests/data/__init__.py",
        "tests/data/test_rates.py",
        "tests/conftest.py",
    }
    assert source.taken_along["tests/conftest.py"] == "tests/data/test_rates.py"


@pytest.mark.parametrize("code", ["import test.support", "from test import x", "import abtest"])
def test_the_librarys_modules_bring_no_test_along(folder: Path, code: str) -> None:
    write(folder, "test/__init__.py", "")
    write(folder, "test/support.py", "")
    assert names(imported(folder, code)) == set()


@pytest.mark.parametrize(
    ("ignoring", "name"), [("ab_test.py", "ab_test.py"), ("config.py", "config.py")]
)
def test_a_module_that_sealignore_leaves_out_stays_out_and_is_missed(
    folder: Path, ignoring: str, name: str
) -> None:
    write(folder, name, "")
    write(folder, ".sealignore", ignoring)
    source = imported(folder, f"from . import {name.removesuffix('.py')}")
    assert (names(source), source.missed) == (set(), {name: "handler.py"})


def test_a_module_that_looks_like_a_test_is_checked_as_others_are(folder: Path) -> None:
    write(folder, "ab_test.py", "def f(:\n")
    with pytest.raises(SourceRefused, match=r"ab_test\.py does not compile: line 1"):
        imported(folder, "from . import ab_test")


# Machine code.


@pytest.mark.parametrize(
    "name",
    [
        "fast.cpython-312-x86_64-linux-gnu.so",
        "fast.abi3.so",
        "sub/fast.so",
        "lib/libfast.so.1.2",
    ],
)
def test_machine_code_is_refused_with_the_reason(folder: Path, name: str) -> None:
    write(folder, name, b"\x7fELF")
    with pytest.raises(
        SourceRefused, match=r"is an extension module or .* only from a file"
    ) as caught:
        read_source(folder)
    assert str(caught.value).startswith(name)
    assert "requirements.txt" in caught.value.hint
    write(folder, ".sealignore", "*.so\n*.so.*\n")
    assert names(read_source(folder)) == set()


# What the stack file copies.


def test_copied_files_are_parts_of_the_source(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "common/__init__.py", "X = 1\n")
    write(tmp_path, "common/x_test.py", "")
    write(tmp_path, "common/.env", "")
    write(tmp_path, "common/.sealignore", "*.raw\n")
    write(tmp_path, "common/x.raw", "")
    write(tmp_path, "data/rates.json", "1")
    write(folder, "common/own.py", "")
    write(folder, "common/__init__.py", "X = 0\n")
    write(folder, "data/rates.json", "0")
    copied = [
        Part("common", tmp_path / "common", "common"),
        Part("data/rates.json", tmp_path / "data/rates.json", "data/rates.json"),
    ]
    source = read_source(folder, copied)
    assert names(source) == {"common/__init__.py", "common/own.py", "data/rates.json"}
    # The later copy counts, as with faas-cli.
    assert source.files["common/__init__.py"] == b"X = 1\n"
    assert source.files["data/rates.json"] == b"1"


@pytest.mark.parametrize("name", ["tests/fixtures", "build", "venv", ".env"])
def test_what_is_named_itself_is_not_left_out(folder: Path, tmp_path: Path, name: str) -> None:
    write(tmp_path, f"{name}/x.json", "1")
    write(tmp_path, f"{name}/x_test.py", "1")
    source = read_source(folder, [Part(name, tmp_path / name, name)])
    assert names(source) == {f"{name}/x.json"}


def test_links_may_lead_to_what_is_copied(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "common/rates.py", "X = 1\n")
    (folder / "rates.py").symlink_to(tmp_path / "common" / "rates.py")
    with pytest.raises(SourceRefused, match="leads out of"):
        read_source(folder)
    source = read_source(folder, [Part("common", tmp_path / "common", "common")])
    assert names(source) == {"rates.py", "common/rates.py"}
