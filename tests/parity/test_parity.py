"""Our answers, held against those that were recorded of the official template."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.parity import document, official, ours, recorded
from tests.parity.cases import GROUPS
from tests.parity.differences import DIFFERENCES, listed
from tests.parity.outcome import Outcome
from tests.parity.record import VARIABLE
from tests.parity.service import surroundings

RECORD = recorded.read()
CASES = [(group, case) for group in GROUPS for case in group.cases]
ROOT = Path(__file__).parents[2]


class Ours:
    """Our outcomes: each group is run when the first of its cases is asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._found: dict[tuple[str, tuple[str, ...]], dict[str, Outcome]] = {}

    def __call__(self, number: int, *preload: str) -> Outcome:
        group, case = CASES[number]
        if (group.name, preload) not in self._found:
            outcomes = ours.outcomes(group, self._environ, preload)
            self._found[group.name, preload] = outcomes
        return self._found[group.name, preload][case.name]


@pytest.fixture(scope="module")
def environ() -> Iterator[Mapping[str, str]]:
    with surroundings() as environ:
        yield environ


@pytest.fixture(scope="module")
def our(environ: Mapping[str, str]) -> Ours:
    return Ours(environ)


def expected(number: int) -> Outcome:
    group, case = CASES[number]
    _, outcome = listed().get((group.name, case.name), (0, RECORD.outcomes[group.name][case.name]))
    return outcome


def numbers(handler: str = "") -> list[object]:
    return [
        pytest.param(number, id=f"{group.name}: {case.name}")
        for number, (group, case) in enumerate(CASES)
        if handler in ("", group.handler)
    ]


@pytest.mark.parametrize("number", numbers())
def test_the_outcome_is_python3_https_or_the_listed_difference(our: Ours, number: int) -> None:
    assert our(number) == expected(number)


@pytest.mark.parametrize("number", numbers("values"))
def test_flask_in_the_process_makes_no_difference(our: Ours, number: int) -> None:
    assert our(number, "flask") == expected(number)


def test_the_record_has_just_these_cases() -> None:
    names = {name: list(cases) for name, cases in RECORD.outcomes.items()}
    assert names == {group.name: [case.name for case in group.cases] for group in GROUPS}


def test_no_two_cases_share_a_name() -> None:
    assert len({(group.name, case.name) for group, case in CASES}) == len(CASES)


def test_what_is_listed_as_a_difference_is_one_and_is_listed_once() -> None:
    cases = [cases for difference in DIFFERENCES for cases in difference.ours.values()]
    assert sum(map(len, cases)) == len(listed())
    same = [
        (group, case)
        for (group, case), (_, outcome) in listed().items()
        if RECORD.outcomes[group][case] == outcome
    ]
    assert same == []


def test_the_document_shows_the_record_and_the_differences() -> None:
    # `python -m tests.parity.document` makes it.
    assert document.FILE.read_text("utf-8") == document.text()


def test_the_recorder_says_what_is_missing(tmp_path: Path) -> None:
    before = recorded.FILE.read_bytes()
    for environ in ({}, {VARIABLE: str(tmp_path)}):
        run = subprocess.run(
            [sys.executable, "-m", "tests.parity.record"],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 2
        assert run.stderr.startswith(f"error: {VARIABLE} names no folder of the official template")
        assert "hint: " in run.stderr
    assert recorded.FILE.read_bytes() == before


@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no official template")
def test_the_official_template_still_does_what_was_recorded(environ: Mapping[str, str]) -> None:
    template = Path(os.environ[VARIABLE])
    found = {group.name: official.outcomes(template, group, environ) for group in GROUPS}
    assert found == RECORD.outcomes
