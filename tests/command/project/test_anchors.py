"""Stack files with anchors and merges: an edit of one function changes no other."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from faas_seal.errors import StackFileRefused
from faas_seal.project.stackfile import StackFile
from faas_seal.project.yamltext import Document

HEAD = "version: 1.0\nprovider:\n  name: openfaas\n"

SHAPES = {
    "all in a template": """\
x-common: &common
  lang: python3-encrypted
  image: greet
  environment: {a: "1", b: 'x, y'}
  secrets: [one]
functions:
  greet:
    <<: *common
    handler: ./greet
  other:
    <<: *common
    handler: ./other
    image: other
""",
    "environment with an anchor in a template": """\
x-common: &common
  lang: python3-encrypted
  environment: &env
    a: 1
    # what b is
    b: 2
functions:
  greet:
    handler: ./greet   # mine
    <<: *common
    image: greet
""",
    "environment is an alias": """\
x-env: &env
  a: 1
functions:
  greet:
    lang: python3-encrypted
    handler: ./greet
    image: greet
    environment: *env
    secrets:
      - one
  other: {lang: python3-http, handler: ./other, image: o, environment: *env}
""",
    "the function is another's template": """\
functions:
  greet: &greet
    lang: python3-encrypted
    handler: ./greet

    # as it is told
    image: greet
    environment:
      a: 1
    secrets:
    - one
  other:
    <<: *greet
    handler: ./other
    image: other
""",
    "a comment behind the anchor": """\
functions:
  greet: &greet # the first
    lang: python3-encrypted
    handler: ./greet
    image: greet
    labels:
      text: |
        one

        two
  other:
    <<: *greet
    image: other
# the end
""",
    "a template on one line": """\
functions:
  greet: &greet {lang: python3-encrypted, handler: ./greet, image: greet, environment: {a: 1}}
  other: {<<: *greet, handler: ./other, image: other}
""",
    "the whole function is an alias": """\
x-base: &base
  lang: python3-encrypted
  handler: ./greet
  image: greet
functions:
  greet: *base
  other: *base
""",
    "the other is the whole function": """\
functions:
  greet: &greet
    lang: python3-encrypted
    handler: ./greet
    image: greet
  other: *greet
""",
    "its environment is another's": """\
functions:
  greet:
    lang: python3-encrypted
    handler: ./greet
    image: greet
    environment: &env
      # of both
      a: 1
      b: 2
  other:
    lang: node20
    handler: ./other
    image: other
    environment:
      <<: *env
      b: 3
""",
    "its secrets are another's": """\
functions:
  greet:
    lang: python3-encrypted
    handler: ./greet
    image: greet
    secrets: &secrets
      - one
      - two
  other: {lang: node20, handler: ./other, image: other, secrets: *secrets}
""",
    "its secrets are from elsewhere": """\
x-secrets: &secrets [one, "two"]
functions:
  greet:
    lang: python3-encrypted
    handler: ./greet
    image: greet
    secrets: *secrets
  other: {lang: node20, handler: ./other, image: other, secrets: *secrets}
""",
    "its handler is another's": """\
functions:
  greet:
    lang: python3-encrypted
    handler: &handler ./greet
    image: greet
  other:
    lang: node20
    handler: *handler
    image: other
""",
    "several templates": """\
x-a: &a {lang: python3-encrypted, environment: {a: 1}, image: greet}
x-b: &b {environment: {a: 2, b: 2}, secrets: [one], handler: ./greet}
functions:
  greet:
    <<: [*a, *b]
""",
    "templates of templates": """\
x-a: &a
  lang: python3-encrypted
  environment: {a: 1}
x-b: &b
  <<: *a
  image: greet
functions:
  greet: &greet
    <<: *b
    handler: ./greet
  other:
    <<: *greet
    image: other
""",
    "variables in a template": """\
x-common: &common
  lang: python3-encrypted
  image: "${PREFIX:-me}/greet"
  environment:
    level: ${LEVEL:-debug}
    many: "${MANY:-a,b}"
  secrets: ["${PREFIX:-me}-key"]
functions:
  greet:
    <<: *common
    handler: ./greet
""",
    "empty environment of a template": """\
x-common: &common
  environment:
  secrets:
functions:
  greet:
    <<: *common
    lang: python3-encrypted
    handler: ./greet
    image: greet
""",
    "all on one line": """\
x: &x {environment: {a: 1}}
functions: {greet: {<<: *x, lang: python3-encrypted, handler: ./greet, image: greet}}
""",
}

REFUSED = {
    "a value of several lines in a template": """\
x-common: &common
  environment:
    text: |
      one
      two
    other: ${OTHER:-x}
functions:
  greet:
    <<: *common
    lang: python3-encrypted
    handler: ./greet
    image: greet
""",
    "a list of several lines that others use": """\
functions:
  greet: &greet
    lang: python3-encrypted
    handler: ./greet
    image: greet
    secrets: &secrets
      - |
        one
  other:
    <<: *greet
    handler: ./other
  third:
    lang: node20
    handler: ./third
    image: third
    secrets: *secrets
""",
    "a variable stands for its members": """\
