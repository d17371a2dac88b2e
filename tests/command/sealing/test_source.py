from __future__ import annotations

import os
from pathlib import Path

import pytest
from faas_seal.errors import SourceRefused
from faas_seal.sealing.source import check_files, read_source
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    IDENTITY_SEED,
    TRANSPORT_SEED,
    TextForm,
)

HANDLER = "def handle(event, context): return 'hello'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "greet").mkdir()
    write(tmp_path / "greet", "handler.py", HANDLER)
    return tmp_path / "greet"


def write(folder: Path, name: str, content: str | bytes = "x") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_reads_files_of_all_folders(folder: Path) -> None:
    write(folder, "data/prices.csv", b"\x00\xff")
    write(folder, "model/deep/__init__.py", "")
    assert read_source(folder).files == {
        "handler.py": HANDLER.encode(),
        "data/prices.csv": b"\x00\xff",
        "model/deep/__init__.py": b"",
    }


@pytest.mark.parametrize("form", [FUNCTION_KEY, AUTHOR_SEED, TRANSPORT_SEED, IDENTITY_SEED])
def test_refuses_files_that_hold_a_secret_key(folder: Path, form: TextForm) -> None:
    key = form.encode(os.urandom(32))
    write(folder, "config.py", f"KEY = '{key}'  # not here\n")
    with pytest.raises(SourceRefused, match=r"config\.py holds an? ") as caught:
        read_source(folder)
    assert key not in str(caught.value)
    write(folder, ".sealignore", "config.py\n")
    assert list(read_source(folder).files) == ["handler.py"]


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_refuses_private_keys_of_other_programs(folder: Path, kind: str) -> None:
    write(folder, "data/server.pem", f"-----BEGIN {kind}PRIVATE KEY-----\nMIIB\n")
    with pytest.raises(SourceRefused, match=r"data/server\.pem holds a private key"):
        read_source(folder)


def test_takes_what_only_looks_like_a_secret_key(folder: Path) -> None:
    public = AUTHOR_PUBLIC.encode(bytes(32))
    damaged = FUNCTION_KEY.encode(bytes(32))[:-1] + "_"
    write(folder, "notes.txt", f"{public} {damaged} fsk1_… -----BEGIN CERTIFICATE-----")
    assert "notes.txt" in read_source(folder).files


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def handle(event, context)\n    pass\n", "handler.py does not compile: line 1"),
        ("x = '\0'\n", "handler.py does not compile"),
        ("def main(): pass\n", "no function handle"),
        ("class A:\n    def handle(self): pass\n", "no function handle"),
        ("def main():\n    handle = 1\n", "no function handle"),
        ("class A:\n    async def handle(self): pass\n", "no function handle"),
        ("return 1\ndef handle(event, context): pass\n", "line 1: 'return' outside function"),
    ],
)
def test_refuses_a_handler_that_cannot_be_called(code: str, message: str) -> None:
    with pytest.raises(SourceRefused, match=message):
        check_files({"handler.py": code.encode()})


def test_every_module_must_compile_and_none_is_run() -> None:
    files = {"handler.py": HANDLER.encode(), "rules/model.py": b"raise SystemExit\nx = '\\d'\n"}
    check_files(files)
    with pytest.raises(
        SourceRefused, match=r"rules/model\.py does not compile: line 2: "
    ) as caught:
        check_files({**files, "rules/model.py": b"x = 1\ndef f(:\n"})
    assert ".sealignore" in caught.value.hint
    check_files({**files, "rules/model.txt": b"def f(:\n"})


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import x\nfinally:\n    def handle(event, context): pass\n",
        "async def handle(event, context): pass\n",
        "from .app import main as handle\n",
        "from .app import *\n",
        "handle = make()\n",
        "handle: object = make()\n",
        "# -*- coding: latin-1 -*-\ndef handle(e, c): return '\xe9'\n",
    ],
)
def test_takes_a_handler_however_it_is_bound(code: str) -> None:
    check_files({"handler.py": code.encode("latin-1")})


def test_refuses_a_folder_without_a_handler(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="no source folder"):
        read_source(tmp_path / "missing")
    with pytest.raises(SourceRefused, match=r"no handler\.py"):
        read_source(tmp_path)
