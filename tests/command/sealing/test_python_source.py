"""Source for the Python of the image, which may be another one than the author's."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from faas_seal.errors import SourceRefused
from faas_seal.project.template import image_python
from faas_seal.sealing import python_source
from faas_seal.sealing.newer_python import parse
from faas_seal.sealing.newer_strings import Strings
from faas_seal.sealing.python_source import parse_module
from faas_seal.sealing.source import check_files, read_source

from tests.command.sealing.test_source import HANDLER, write

THIS = sys.version_info[:2]

# New in 3.12.
STRINGS = [
    'f"{d["a"]}"',
    "f'{d['a']}' 'b'",
    "f\"{'\\n'.join(d)}\"",
    'f"{f"{f"{1 + 1}"}"}"',
    'f"{d["a"]!r:>{d["width"]}}" f"{x}"',
    'f"{\n  d["a"]  # why\n}"',
    'f"""{d["""a"""]}"""',
    "f'{d['a'] = }'",
    "rf'{d['a']}\\d'",
    "f'{{}} {d['a']} \\N{BULLET} {lambda_}'",
    "f'{(lambda x: d['a'])(1)}'",
    "f'{d['a'] != d['b']}'",
    "f'{d['a']:%H:%M}'",
    "[f'{d['a']}' for _ in f'{d['b']}']",
    "f'{x:{'>'}10}'",
    "f'\\{d['a']}'",
]
STATEMENTS = [
    "type X = int",
    "type X[T] = dict[str, T]",
    "def f[T: int](x: T) -> T: return x",
    "class A[T, *Ts, **P](Base): pass",
    "class A[\n    T,  # why\n    S: (int, str),\n]:\n    def m[R](self): pass",
    "if x: type Y = int; type Z = str",
    "async def f[T](): pass",
]
BROKEN = [
    'f"{d["a"}"',
    'f"{d["a"]"',
    'f"{}" + f"{d["a"]}"',
    'f"{d["a"]!x}"',
    'f"{d["a"]}',
    'f"{d["a"] +}"',
    "f'{d['a')]}'",
    "type X = ",
    "type X[T = int",
    "def f[T: int](x: T -> T: return x",
    "class A[T: ]: pass",
    "def f[](): pass",
    "type X[*T: int] = int",
    "return f'{d['a']}'",
]
# None of these is new, and all look a little like it.
OLDER = [
    "type = 1\ntype(x)\ntype[x]\ntype in x\n",
    "print(type, x)\ntype.x = 1\nx = type\n",
    "f'{x}' f\"{x!r:>{w}}\" u'x' rf'' ''\nrb'x' Rb'x' b'x'",
    "'''a\n'b' {d[\"a\"]}'''",
    "match = {}\nmatch[x] = 1",
]
LATER = ["class A[T = int]: pass", "def f[T: int = int](): pass"]


@pytest.mark.parametrize("code", [*STRINGS, *STATEMENTS, *OLDER])
def test_what_is_new_is_rewritten_so_that_this_python_can_parse_it(code: str) -> None:
    tree = parse(f"import json\n{code}\nimport flask\n", (3, 12))
    imports = [node for node in tree.body if isinstance(node, ast.Import)]
    assert [node.names[0].name for node in imports] == ["json", "flask"]
    assert [node.lineno for node in imports] == [1, code.count("\n") + 3]


@pytest.mark.parametrize("code", [*STRINGS, *STATEMENTS, *OLDER])
@pytest.mark.skipif(THIS < (3, 12), reason="this Python does not know it")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_python_takes_it(code: str) -> None:
    compile(code, "x", "exec")


@pytest.mark.parametrize("code", [*BROKEN, *LATER])
def test_mistakes_are_found_all_the_same(code: str) -> None:
    with pytest.raises(SyntaxError):
        parse(f"{code}\n", (3, 12))


@pytest.mark.parametrize("code", LATER)
def test_what_is_new_in_a_later_version_is_known_by_version(code: str) -> None:
    parse(code, (3, 13))


def test_template_strings_and_bare_exceptions_are_for_3_14() -> None:
    for code in ('x = t"{d["a"]}"', "try: pass\nexcept A, B: pass"):
        parse(code, (3, 14))
        with pytest.raises(SyntaxError):
            parse(code, (3, 13))


def test_imports_in_new_strings_are_found() -> None:
    tree = parse("f'{__import__('numpy').pi}'", (3, 12))
    assert any(isinstance(node, ast.Constant) and node.value == "numpy" for node in ast.walk(tree))


@pytest.mark.skipif(THIS >= (3, 12), reason="this Python knows it")
@pytest.mark.parametrize("code", [*STRINGS, *STATEMENTS])
def test_an_author_with_an_older_python_can_seal_it(tmp_path: Path, code: str) -> None:
    write(tmp_path, "handler.py", f"def handle(event, context):\n    return 1\n{code}\n")
    write(tmp_path, "model.py", f"import numpy\n{code}\n")
    source = read_source(tmp_path, image=(3, 12))
    assert source.newer == ("handler.py", "model.py")
    assert "numpy" in source.libraries


@pytest.mark.skipif(THIS >= (3, 12), reason="this Python knows it")
def test_mistakes_in_it_are_refused_with_their_line() -> None:
    with pytest.raises(SourceRefused, match=r"handler\.py does not compile: line 2: ") as caught:
        check_files({"handler.py": b"type X = int\ndef handle(event, context)\n    pass\n"})
    assert "Python 3.12, which the image has" in caught.value.hint


@pytest.mark.skipif(THIS < (3, 12), reason="only a newer Python takes it in")
@pytest.mark.parametrize("code", STRINGS)
def test_strings_that_are_too_new_for_the_image_are_refused(code: str) -> None:
    with pytest.raises(SourceRefused, match=r"line 1: the f-string is for Python 3\.12"):
        parse_module("handler.py", code.encode(), (3, 11))


@pytest.mark.parametrize("code", STRINGS)
def test_strings_that_are_too_new_are_told_from_others(code: str) -> None:
    strings = Strings(f"\n{code}", templates=False)
    strings.rewritten()
    assert strings.first_newer == 2


@pytest.mark.parametrize(
    "code", ["f'{d[\"a\"]}'", 'f"{x!r:>{w}}"', "f'''{d['a']}'''", "f'{x}' '\\n#'", "f'\\n{x:\\n}'"]
)
def test_strings_that_every_python_knows_are_told_from_others(code: str) -> None:
    strings = Strings(code, templates=False)
    strings.rewritten()
    assert strings.first_newer == 0


@pytest.mark.skipif(THIS < (3, 12), reason="only a newer Python takes it in")
@pytest.mark.parametrize("code", STATEMENTS)
def test_statements_that_are_too_new_for_the_image_are_refused(code: str) -> None:
    with pytest.raises(SourceRefused, match="does not compile"):
        parse_module("handler.py", code.encode(), (3, 11))


def test_each_module_is_parsed_for_the_images_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this Python were newer than the image's."""
    monkeypatch.setattr(python_source, "THIS_PYTHON", (3, 99))
    assert not parse_module("handler.py", b"x: int = 1\n", (3, 10)).is_newer


