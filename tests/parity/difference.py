"""A difference between the two templates, and short forms of our outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.parity.outcome import Outcome

PROBLEM_HEADERS = {"content-type": "application/problem+json", "cache-control": "no-store"}


@dataclass(frozen=True)
class Difference:
    """`ours` has our outcomes by the names of groups and cases."""

    title: str
    reason: str
    ours: Mapping[str, Mapping[str, Outcome]]


def answer(body: str, **headers: str | list[str]) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    html = {"content-type": "text/html; charset=utf-8"}
    return {"status": 200, "headers": html | named, "body": body}


def in_json(body: str, **headers: str | list[str]) -> Outcome:
    return answer(body, content_type="application/json", **headers)


def problem(status: int, reason: str, **more: object) -> Outcome:
    return {"status": status, "headers": PROBLEM_HEADERS, "problem": reason, **more}


def raised(name: str, *cases: str) -> dict[str, Outcome]:
    """Return, for each case, the answer to an exception of this class."""
    return {case: problem(500, "handler-error", raised=name) for case in cases}


def logged(*stderr: str, stdout: tuple[str, ...] = ()) -> Outcome:
    return answer("said") | {"stdout": list(stdout), "stderr": list(stderr)}
