from __future__ import annotations

import json
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from .forecast import MOST_STEPS, Forecast
from .handler import events, handle


def answer(**query: str) -> dict[str, Any]:
    return handle(SimpleNamespace(query=query), SimpleNamespace())


def data_of(answered: dict[str, Any]) -> list[Any]:
    lines = "".join(answered["body"]).splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def test_each_step_is_an_event_and_the_last_one_says_so() -> None:
    answered = answer(series="10,12,14", steps="3")
    assert answered["headers"]["Content-Type"] == "text/event-stream"
    *steps, end = list(answered["body"])
    assert [step.splitlines()[0] for step in steps] == ["id: 1", "id: 2", "id: 3"]
    assert all(step.endswith("\n\n") for step in steps)
    assert end.startswith("event: end\n")


def test_a_series_that_rises_goes_on_to_rise_ever_more_slowly() -> None:
    values = [event["value"] for event in data_of(answer(series="10,12,14,16,18", steps="20"))]
    rises = [after - before for before, after in pairwise(values)]
    assert values[0] > 18
    assert all(rise > 0 for rise in rises)
    assert rises[-1] < rises[0]


def test_what_does_not_change_stays_as_it_is() -> None:
    assert data_of(answer(series="7,7,7", steps="2")) == [
        {"step": 1, "value": 7.0, "spread": 0.0},
        {"step": 2, "value": 7.0, "spread": 0.0},
    ]


def test_the_farther_ahead_the_less_certain() -> None:
    forecast = Forecast([3, 9, 4, 8])
    assert forecast.at(9)[1] > forecast.at(1)[1] > 0


def test_nobody_gets_more_steps_than_a_year() -> None:
    assert len(data_of(answer(series="1,2", steps="100000"))) == MOST_STEPS


def test_events_are_made_as_they_are_asked_for() -> None:
    assert "id: 1" in next(events(Forecast([1, 2]), 10**9))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"series": "1"},
        {"series": "1,x"},
        {"series": "1,nan"},
        {"series": "1e308,-1e308"},
        {"series": "1,2", "steps": "x"},
    ],
)
def test_what_is_no_series_is_refused(query: dict[str, str]) -> None:
    assert answer(**query)["statusCode"] == 400
