"""Functions that answer with the value of an expression, with Flask and without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from tests.support import Answer, Function, serve

# Evaluates the Python expression in the request's body.
EVALUATE = """\
import dataclasses, datetime, decimal, http, io, json, uuid

@dataclasses.dataclass
class Point:
    x: int
    y: float

class Markup:
    def __html__(self):
        return "<b>bold</b>"

class Numbers(dict):
    pass

class Members(dict):
    # As in many libraries, it has every attribute that is asked for.
    __getattr__ = dict.get

def fail():
    raise LookupError("no such thing")

def pieces_then(after, *pieces):
    yield from pieces
    after()

def app(environ, start_response):
    start_response("418 I'm a teapot", [("Content-Type", "text/plain")])
    return [b"short ", b"and stout"]

def handle(event, context):
    return eval(event.body, globals() | {"event": event, "context": context})
"""


class Evaluator:
    """A function that answers with the value of an expression."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(
        self,
        expression: str,
        target: str = "/",
        method: str = "POST",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        return self.function.request(
            target, method=method, headers=headers, body=expression.encode()
        )

    def trace(self, expression: str) -> str:
        """Return the opened trace of an expression whose answer is an error."""
        answer = self(expression)
        assert answer.status == 500, answer
        document = answer.json()
        assert document["type"] == "urn:faas-seal:error:handler-error"
        return self.function.open_trace(document["trace"])


@pytest.fixture(scope="module", params=["without Flask", "with Flask"])
def evaluate(request: pytest.FixtureRequest) -> Iterator[Evaluator]:
    """The evaluator, in a handler that imports Flask and in one that does not."""
    flask = request.param == "with Flask"
    source = ("import flask\n" if flask else "") + EVALUATE
    with serve({"handler.py": source}, preload=["flask"] if flask else []) as function:
        yield Evaluator(function)
