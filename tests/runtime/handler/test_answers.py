"""The answers that a handler can return: python3-http's, their faults mended."""

from __future__ import annotations

import pytest

from tests.runtime.handler.conftest import Evaluator

HTML = "text/html; charset=utf-8"
JSON = "application/json"

# Expression, status, content type, body.
AS_THE_OFFICIAL_TEMPLATE = [
    ("None", 200, HTML, b""),
    ("''", 200, HTML, b""),
    ("'héllo'", 200, HTML, "héllo".encode()),
    ("b'\\xff\\x00'", 200, HTML, b"\xff\x00"),
    ("bytearray(b'ab')", 200, HTML, b"ab"),
    ("type('Text', (str,), {})('text')", 200, HTML, b"text"),
    # A dict is python3-http's own form.
    ("{}", 200, HTML, b""),
    ("{'anything': 'else'}", 200, HTML, b""),
    ("{'statusCode': 202}", 202, HTML, b""),
    ("{'body': 'x'}", 200, HTML, b"x"),
    ("{'body': {'b': 1, 'a': 'ü'}}", 200, JSON, b'{"a":"\\u00fc","b":1}\n'),
    ("{'body': {'b': 1}, 'headers': {'Content-Type': 'a/b'}}", 200, "a/b", b'{"b":1}\n'),
    ("{'body': 5}", 200, HTML, b"5"),
    ("{'body': 1.5}", 200, HTML, b"1.5"),
    ("{'body': True}", 200, HTML, b"True"),
    ("{'body': None}", 200, HTML, b"None"),
    ("{'body': (1, 2)}", 200, HTML, b"(1, 2)"),
    ("{'body': '{}', 'headers': {'content-type': 'application/json'}}", 200, JSON, b"{}"),
    ("{'body': '', 'headers': {'Content-Type': ''}}", 200, "", b""),
    ("{'statusCode': '201', 'body': 'x'}", 201, HTML, b"x"),
    ("{'statusCode': '201 Made', 'body': 'x'}", 201, HTML, b"x"),
    ("{'statusCode': http.HTTPStatus.ACCEPTED}", 202, HTML, b""),
    ("{'statusCode': None, 'body': 'x'}", 200, HTML, b"x"),
    ("{'statusCode': 299}", 299, HTML, b""),
    ("{'statusCode': 404, 'body': 'gone'}", 404, HTML, b"gone"),
    ("{'statusCode': 503, 'body': 'later'}", 503, HTML, b"later"),
    # Everything else is what Flask makes of it.
    ("[1, {'a': 'ü'}]", 200, JSON, b'[1,{"a":"\\u00fc"}]\n'),
    ("[]", 200, JSON, b"[]\n"),
    ("Numbers(b=1, statusCode=404)", 200, JSON, b'{"b":1,"statusCode":404}\n'),
    ("Members(b=1)", 200, JSON, b'{"b":1}\n'),
    ("{'body': Members(b=1)}", 200, JSON, b'{"b":1}\n'),
    ("('x', 201)", 201, HTML, b"x"),
    ("('x', '201 Made')", 201, HTML, b"x"),
    ("('x', None)", 200, HTML, b"x"),
    ("('x', {'Content-Type': 'text/csv'})", 200, "text/csv", b"x"),
    ("('x', [('Content-Type', 'text/csv')])", 200, "text/csv", b"x"),
    ("('x', (('Content-Type', 'text/csv'),))", 200, "text/csv", b"x"),
    ("('x', 201, {'Content-Type': 'text/csv'})", 201, "text/csv", b"x"),
    ("('x', 201, None)", 201, HTML, b"x"),
    ("({'a': 1}, 201)", 201, JSON, b'{"a":1}\n'),
    ("({'a': 1}, {'Content-Type': 'a/b'})", 200, "a/b", b'{"a":1}\n'),
    ("([1], 201, {})", 201, JSON, b"[1]\n"),
    ("(b'\\xff', 201)", 201, HTML, b"\xff"),
    ("iter(['a', b'b', 'ü'])", 200, HTML, "abü".encode()),
    ("(c for c in 'abc')", 200, HTML, b"abc"),
    ("map(str, [1, 2])", 200, HTML, b"12"),
    ("iter([])", 200, HTML, b""),
    ("io.BytesIO(b'a\\nb\\n')", 200, HTML, b"a\nb\n"),
    ("((c for c in 'abc'), 201, {'Content-Type': 'text/csv'})", 201, "text/csv", b"abc"),
    ("app", 418, "text/plain", b"short and stout"),
    ("(app, 202, {'X-More': '1'})", 202, "text/plain", b"short and stout"),
    # What JSON does not know by itself.
    ("[datetime.date(2020, 1, 2)]", 200, JSON, b'["Thu, 02 Jan 2020 00:00:00 GMT"]\n'),
    ("[decimal.Decimal('1.10'), uuid.UUID(int=5), Markup()]", 200, JSON,
     b'["1.10","00000000-0000-0000-0000-000000000005","<b>bold</b>"]\n'),
    ("[Point(1, 2.5)]", 200, JSON, b'[{"x":1,"y":2.5}]\n'),
    ("{'body': {2: 'b', 1: 'a'}}", 200, JSON, b'{"1":"a","2":"b"}\n'),
]  # fmt: skip

