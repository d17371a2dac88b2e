"""Discovery, answered without a key. Readiness and preflights are in test_http."""

from __future__ import annotations

from faas_sealed.formats.file import verify_lines

from tests.runtime.conftest import PROGRAM
from tests.support import Function, serve

PATH = "/.well-known/faas-seal"


def test_the_first_three_lines_of_the_sealed_file_are_there_for_anyone(program: Function) -> None:
    answer = program.request(PATH, key=None)
    assert (answer.status, answer.body) == (200, program.sealed.lines)
    assert verify_lines(answer.body, program.sealed.header.author) == program.sealed.header
    assert answer.header("Cache-Control") == "no-store"
    head = program.request(PATH, key=None, method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_other_methods_there_are_the_handlers(program: Function) -> None:
    assert program.request(PATH, key=None, method="POST", body=b"").status == 401
    assert program.request(PATH, method="POST", body=b"answer = 'mine'").text == "mine"


def test_it_can_be_turned_off() -> None:
    with serve(PROGRAM, seal_discovery="off") as function:
        assert function.request(PATH, key=None).status == 401