# Which Python the image has.


def test_the_images_python_stands_in_the_template(tmp_path: Path) -> None:
    assert image_python(tmp_path) == (3, 12)
    own = tmp_path / "template" / "python3-encrypted"
    write(own, "index.py", "")
    for argument, version in (("3.13-slim", (3, 13)), ("3.9.1", (3, 9)), ("latest", THIS)):
        write(own, "Dockerfile", f"ARG A=1\nARG PYTHON_VERSION={argument}\nFROM python\n")
        assert image_python(tmp_path) == version


# Modules that Python no longer has.


@pytest.mark.parametrize(
    ("code", "requirements", "image", "gone"),
    [
        ("import imp, asyncore", "", (3, 12), ("asyncore", "imp")),
        ("import imp", "", (3, 11), ()),
        ("import cgi", "", (3, 12), ()),
        ("from cgi import parse_header", "", (3, 13), ("cgi",)),
        ("import distutils.util", "", (3, 12), ("distutils",)),
        ("import distutils.util", "setuptools<81\n", (3, 12), ()),
        ("import cgi", "legacy-cgi\n", (3, 13), ()),
        ("try:\n    import imp\nexcept ImportError:\n    imp = None", "", (3, 12), ()),
    ],
)
def test_modules_that_python_no_longer_has_are_told_of(
    tmp_path: Path, code: str, requirements: str, image: tuple[int, int], gone: tuple[str, ...]
) -> None:
    write(tmp_path, "handler.py", f"{code}\n{HANDLER}")
    write(tmp_path, "requirements.txt", requirements)
    assert read_source(tmp_path, image=image).gone == gone