# The official template answers with the repr of these, or fails.
MENDED = [
    ("{'body': b'\\xff\\x00'}", 200, HTML, b"\xff\x00"),
    ("{'body': bytearray(b'ab')}", 200, HTML, b"ab"),
    ("{'body': memoryview(b'ab')}", 200, HTML, b"ab"),
    ("{'body': b'\\x00', 'headers': {'Content-Type': 'image/png'}}", 200, "image/png", b"\x00"),
    ("{'body': [1, 'ü']}", 200, JSON, b'[1,"\\u00fc"]\n'),
    ("{'body': [], 'headers': {'Content-Type': 'a/b'}}", 200, "a/b", b"[]\n"),
    ("{'body': Numbers(a=1)}", 200, JSON, b'{"a":1}\n'),
    ("{'body': (c for c in 'abc')}", 200, HTML, b"abc"),
    ("{'body': iter([b'a', 'b']), 'headers': {'Content-Type': 'a/b'}}", 200, "a/b", b"ab"),
    ("{'body': 'x', 'headers': None}", 200, HTML, b"x"),
    ("{'body': 'x', 'headers': [('Content-Type', 'a/b')]}", 200, "a/b", b"x"),
    ("{'body': 'x', 'headers': (('Content-Type', 'a/b'),)}", 200, "a/b", b"x"),
]


@pytest.mark.parametrize(
    ("expression", "status", "content_type", "body"), AS_THE_OFFICIAL_TEMPLATE + MENDED
)
def test_each_form_has_its_answer(
    evaluate: Evaluator, expression: str, status: int, content_type: str, body: bytes
) -> None:
    answer = evaluate(expression)
    assert (answer.status, answer.body) == (status, body)
    assert answer.header_list("Content-Type") == [content_type]


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ("{'X-A': '1', 'X-B': '2'}", [("X-A", "1"), ("X-B", "2")]),
        ("{'X-N': 5, 'X-T': True, 'X-E': ''}", [("X-N", "5"), ("X-T", "True"), ("X-E", "")]),
        ("{'X-U': 'é'}", [("X-U", "é")]),
        ("[('X-A', '1'), ('X-A', '2')]", [("X-A", "1"), ("X-A", "2")]),
        ("{'Set-Cookie': ['a=1', 'b=2']}", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
        ("{'Set-Cookie': ('a=1', 'b=2')}", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]),
        ("[]", []),
    ],
)
@pytest.mark.parametrize("form", ["{{'body': 'x', 'headers': {}}}", "('x', {})", "('x', 200, {})"])
def test_headers_are_sent_as_they_are_given(
    evaluate: Evaluator, form: str, headers: str, sent: list[tuple[str, str]]
) -> None:
    answer = evaluate(form.format(headers))
    assert answer.body == b"x"
    assert [pair for pair in answer.headers if pair[0].startswith(("X-", "Set-"))] == sent


def test_headers_of_a_json_body_may_repeat_a_name(evaluate: Evaluator) -> None:
    answer = evaluate("{'body': {}, 'headers': [('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]}")
    assert answer.header_list("Set-Cookie") == ["a=1", "b=2"]


def test_framing_is_the_runtimes_whatever_the_handler_says(evaluate: Evaluator) -> None:
    answer = evaluate(
        "{'body': 'xyz', 'headers': {'Content-Length': '1', 'Transfer-Encoding': 'gzip',"
        " 'Connection': 'upgrade'}}"
    )
    assert (answer.status, answer.body) == (200, b"xyz")
    assert answer.header_list("Content-Length") == ["3"]
    assert answer.header("Transfer-Encoding") is None
    assert answer.header("Connection") is None


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(evaluate: Evaluator, status: int) -> None:
    answer = evaluate(f"{{'statusCode': {status}, 'body': 'x', 'headers': {{'ETag': 'e'}}}}")
    assert (answer.status, answer.body) == (status, b"")
    assert answer.header("ETag") == "e"
    assert answer.header("Content-Length") is None
    assert answer.header("Transfer-Encoding") is None


def test_304_describes_no_body(evaluate: Evaluator) -> None:
    answer = evaluate("{'statusCode': 304, 'headers': {'Content-Type': 'a/b'}}")
    assert answer.header("Content-Type") is None


def test_head_answers_as_get_without_the_body(evaluate: Evaluator) -> None:
    answer = evaluate("{'statusCode': 201, 'body': 'xyz'}", method="HEAD")
    assert (answer.status, answer.body) == (201, b"")
    assert answer.header("Content-Length") == "3"


