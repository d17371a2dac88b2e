from __future__ import annotations

import json
import sys

import pytest
from faas_sealed.formats import errors
from faas_sealed.formats.errors import Busy, HandlerError, MissingKey, SealError, problem

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, SealError)
]


@pytest.mark.parametrize("error", CLASSES)
def test_a_problem_document_has_the_facts_of_its_error_and_nothing_else(
    error: type[SealError],
) -> None:
    raised = error("a message with a canary", hint="a hint with a canary")
    document = json.loads(problem(raised, "call-1"))
    assert document == {
        "type": f"urn:faas-seal:error:{error.reason}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "reference": "call-1",
    }
    assert problem(error, "call-1") == problem(raised, "call-1")


def test_a_hint_is_fixed_when_the_error_is_made() -> None:
    assert SealError("message").hint == ""
    error = SealError("message", hint="try again")
    assert error.hint == "try again"
    with pytest.raises(AttributeError):
        error.hint = "give up"  # type: ignore[misc]
    if sys.version_info >= (3, 11):
        assert error.__notes__ == ["hint: try again"]


def test_the_handlers_error_carries_its_trace() -> None:
    assert json.loads(problem(HandlerError, "call-1", "fse1_AA"))["trace"] == "fse1_AA"


@pytest.mark.parametrize("error", [each for each in CLASSES if "status" in vars(each)])
def test_an_http_error_has_a_status_a_title_and_a_detail(error: type[SealError]) -> None:
    assert 400 <= error.status <= 599
    assert error.title
    assert error.detail.endswith(".")
    assert str(error()) == error.detail


def test_the_headers_that_http_demands_are_there() -> None:
    assert dict(MissingKey.headers)["WWW-Authenticate"] == "FunctionKey"
    assert int(dict(Busy.headers)["Retry-After"]) > 0
