"""Variables and documents of a stack file, which faas-cli takes into account before the YAML."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from faas_seal.errors import StackFileRefused
from faas_seal.project.envsubst import BadVariable, fill_in
from faas_seal.project.stackfile import StackFile
from ruamel.yaml import YAML

from tests.command.conftest import STACK

ENVIRONMENT = {"A": "alpha", "B": "", "C": "a/b.c/d.tar.gz", "U": "Upper"}

# Checked against faas-cli itself, below.
FILLED_IN = {
    "${A}": "alpha",
    "${N}": "",
    "${N:-z}": "z",
    "${B:-y}": "y",
    "${A:-x}": "alpha",
    "${N:-${A}}": "alpha",
    "${N:-p${A}q${B:-r}}": "palphaqr",
    "${N:=d}": "d",
    "${N=d}": "d",
    "${A:+w}": "alpha",
    "${N:+w}": "w",
    "${N:?e}": "e",
    "${N:-}": "",
    "${A^} ${A^^} ${U,} ${U,,}": "Alpha ALPHA upper upper",
    "${#A}${#N}": "50",
    "${A:1}|${A:1:2}|${A:9}|${A: -2}|${A:x}": "lpha|lp||alpha|alpha",
    "${C#*/}|${C##*/}|${C%.*}|${C%%.*}": "b.c/d.tar.gz|d.tar.gz|a/b.c/d.tar|a/b",
    "${C#[a-b]}|${C%?}": "/b.c/d.tar.gz|a/b.c/d.tar.g",
    "${C/a/X}|${C//a/X}|${C/#a/X}|${C/%gz/X}": "X/b.c/d.tar.gz|X/b.c/d.tXr.gz|"
    "X/b.c/d.tar.gz|a/b.c/d.tar.X",
    "${C/a/}|${A//}": None,
    "${C/a/}": "/b.c/d.tar.gz",
    r"${C/a/\/}": "//b.c/d.tar.gz",
    "$A $(A) { } $": "$A $(A) { } $",
    "$$ $${A} $$$": "$ ${A} $$",
    r"\/ \\ \n \${A} \\${A}": r"/ \ \n \alpha \alpha",
    "${N:-$$}": "$$",
    "${N:-é}": "é",
    "${": None,
    "${A": None,
    "${}": None,
    "${-}": None,
    "${A-x}": None,
    "${A:-": None,
    "${A:}": None,
    "${A/b}": None,
    "${a.b}": None,
}

needs_faas_cli = pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")


@pytest.mark.parametrize(("text", "expected"), FILLED_IN.items())
def test_variables_are_filled_in(text: str, expected: str | None) -> None:
    if expected is not None:
        assert fill_in(f"<{text}>", ENVIRONMENT).text == f"<{expected}>"
        return
    with pytest.raises(BadVariable, match="line 2: "):
        fill_in(f"\n<{text}>", ENVIRONMENT)


@needs_faas_cli
def test_faas_cli_fills_in_the_same(tmp_path: Path) -> None:
    texts = [*FILLED_IN, *mixtures()]
    assert {text: by_faas_cli(tmp_path, text) for text in texts} == {
        text: by_us(text) for text in texts
    }


def mixtures() -> list[str]:
    chosen = random.Random(4)  # noqa: S311
    return ["".join(chosen.choices(list(FILLED_IN), k=3)) for _ in range(20)]


def by_us(text: str) -> str | None:
    try:
        return fill_in(f"<{text}>", ENVIRONMENT).text
    except BadVariable:
        return None


def by_faas_cli(folder: Path, text: str) -> str | None:
    entry = "    environment:\n      value: |-\n        "
    (folder / "stack.yaml").write_text(f"{STACK}{entry}<{text}>\n")
    done = subprocess.run(
        ["faas-cli", "generate", "--yaml", "stack.yaml"],
        cwd=folder,
        env={**ENVIRONMENT, "PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    value = YAML(typ="safe", pure=True).load(done.stdout)["spec"]["environment"]["value"]
    assert isinstance(value, str)
    return value


@pytest.mark.parametrize("text", ["a${A}b${N}c$$d", "${N}${A}", "${A}", "", "$$"])
def test_every_place_is_traced_back(text: str) -> None:
    filled = fill_in(text, ENVIRONMENT)
    assert filled.origin(0, len(filled.text)) == (0, len(text))
    for at, character in enumerate(filled.text):
        found = filled.origin(at, at + 1)
        assert found is None or character in text[slice(*found)]


NAMED = STACK.replace("greet:\n", "${STAGE:-dev}-greet:\n", 1)


def sealed(text: str, name: str, source: str = "./greet") -> StackFile:
    return StackFile(Path("stack.yaml"), text).sealed(
        name,
        handler=f"./sealed/{name}",
        source=source,
        author="fsap1_x",
        transport=f"{name}-transport",
    )


def test_a_name_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAGE", raising=False)
    after = sealed(NAMED, "dev-greet")
    function = after.function("dev-greet")
    assert (function.handler, function.source) == ("./sealed/dev-greet", "./greet")
    assert function.secrets == ("dev-greet-transport",)
    assert "${STAGE:-dev}-greet:\n" in after.text


def test_what_is_named_after_the_function_follows_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STAGE", raising=False)
    text = sealed(NAMED, "dev-greet").text
    monkeypatch.setenv("STAGE", "prod")
    function = StackFile(Path("stack.yaml"), text).function("prod-greet")
    assert function.handler == "./sealed/prod-greet"
    assert function.secrets == (function.environment["seal_transport"],)
    assert function.secrets == ("prod-greet-transport",)
    assert sealed(text, "prod-greet").text == text


def test_a_source_keeps_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOLDER", raising=False)
    text = STACK.replace("./greet", "./${FOLDER:-greet}")
    after = sealed(text, "greet").text
    monkeypatch.setenv("FOLDER", "other")
    assert StackFile(Path("stack.yaml"), after).function("greet").source == "./other"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("${P:-greet}:", "greet"),
        ('"${P:-greet}":', "greet"),
        ("'${P:-gr}eet':", "greet"),
        ("${P:-${Q:-greet}}:", "greet"),
        ("${P:-greet}${S}:", "greet"),
    ],
)
def test_a_name_is_found_however_it_is_written(line: str, name: str) -> None:
    after = sealed(STACK.replace("greet:", line, 1), name)
    assert after.function(name).source == "./greet"
    assert line in after.text


@needs_faas_cli
def test_faas_cli_finds_the_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAGE", raising=False)
    (tmp_path / "stack.yaml").write_text(sealed(NAMED, "dev-greet").text)
    for stage in ("dev", "prod"):
        done = subprocess.run(
            ["faas-cli", "generate", "--yaml", "stack.yaml"],
            cwd=tmp_path,
            env={**os.environ, "STAGE": stage},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"name: {stage}-greet\n" in done.stdout
        assert f"- {stage}-greet-transport\n" in done.stdout


def test_a_variable_that_faas_cli_refuses_is_named_with_its_line() -> None:
    text = STACK.replace("greet:latest", "${IMAGE-greet}")
    with pytest.raises(
        StackFileRefused, match=r"stack\.yaml, line 9: \$\{IMAGE-greet\} "
    ) as caught:
        StackFile(Path("stack.yaml"), text).function("greet")
    assert "${NAME:-default}" in caught.value.hint


def test_a_stack_file_in_another_encoding_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(STACK, "utf-16")
    with pytest.raises(StackFileRefused, match=r"stack\.yaml is not UTF-8") as caught:
        StackFile.load(tmp_path / "stack.yaml")
    assert caught.value.hint == "save it as UTF-8: faas-cli reads nothing else"


@pytest.mark.parametrize(
    "rest",
    ["---\nfunctions: {other: {}}\n", "---\n{{{ bad", "...\n%% bad\n", "--- # end\n--- more\n"],
)
@pytest.mark.parametrize("start", ["", "---\n", "# c\n---  \n", "\ufeff", "%YAML 1.1\n---\n"])
def test_the_first_document_counts_and_the_rest_stays(start: str, rest: str) -> None:
    text = start + STACK + rest
    before = StackFile(Path("stack.yaml"), text)
    assert list(before.functions) == ["greet"]
    after = sealed(text, "greet")
    assert after.function("greet").source == "./greet"
    assert after.text.startswith(start)
    assert after.text.endswith(rest)


@needs_faas_cli
def test_faas_cli_reads_the_first_document_too(tmp_path: Path) -> None:
    text = f"---\n{STACK}---\nfunctions:\n  other:\n    image: other\n"
    (tmp_path / "stack.yaml").write_text(sealed(text, "greet").text)
    done = subprocess.run(
        ["faas-cli", "generate", "--yaml", "stack.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fsap1_x" in done.stdout
    assert "other" not in done.stdout