def test_head_does_not_run_a_generator(evaluate: Evaluator) -> None:
    answer = evaluate("pieces_then(fail, 'a')", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("Content-Length") is None


def test_a_large_answer_arrives_whole(evaluate: Evaluator) -> None:
    answer = evaluate("'0123456789' * 300_000")
    assert len(answer.body) == 3_000_000
    assert answer.header("Content-Length") == "3000000"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("5", "int"),
        ("1.5", "float"),
        ("True", "bool"),
        ("object()", "object"),
        ("{1}", "set"),
        ("range(3)", "range"),
        ("memoryview(b'x')", "memoryview"),
        ("()", "tuple"),
        ("('x',)", "tuple"),
        ("('x', 200, {}, 4)", "tuple"),
        ("(None, 200)", "None"),
        ("(5, 200)", "int"),
    ],
)
def test_what_is_none_of_the_forms_is_a_type_error(
    evaluate: Evaluator, expression: str, said: str
) -> None:
    *_, last = evaluate.trace(expression).strip().splitlines()
    assert "TypeError: " in evaluate.trace(expression)
    assert said in last


@pytest.mark.parametrize(
    "expression",
    [
        "{'statusCode': 'abc'}",
        "{'statusCode': ''}",
        "{'statusCode': 201.0}",
        "{'statusCode': 0}",
        "{'statusCode': 99}",
        "{'statusCode': 100}",
        "{'statusCode': 600}",
        "{'statusCode': True}",
        "('x', object())",
        "{'body': {'x': object()}}",
        "[object()]",
        "{'body': {1: 2, 'a': 3}}",
        "{'headers': 5}",
        "{'headers': ['X-A']}",
    ],
)
def test_what_cannot_be_sent_is_an_error_of_the_handler(
    evaluate: Evaluator, expression: str
) -> None:
    assert evaluate.trace(expression)


@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "a\r\nX-Injected: 1"),
        ("X-A", "a\nX-Injected: 1"),
        ("X-A", "a\rb"),
        ("X-A", "a\0b"),
        ("X-A", "€"),
        ("X A", "1"),
        ("X-A:", "1"),
        ("", "1"),
        ("X\r\nX-Injected", "1"),
        ("Ünicode", "1"),
    ],
)
@pytest.mark.parametrize("form", ["{{'headers': {{{!r}: {!r}}}}}", "('', [({!r}, {!r})])"])
def test_headers_that_would_break_the_answer_are_refused(
    evaluate: Evaluator, form: str, header: tuple[str, str]
) -> None:
    answer = evaluate(form.format(*header))
    assert answer.status == 500
    assert answer.json()["type"] == "urn:faas-seal:error:handler-error"
    assert answer.header("X-Injected") is None


def test_an_exception_is_an_error_of_the_handler(evaluate: Evaluator) -> None:
    lines = evaluate.trace("fail()").splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "/home/app/function/handler.py", line ')
    assert lines[1].endswith(", in handle")
    assert lines[-1] == "LookupError: no such thing"


def test_a_generator_that_fails_at_once_is_an_error_of_the_handler(evaluate: Evaluator) -> None:
    assert "no such thing" in evaluate.trace("pieces_then(fail)")
    assert "no such thing" in evaluate.trace("pieces_then(fail, '', b'')")


def test_a_generator_of_something_else_than_text_is_an_error_of_the_handler(
    evaluate: Evaluator,
) -> None:
    assert "TypeError: the body yields int" in evaluate.trace("iter([5])")


@pytest.mark.parametrize(
    ("expression", "status", "content_type", "body"),
    [
        ("werkzeug.Response('x', 201, mimetype='image/png')", 201, "image/png", b"x"),
        ("(werkzeug.Response('x', 201), 202, {'Content-Type': 'a/b'})", 202, "a/b", b"x"),
        ("werkzeug.Response(iter(['a', 'b']), mimetype='text/html')", 200, HTML, b"ab"),
        ("werkzeug.exceptions.NotFound('nowhere').get_response()", 404, HTML, None),
        ("werkzeug.exceptions.NotFound('nowhere')", 404, HTML, None),
        ("werkzeug.exceptions.abort(403)", 403, HTML, None),
        ("werkzeug.utils.redirect('/ü')", 302, HTML, None),
    ],
)  # fmt: skip
def test_werkzeugs_responses_are_answers(
    evaluate: Evaluator, expression: str, status: int, content_type: str, body: bytes | None
) -> None:
    answer = evaluate(expression.replace("werkzeug", "__import__('werkzeug')", 1))
    assert (answer.status, answer.header("Content-Type")) == (status, content_type)
    assert body is None or answer.body == body
    if status == 302:
        assert answer.header("Location") == "/%C3%BC"
