"""Data files of a handler are read from memory, as if they lay beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.handler.conftest import Evaluator
from tests.support import serve

TEXT = "ünï\r\nsecond\n"
FILES: dict[str, str | bytes] = {
    "__init__.py": "",
    "handler.py": """\
import importlib.resources as resources
import configparser, io, json, os, pathlib, pickle, pkgutil, zipfile

HERE = os.path.dirname(__file__)
FOLDER = pathlib.Path(__file__).parent

def as_file(resource):
    with resources.as_file(resource) as path:
        return str(path)

def path(name):
    with resources.path("function", name) as path:
        return str(path)

def sections(name):
    parser = configparser.ConfigParser()
    parser.read(os.path.join(HERE, name))
    return parser.sections()

def handle(event, context):
    return {"body": [eval(event.body, globals())]}
""",
    "text.txt": TEXT.encode(),
    "data.json": '{"a": [1, 2]}',
    "bytes.bin": bytes(range(256)),
    "settings.ini": "[section]\nkey = value\n",
    "deep/er/leaf.txt": "leaf",
    "package/__init__.py": "",
    "package/own.txt": "own",
}


@pytest.fixture(scope="module")
def evaluate() -> Iterator[Evaluator]:
    with serve(FILES) as function:
        yield Evaluator(function)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("open(os.path.join(HERE, 'text.txt')).read()", "ünï\nsecond\n"),
        ("open(HERE + '/text.txt', newline='').read()", TEXT),
        ("open(HERE + '/text.txt', 'rt', encoding='utf-8').readlines()", ["ünï\n", "second\n"]),
        ("open(HERE + '/text.txt', encoding='latin-1').readline()", "Ã¼nÃ¯\n"),
        ("open(HERE + '/text.txt', encoding='ascii', errors='ignore').readline()", "n\n"),
        ("list(open(HERE + '/bytes.bin', 'rb').read()) == list(range(256))", True),
        ("open(HERE + '/deep/er/leaf.txt').name.endswith('/deep/er/leaf.txt')", True),
        ("open(HERE + '/deep/../deep/er/leaf.txt').read()", "leaf"),
        ("open('function/deep/er/leaf.txt').read()", "leaf"),
        ("open('./function/deep/er/leaf.txt').read()", "leaf"),
        ("io.open(HERE + '/deep/er/leaf.txt').read()", "leaf"),
        ("json.load(open(HERE + '/data.json'))", {"a": [1, 2]}),
        ("sections('settings.ini')", ["section"]),
        ("open(FOLDER / 'data.json').read()", '{"a": [1, 2]}'),
        ("(FOLDER / 'text.txt').read_text(encoding='utf-8')", "ünï\nsecond\n"),
        ("len((FOLDER / 'bytes.bin').read_bytes())", 256),
        ("(FOLDER / 'data.json').open('rb').read().decode()", '{"a": [1, 2]}'),
        ("(pathlib.Path(__file__).resolve().parent / 'data.json').read_text()", '{"a": [1, 2]}'),
        ("pathlib.Path(__file__).with_name('data.json').read_text()", '{"a": [1, 2]}'),
        ("pathlib.Path('function', 'data.json').read_text()", '{"a": [1, 2]}'),
        ("(FOLDER / 'handler.py').read_text().startswith('import importlib')", True),
    ],
)
def test_open_and_pathlib_read_what_lies_beside_the_handler(
    evaluate: Evaluator, expression: str, value: object
) -> None:
    assert evaluate(expression).json() == [value]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("resources.files('function').joinpath('data.json').read_text()", '{"a": [1, 2]}'),
        ("resources.files(__package__).joinpath('text.txt').read_bytes().decode()", TEXT),
        ("(resources.files('function') / 'deep' / 'er' / 'leaf.txt').read_text()", "leaf"),
        ("resources.files('function').joinpath('deep/er/leaf.txt').open('rb').read()[0]", 108),
        ("resources.files('function').joinpath('text.txt').open(newline='').read()", TEXT),
        ("resources.files('function.package').joinpath('own.txt').read_text()", "own"),
        ("resources.files('function.package').joinpath('../data.json').is_file()", True),
        ("resources.files('function.deep').joinpath('er/leaf.txt').read_text()", "leaf"),
        ("sorted(node.name for node in resources.files('function.package').iterdir())",
         ["__init__.py", "own.txt"]),
        ("[node.name for node in resources.files('function').iterdir() if node.is_dir()]",
         ["deep", "package"]),
        ("resources.files('function').joinpath('none').is_file()", False),
        ("resources.read_text('function', 'data.json')", '{"a": [1, 2]}'),
        ("len(resources.read_binary('function', 'bytes.bin'))", 256),
        ("resources.is_resource('function', 'data.json')", True),
        ("pkgutil.get_data('function', 'data.json').decode()", '{"a": [1, 2]}'),
        ("pkgutil.get_data('function.package', 'own.txt').decode()", "own"),
    ],
)  # fmt: skip
def test_importlib_resources_reads_the_bundle(
    evaluate: Evaluator, expression: str, value: object
) -> None:
    assert evaluate(expression).json() == [value]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("open(HERE + '/none.txt')", "FileNotFoundError: [Errno 2] No such file or directory"),
        ("open(HERE + '/data.json', 'w')", "OSError: [Errno 30] Read-only file system"),
        ("open(HERE + '/data.json', 'r+b')", "OSError: [Errno 30] Read-only file system"),
        ("(FOLDER / 'data.json').write_text('x')", "OSError: [Errno 30] Read-only file system"),
        ("open(HERE + '/new.txt', 'w')", "OSError: [Errno 30] Read-only file system"),
        ("open(HERE + '/none/new.txt', 'w')", "FileNotFoundError"),
        ("resources.files('function').joinpath('none').read_bytes()", "FileNotFoundError"),
        ("resources.files('function').joinpath('deep').read_text()", "IsADirectoryError"),
        ("resources.files('function').joinpath('data.json').open('w')", "OSError: [Errno 30]"),
    ],
)
def test_what_is_not_there_or_would_be_written_is_refused(
    evaluate: Evaluator, expression: str, said: str
) -> None:
    assert said in evaluate.trace(expression)


def test_the_trace_of_a_file_that_is_refused_shows_the_handlers_frames_alone(
    evaluate: Evaluator,
) -> None:
    trace = evaluate.trace("open(HERE + '/data.json', 'w')")
    assert "/home/app/function/handler.py" in trace
    assert "faas_sealed" not in trace


@pytest.mark.parametrize(
    "expression",
    ["as_file(resources.files('function').joinpath('data.json'))", "path('data.json')"],
)
def test_no_sealed_file_is_written_to_a_disk_for_its_path(
    evaluate: Evaluator, expression: str
) -> None:
    assert (
        "OSError: [Errno 95] /home/app/function/data.json is in memory alone: read it with open()"
    ) in evaluate.trace(expression)


def test_files_elsewhere_are_opened_as_ever(evaluate: Evaluator, tmp_path: Path) -> None:
    place = tmp_path / "place.txt"
    assert evaluate(f"open({str(place)!r}, 'w').write('x')").json() == [1]
    assert place.read_text() == "x"
    assert evaluate(f"pathlib.Path({str(place)!r}).read_text()").json() == ["x"]
    assert evaluate(f"open(os.open({str(place)!r}, os.O_RDONLY)).read()").json() == ["x"]
    assert evaluate(f"open({str(place).encode()!r}, 'rb').read().decode()").json() == ["x"]