functions:
  greet: {lang: python3-encrypted, image: greet, ${REST:-handler: ./greet, secrets: [a]}}
""",
}

every_shape = pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())


def sealed(text: str) -> StackFile:
    return StackFile(Path("stack.yaml"), HEAD + text).sealed(
        "greet",
        handler="./sealed/greet",
        source="./greet",
        author="fsap1_x",
        transport="greet-transport",
    )


def functions(text: str) -> dict[str, Any]:
    plain = Document(text, os.environ).plain
    assert isinstance(plain, dict)
    found = plain["functions"]
    assert isinstance(found, dict)
    return found


def expected(text: str) -> dict[str, Any]:
    """Return all functions as they should be, with the secrets of greet in any order."""
    found = copy.deepcopy(functions(HEAD + text))
    greet = found["greet"]
    settings = {"seal_author": "fsap1_x", "seal_transport": "greet-transport"}
    greet["handler"] = "./sealed/greet"
    greet["environment"] = {**(greet.get("environment") or {}), **settings}
    greet["x-faas-seal"] = {"source": "./greet"}
    greet["secrets"] = sorted([*(greet.get("secrets") or []), "greet-transport"])
    return found


def in_order(found: dict[str, Any]) -> dict[str, Any]:
    found["greet"]["secrets"] = sorted(found["greet"]["secrets"])
    return found


@every_shape
def test_one_function_is_edited_and_no_other(text: str) -> None:
    assert in_order(functions(sealed(text).text)) == expected(text)


@every_shape
def test_an_edit_is_made_once(text: str) -> None:
    once = sealed(text)
    again = once.sealed(
        "greet",
        handler="./sealed/greet",
        source="./greet",
        author="fsap1_x",
        transport="greet-transport",
    )
    assert again is once


@every_shape
def test_comments_and_variables_stay(text: str) -> None:
    after = sealed(text).text
    kept = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    kept += [word for word in text.replace('"', " ").split() if word.startswith("${")]
    assert all(after.count(each) >= text.count(each) for each in kept)


@every_shape
@pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")
def test_faas_cli_reads_the_same(tmp_path: Path, text: str) -> None:
    before, after = generated(tmp_path, HEAD + text), generated(tmp_path, sealed(text).text)
    assert set(before) == set(after)
    assert "fsap1_x" in after.pop("greet")
    assert {name: before[name] for name in after} == after


@every_shape
def test_lines_of_windows_stay(text: str) -> None:
    after = sealed(text.replace("\n", "\r\n")).text.removeprefix(HEAD)
    assert after.count("\n") == after.count("\r\n")
    assert after.replace("\r\n", "\n") == sealed(text).text.removeprefix(HEAD)


@pytest.mark.parametrize("first", ["greet", "other"])
@every_shape
def test_two_functions_of_one_template_are_sealed_each_for_itself(text: str, first: str) -> None:
    stack = StackFile(Path("stack.yaml"), HEAD + text)
    if "other" not in stack.functions:
        pytest.skip("there is one function")
    before = dict(stack.functions)
    names = sorted(before, key=lambda name: name != first)
    for name in [*names, *names]:
        stack = stack.sealed(
            name,
            handler=f"./sealed/{name}",
            source=before[name].handler,
            author="fsap1_x",
            transport=f"{name}-transport",
        )
    for name, function in stack.functions.items():
        assert (function.handler, function.source) == (f"./sealed/{name}", before[name].handler)
        assert set(function.secrets) == {*before[name].secrets, f"{name}-transport"}
        settings = {"seal_author": "fsap1_x", "seal_transport": f"{name}-transport"}
        assert function.environment == {**before[name].environment, **settings}


def generated(folder: Path, text: str) -> dict[str, str]:
    """Return what faas-cli makes of each function of a stack file."""
    (folder / "stack.yaml").write_text(text)
    done = subprocess.run(
        ["faas-cli", "generate", "--yaml", "stack.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    found = (part for part in done.stdout.split("---\n") if part.strip())
    return {part.partition("  name: ")[2].partition("\n")[0]: part for part in found}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_where_no_edit_is_possible_the_hint_can_be_pasted(text: str) -> None:
    with pytest.raises(StackFileRefused) as caught:
        sealed(text)
    first, _, pasted = caught.value.hint.partition("\n")
    assert first.startswith("put this in place of functions.greet")
    names = [word.rstrip(":").partition(".")[2] for word in first.split() if "functions." in word]
    rest = "".join(
        f"  {name}: {value!r}\n" if not isinstance(value, dict) else ""
        for name, value in functions(HEAD + text).items()
    )
    others = without(text, names)
    assert in_order(functions(f"{HEAD}{others}{rest}{pasted}\n")) == expected(text)
    assert all(word in pasted for word in text.split() if word == "${OTHER:-x}")


def without(text: str, names: list[str]) -> str:
    """Return a stack file without the lines of some functions."""
    kept, skipping = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("  ") and line[2] != " ":
            skipping = line.strip().partition(":")[0] in names
        elif not line.startswith(" "):
            skipping = False
        if not skipping:
            kept.append(line)
    return "".join(kept)
