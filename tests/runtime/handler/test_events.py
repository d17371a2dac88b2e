"""The event and the context that a handler is given: python3-http's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runtime.handler.conftest import Evaluator
from tests.support import Function, read_answer, serve

KEY = "X-Function-Key"
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]

ECHO = """\
def handle(event, context):
    return event.body
"""

LOOK_AROUND = """\
import os, sys

def handle(event, context):
    seen = [dict(event.headers), event.headers.environ, vars(event), dict(os.environ), sys.argv]
    if "flask" in sys.modules:
        request = sys.modules["flask"].request
        seen += [dict(request.headers), request.environ, vars(request)]
    return repr(seen)
"""


@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_reaches_the_handler(evaluate: Evaluator, method: str) -> None:
    answer = evaluate("'', {'X-Method': event.method}", method=method)
    assert (answer.status, answer.header("X-Method")) == (200, method)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("/a//b", "/a//b"),
        ("//a/b", "/a/b"),
        ("/a/./b/../c", "/a/./b/../c"),
        ("/a%20b/%C3%BC", "/a b/ü"),
        ("/a+b;c=d", "/a+b;c=d"),
        ("/a%2Fb", "/a/b"),
        ("/%2541", "/%41"),
        ("/%ff", "/\ufffd"),
        ("/a?b/c", "/a"),
        ("/a#b", "/a"),
        ("http://elsewhere/a?b=c", "/a"),
        ("/static/x", "/static/x"),
        ("/" + "a" * 5000, "/" + "a" * 5000),
    ],
)
def test_the_path_is_decoded_once(evaluate: Evaluator, target: str, path: str) -> None:
    assert evaluate("event.path", target).text == path


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("?", []),
        ("?a=1&b=2", [["a", "1"], ["b", "2"]]),
        ("?a=1&b=2&a=3", [["a", "1"], ["a", "3"], ["b", "2"]]),
        ("?a=&b&c=1", [["a", ""], ["b", ""], ["c", "1"]]),
        ("?a=%20%2B%26&b=x%3Dy", [["a", " +&"], ["b", "x=y"]]),
        ("?a=x+y", [["a", "x y"]]),
        ("?%C3%BC=%E2%82%AC", [["ü", "€"]]),
        ("?a=%ff&b=%", [["a", "%FF"], ["b", "%"]]),
        ("?a=1;b=2", [["a", "1;b=2"]]),
        ("?=x&a==b", [["", "x"], ["a", "=b"]]),
        ("?a=/b?c", [["a", "/b?c"]]),
    ],
)
def test_the_query_is_a_multi_dict(evaluate: Evaluator, query: str, pairs: list[list[str]]) -> None:
    assert evaluate("[list(p) for p in event.query.items(multi=True)]", f"/{query}").json() == pairs


def test_the_query_has_what_handlers_use_of_it(evaluate: Evaluator) -> None:
    answer = evaluate(
        "[event.query['n'], event.query.get('n', type=int), event.query.getlist('n'),"
        " event.query.get('m'), 'n' in event.query, event.query.to_dict()]",
        "/?n=1&n=2",
    )
    assert answer.json() == ["1", 1, ["1", "2"], None, True, {"n": "1"}]


def test_an_argument_that_is_missing_is_a_bad_request(evaluate: Evaluator) -> None:
    assert evaluate("event.query['m']").status == 400


@pytest.mark.parametrize("body", [b"", b"hi", "ünï".encode(), bytes(range(256)) * 4096])
def test_the_body_is_bytes_whatever_they_are(echo: Function, body: bytes) -> None:
    answer = echo.request(method="POST", body=body, headers=[("Content-Type", "application/json")])
    assert answer.body == body


def test_a_body_in_chunks_has_its_length_as_if_it_came_in_one(evaluate: Evaluator) -> None:
    expression = b"[event.body.decode(), event.headers['Content-Length']]"
    head = evaluate.function.head("/", "POST", headers=[("Transfer-Encoding", "chunked")])
    with evaluate.function.connect() as connection:
        connection.sendall(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(expression), expression))
        answer = read_answer(connection)
    assert answer.json() == [expression.decode(), str(len(expression))]


def test_headers_are_found_in_any_case(evaluate: Evaluator) -> None:
    answer = evaluate(
        "[event.headers['x-ONE'], event.headers.get('X_ONE'), 'X-One' in event.headers,"
        " event.headers.get('X-None'), event.headers.get('x-number', type=int)]",
        headers=[("x-One", "1"), ("X-Number", "5")],
    )
    assert answer.json() == ["1", "1", True, None, 5]


def test_headers_that_repeat_are_joined_and_their_space_is_cut(evaluate: Evaluator) -> None:
    answer = evaluate(
        "[list(pair) for pair in event.headers.items() if pair[0].startswith('X')]",
        headers=[("X-A", "1"), ("x-b", "  a b  "), ("x-a", "2"), ("X-E", ""), ("X_Not", "3")],
    )
    assert sorted(answer.json()) == [["X-A", "1, 2"], ["X-B", "a b"], ["X-E", ""]]


def test_content_type_is_a_header_like_any_other(evaluate: Evaluator) -> None:
    answer = evaluate("event.headers['content-type']", headers=[("Content-Type", "text/x; y=z")])
    assert answer.text == "text/x; y=z"


def test_the_event_can_be_given_more(evaluate: Evaluator) -> None:
    answer = evaluate(
        "[setattr(event, 'user', 'me'), setattr(event, 'body', 'new'), event.user, event.body]"
    )
    assert answer.json() == [None, None, "me", "new"]


def test_the_context_names_the_host() -> None:
    files = {"handler.py": "def handle(event, context):\n    return context.hostname\n"}
    with serve(files, environ={"HOSTNAME": "replica-1"}) as function:
        assert function.request().text == "replica-1"
    with serve(files) as function:
        assert function.request().text == "localhost"


@pytest.mark.parametrize("flask", [False, True])
def test_the_function_key_is_never_seen_by_the_handler(flask: bool) -> None:
    source = ("import flask\n" if flask else "") + LOOK_AROUND
    with serve({"handler.py": source}, preload=["flask"] if flask else []) as function:
        for name in (KEY, KEY.lower(), KEY.upper()):
            answer = function.request("/?q", headers=[(name, function.key)], key=None)
            assert answer.status == 200
            assert "QUERY_STRING" in answer.text
            assert function.key.removeprefix("fsk1_") not in answer.text
            assert KEY.lower() not in answer.text.lower().replace("_", "-")


@pytest.fixture(scope="module")
def echo() -> Iterator[Function]:
    with serve({"handler.py": ECHO}) as function:
        yield function
