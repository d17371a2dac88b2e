"""Handlers that import Flask run in the context of one of its requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import Answer, Function, serve

HANDLER = """\
import io
import flask
from flask import abort, jsonify, make_response, redirect, request, stream_with_context

def about():
    return [
        request.method, request.path, request.args.getlist("a"), request.headers["x-a"],
        request.content_type, request.remote_addr, request.scheme, request.host,
        request.url, dict(request.cookies), request.authorization.username,
        request.user_agent.string,
    ]

def data_first():
    return [request.data.decode(), event_now.body.decode(), request.get_data(as_text=True)]

def event_first():
    return [event_now.body.decode(), request.get_data(as_text=True), request.data.decode()]

def parsed():
    return jsonify(request.get_json())

def form():
    return jsonify(
        form=request.form.to_dict(flat=False),
        files={name: [file.filename, file.read().decode()] for name, file in request.files.items()},
    )

def required():
    return request.form["missing"]

def stopped():
    abort(404, "no such page")

def stopped_with_a_response():
    abort(make_response(jsonify(error="teapot"), 418))

def moved():
    return redirect("/elsewhere", 301)

def cookies():
    response = make_response("x")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True)
    return response

def response_and_more():
    return make_response("x", 201), 202, {"X-A": "1"}

def later():
    @flask.after_this_request
    def add(response):
        response.headers["X-Later"] = "1"
        return response
    return "x"

def streamed():
    def pieces():
        yield request.path
        yield " ends"
    return stream_with_context(pieces())

def closed():
    response = flask.Response(iter(["x"]))
    response.call_on_close(lambda: print("closed the response"))
    return response

def download():
    return flask.send_file(io.BytesIO(b"content"), download_name="a.txt")

def logged():
    flask.current_app.logger.warning("said by the app's logger")
    return flask.current_app.name

def kept():
    flask.g.seen = flask.g.get("seen", 0) + 1
    return str(flask.g.seen)

def session():
    flask.session["a"] = 1

def handle(event, context):
    global event_now
    event_now = event
    return globals()[event.path.rpartition("/")[2]]()
"""


@pytest.fixture(scope="module")
def flask() -> Iterator[Function]:
    with serve({"handler.py": HANDLER}, preload=["flask"]) as function:
        yield function


def test_the_request_is_that_of_the_event(flask: Function) -> None:
    answer = flask.request(
        "/p/about?a=1&a=%C3%BC",
        method="PUT",
        headers=[
            ("X-A", "x"),
            ("Content-Type", "text/plain"),
            ("Cookie", "c=d; e=f"),
            ("Authorization", "Basic dXNlcjpwYXNz"),
            ("User-Agent", "agent"),
        ],
    )
    host = f"127.0.0.1:{flask.port}"
    assert answer.json() == [
        *("PUT", "/p/about", ["1", "ü"], "x", "text/plain", "127.0.0.1", "http", host),
        *(f"http://{host}/p/about?a=1&a=ü", {"c": "d", "e": "f"}, "user", "agent"),
    ]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("name", ["data_first", "event_first"])
def test_the_body_is_there_however_it_is_asked_for(
    flask: Function, name: str, content_type: str
) -> None:
    assert post(flask, name, b"a=1", content_type).json() == ["a=1"] * 3


def test_the_body_can_be_read_as_it_arrives() -> None:
    source = """\
from flask import request

def handle(event, context):
    first = request.stream.read(2)
    return [first.decode(), event.body.decode(), request.get_data(as_text=True)]
"""
    with serve({"handler.py": source}, preload=["flask"]) as function:
        assert post(function, "", b"a=1", "text/plain").json() == ["a=", "1", "1"]


def test_json_is_parsed_or_refused(flask: Function) -> None:
    assert post(flask, "parsed", b'{"b":1,"a":[]}', "application/json").json() == {"a": [], "b": 1}
    assert post(flask, "parsed", b"{", "application/json").status == 400
    assert post(flask, "parsed", b"{}", "text/plain").status == 415


def test_forms_and_files_are_parsed(flask: Function) -> None:
    answer = post(flask, "form", b"a=1&a=2&b=%C3%BC+x", "application/x-www-form-urlencoded")
    assert answer.json() == {"form": {"a": ["1", "2"], "b": ["ü x"]}, "files": {}}
    parts = (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B\r\n'
        b'Content-Disposition: form-data; name="f"; filename="x.txt"\r\n\r\nfile\r\n--B--\r\n'
    )
    answer = post(flask, "form", parts, "multipart/form-data; boundary=B")
    assert answer.json() == {"form": {"a": ["1"]}, "files": {"f": ["x.txt", "file"]}}
    assert post(flask, "required", b"a=1", "application/x-www-form-urlencoded").status == 400


def test_abort_is_an_answer(flask: Function) -> None:
    answer = flask.request("/stopped")
    assert (answer.status, answer.header("Content-Type")) == (404, "text/html; charset=utf-8")
    assert "no such page" in answer.text
    answer = flask.request("/stopped_with_a_response")
    assert (answer.status, answer.json()) == (418, {"error": "teapot"})


def test_responses_of_flasks_are_answers(flask: Function) -> None:
    answer = flask.request("/moved")
    assert (answer.status, answer.header("Location")) == (301, "/elsewhere")
    answer = flask.request("/cookies")
    assert answer.header_list("Set-Cookie") == ["a=1; Path=/", "b=2; HttpOnly; Path=/"]
    answer = flask.request("/response_and_more")
    assert (answer.status, answer.text, answer.header("X-A")) == (202, "x", "1")
    answer = flask.request("/download")
    assert (answer.body, answer.header("Content-Disposition")) == (
        b"content",
        "inline; filename=a.txt",
    )


def test_what_flask_does_around_a_view_is_done(flask: Function) -> None:
    assert flask.request("/later").header("X-Later") == "1"
    assert flask.request("/streamed").text == "/streamed ends"
    assert [flask.request("/kept").text for _ in range(3)] == ["1", "1", "1"]
    assert flask.request("/closed").text == "x"
    assert "closed the response\n" in flask.stdout.wait_for("closed")


def test_the_applications_logger_writes_to_the_log(flask: Function) -> None:
    assert flask.request("/logged").text == "index"
    flask.stderr.wait_for("WARNING:index:said by the app's logger\n")


def test_a_session_without_a_secret_is_an_error_of_the_handler(flask: Function) -> None:
    answer = flask.request("/session")
    assert answer.status == 500
    assert "The session is unavailable" in flask.open_trace(answer.json()["trace"])


def post(function: Function, name: str, body: bytes, content_type: str) -> Answer:
    headers = [("Content-Type", content_type)]
    return function.request(f"/{name}", method="POST", body=body, headers=headers)
