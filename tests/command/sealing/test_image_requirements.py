"""Requirements, brought into the files that an image is built from."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from faas_seal.errors import SourceRefused
from faas_seal.sealing.image_requirements import Requirements, read_requirements
from faas_seal.sealing.selection import Part

from tests.command.sealing.test_source import write


def read(folder: Path, text: str | bytes | None = None, *copied: Part) -> Requirements:
    if text is not None:
        write(folder, "requirements.txt", text)
    return read_requirements([Part("", folder, "greet"), *copied])


def test_a_plain_file_stays_as_it_is(tmp_path: Path) -> None:
    text = (
        "# of greet\r\n--index-url https://packages.example/simple\n\n  flask==3.0.0 \\\n"
        "    --hash=sha256:aa \\\n    --hash=sha256:bb\nx @ git+https://git.example/x@v1#egg=x\n"
        "y[a,b]>=1; python_version < '3.13'  # why\nz"
    )
    found = read(tmp_path, text)
    assert (found.text, found.constraints) == (text.encode(), b"")
    assert found.read_from == ("requirements.txt",)


def test_no_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path).files == {"requirements.txt": b""}


def test_files_that_it_names_become_a_part_of_it(tmp_path: Path) -> None:
    write(tmp_path, "requirements/base.txt", "flask\n-r ./more.txt\n")
    write(tmp_path, "requirements/more.txt", "numpy")
    write(tmp_path, "a b.txt", "pandas\n")
    text = "-r requirements/base.txt  # ours\nrequests\n--requirement='a b.txt'\n"
    assert read(tmp_path, text).text == b"flask\nnumpy\nrequests\npandas\n"


@pytest.mark.parametrize(
    "line",
    [
        "-r base.txt",
        "-rbase.txt",
        "-r ./base.txt",
        "-r\tbase.txt",
        "--requirement base.txt",
        "--requirement=base.txt",
        "--requi base.txt",
        "-r \\\nbase.txt",
        '-r "base.txt"',
        "  -r base.txt # c",
        "-r ${BASE}.txt",
    ],
)
def test_it_is_found_however_it_is_written(
    tmp_path: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE", "base")
    write(tmp_path, "base.txt", "flask\n")
    assert read(tmp_path, f"{line}\n").text == b"flask\n"


def test_constraints_become_one_file(tmp_path: Path) -> None:
    write(tmp_path, "c/one.txt", "a==1\n-c two.txt\n")
    write(tmp_path, "c/two.txt", "b==2\n")
    write(tmp_path, "base.txt", "-c c/two.txt\nflask\n")
    found = read(tmp_path, "-c c/one.txt\n-r base.txt\n")
    assert re.fullmatch(rb"flask\n-c constraints\.txt  # [0-9a-f]{16}\n", found.text)
    assert found.constraints == b"b==2\na==1\n"
    assert set(found.read_from) == {"requirements.txt", "base.txt", "c/one.txt", "c/two.txt"}
    assert set(found.files) == {"requirements.txt", "constraints.txt"}


def test_a_change_of_the_constraints_changes_the_requirements(tmp_path: Path) -> None:
    write(tmp_path, "c.txt", "a==1\n")
    before = read(tmp_path, "-c c.txt\n").text
    write(tmp_path, "c.txt", "a==2\n")
    assert read(tmp_path).text != before


def test_what_constraints_require_is_required(tmp_path: Path) -> None:
    """So pip reads them."""
    write(tmp_path, "c.txt", "a==1\n-r r.txt\n")
    write(tmp_path, "r.txt", "b\n")
    found = read(tmp_path, "-c c.txt\n")
    assert found.text.startswith(b"b\n-c constraints.txt")
    assert found.constraints == b"a==1\n"


@pytest.mark.parametrize(
    "text",
    [
        "-r https://example.com/base.txt\n",
        "-c https://example.com/upper-constraints.txt\n",
        "-e git+https://git.example/x#egg=x\n",
        "-f https://wheels.example\n",
        "https://example.com/x-1-py3-none-any.whl\n",
        "x@https://example.com/x-1-py3-none-any.whl\n",
        "x [a] @ https://example.com/x.zip\n",
        "# ./wheels/x.whl\n",
        "zip-files\nfile-magic\n",
        "--no-binary :all:\n--pre\n--require-hashes\n--extra-index-url=https://i.example/simple\n",
    ],
)
def test_what_pip_fetches_stays_as_it_is(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).files == {"requirements.txt": text.encode()}


@pytest.mark.parametrize(
    "line",
    [
        "./wheels/x-1-py3-none-any.whl",
        "wheels/x-1-py3-none-any.whl",
        "x-1-py3-none-any.whl",
        "../lib",
        ".",
        ".[extra]",
        "./lib ; python_version > '3'",
        "/opt/lib",
        "lib/",
        "x.tar.gz",
        "-e .",
        "-e lib",
        "--editable=../lib",
        "file:///opt/lib",
        "x @ file:./lib",
        "x@ file:///opt/x.whl",
        "git+file:///opt/lib",
        "-f wheels",
        "--find-links ./wheels",
        "--find-links=file:///opt/wheels",
        "--index-url file:///opt/simple",
    ],
)
def test_what_pip_would_take_from_this_machine_is_refused_with_the_line(
    tmp_path: Path, line: str
) -> None:
    write(tmp_path, "base.txt", f"# one\n\n{line}\n")
    with pytest.raises(SourceRefused) as caught:
        read(tmp_path, "flask\n-r base.txt\n")
    assert str(caught.value).startswith("base.txt, line 3 takes a package from this machine: ")
    assert line.split(" ;")[0] in str(caught.value)
    assert "function's folder" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flask\n-r missing.txt\n", "requirements.txt, line 2 names a file that is not there"),
        ("-c missing.txt\n", "requirements.txt, line 1 names a file that is not there"),
        ("-r a.txt -r b.txt\n", "requirements.txt, line 1 is not one file"),
        ("-r\n", "requirements.txt, line 1 is not one file"),
        ("-r requirements.txt\n", "requirements.txt names itself"),
        ("-r loop.txt\n", "requirements.txt names itself"),
    ],
)
def test_lines_that_name_no_file_are_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "loop.txt", "-r requirements.txt\n")
    with pytest.raises(SourceRefused, match=message) as caught:
        read(tmp_path, text)
    assert caught.value.hint


def test_what_the_stack_file_copies_is_found(tmp_path: Path) -> None:
    write(tmp_path, "common/base.txt", "flask\n")
    write(tmp_path, "all.txt", "numpy\n")
    copied = Part("common", tmp_path / "common", "common")
    assert read(tmp_path / "greet", "-r common/base.txt\n", copied).text == b"flask\n"
    # faas-cli copies this over the function's own.
    own = Part("requirements.txt", tmp_path / "all.txt", "all.txt")
    assert read(tmp_path / "greet", "flask\n", own).text == b"numpy\n"


def test_a_file_above_the_source_is_found(tmp_path: Path) -> None:
    write(tmp_path, "base.txt", "flask\n")
    assert read(tmp_path / "greet", "-r ../base.txt\n").text == b"flask\n"


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32", "utf-8"]
)
def test_files_in_any_unicode_are_read(tmp_path: Path, encoding: str) -> None:
    """PowerShell's `pip freeze > requirements.txt` writes UTF-16."""
    text = "# für greet\r\nflask==3.0.0\r\npandas\r\n"
    assert read(tmp_path, text.encode(encoding)).text == text.encode()


def test_a_file_says_its_own_encoding(tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\n# für greet\nflask\n"
    assert read(tmp_path, text.encode("latin-1")).text == text.encode()


@pytest.mark.parametrize(
    "data",
    ["# für flask\nflask\n".encode("latin-1"), b"flask\n\0\n", "flask".encode("utf-16")[:-1]],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SourceRefused, match=r"requirements\.txt (is not|has a zero)") as caught:
        read(tmp_path, data)
    assert caught.value.hint == "save it as UTF-8"


def test_pip_understands_the_two_files(tmp_path: Path) -> None:
    source, sealed = tmp_path / "greet", tmp_path / "sealed"
    write(source, "base.txt", "-c c.txt\nflask\n")
    write(source, "c.txt", "flask==0.0.0.1\n")
    for name, content in read(source, "-r base.txt\n").files.items():
        write(sealed, name, content)
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index"]
    done = subprocess.run(
        [*command, "--ignore-installed", "-r", "requirements.txt"],
        cwd=sealed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "user requested (constraint) flask==0.0.0.1" in " ".join(done.stdout.split())
