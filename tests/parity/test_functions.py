"""Functions as they are published answer here as with the official template."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.parity import official, ours, recorded
from tests.parity.case import Group
from tests.parity.cases.functions import FUNCTIONS
from tests.parity.record import VARIABLE
from tests.parity.service import surroundings

RECORD = recorded.read(recorded.FUNCTIONS_FILE)


@pytest.fixture(scope="module")
def environ() -> Iterator[Mapping[str, str]]:
    with surroundings() as environ:
        yield environ


@pytest.mark.parametrize("function", [pytest.param(each, id=each.name) for each in FUNCTIONS])
def test_a_published_function_answers_as_with_python3_http(
    function: Group, environ: Mapping[str, str]
) -> None:
    assert ours.outcomes(function, environ) == RECORD.outcomes[function.name]


def test_the_record_has_just_these_calls() -> None:
    names = {name: list(cases) for name, cases in RECORD.outcomes.items()}
    assert names == {each.name: [case.name for case in each.cases] for each in FUNCTIONS}


@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no official template")
def test_the_official_template_still_does_what_was_recorded(environ: Mapping[str, str]) -> None:
    template = Path(os.environ[VARIABLE])
    found = {each.name: official.outcomes(template, each, environ) for each in FUNCTIONS}
    assert found == RECORD.outcomes
