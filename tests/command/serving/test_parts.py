"""Paths, bodies and durations, as Go and OpenFaaS read them."""

from __future__ import annotations

import io
from email.message import Message

import pytest
from faas_seal.serving.durations import parse_duration
from faas_seal.serving.framing import request_body
from faas_seal.serving.routes import Route, route
from faas_sealed.formats.errors import MalformedBody, MalformedRequest


@pytest.mark.parametrize(
    ("sent", "seen"),
    # Measured: what a function behind gateway 0.27, a provider and of-watchdog 0.11 was asked.
    [
        ("", "/"),
        ("/", "/"),
        ("?x=1", "/?x=1"),
        ("/a?", "/a"),
        ("/a??x", "/a??x"),
        ("/a?x=%20&y=+", "/a?x=%20&y=+"),
        ("/a%20b", "/a%20b"),
        ("/%2541", "/A"),
        ("/a%252Fb", "/a/b"),
        ("/a%25", None),
        ("/a%2525", "/a%25"),
        ("/%3F", "/"),
        ("/a%3Fb?x=1", "/a?b?x=1"),
        ("/a%253Fb", "/a%3Fb"),
        ("/a%23b?x=1", "/a"),
        ("/!*'();:@&=+$,[]", "/%21%2A%27%28%29;:@&=+$,%5B%5D"),
        ("/%C3%A9", "/%C3%A9"),
        ("/\xe9", "/%E9"),
        ("/%ff", "/%FF"),
        ("/a%7Cb|c", "/a%7Cb%7Cc"),
        ("/~x_-.", "/~x_-."),
        ("/%zz", None),
        ("/%", None),
        ("/%00", None),
        ("/%7f", None),
        ("/%09", None),
    ],
)
def test_a_path_reaches_the_function_as_behind_the_gateway(sent: str, seen: str | None) -> None:
    if seen is None:
        with pytest.raises(MalformedRequest):
            route(f"/function/greet{sent}")
    else:
        assert route(f"/function/greet{sent}") == Route(name="greet", target=seen)


@pytest.mark.parametrize(
    ("sent", "redirected"),
    [
        ("/function/greet//", "/function/greet/"),
        ("/function/greet/a//b?x=1", "/function/greet/a/b?x=1"),
        ("/function/greet/a%2F%2Fb", "/function/greet/a/b"),
        ("/function/greet/a/../b%20c", "/function/greet/b%20c"),
        ("/function/greet/%2e%2e/other", "/function/other"),
        ("/function/greet/%252e%252e/other", "/function/other"),
        ("/function/greet/.", "/function/greet"),
    ],
)
def test_a_path_that_is_not_clean_is_redirected(sent: str, redirected: str) -> None:
    assert route(sent) == Route(redirect=redirected)


@pytest.mark.parametrize(
    "sent",
    ["/", "/function", "/function/", "/Function/greet", "/function/a%20b", "/function/greet%3Fx"],
)
def test_other_paths_are_the_gateways_own(sent: str) -> None:
    assert route(sent).system
    assert not route(sent).name


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("/async-function/greet/a", Route(name="greet", target="/a", background=True)),
        ("/function/gr%65et", Route(name="greet", target="/")),
        ("/function/greet%2Fa", Route(name="greet", target="/a")),
        ("http://127.0.0.1:8080/function/greet?x", Route(name="greet", target="/?x")),
    ],
)
def test_names_are_read_from_the_decoded_path(sent: str, expected: Route) -> None:
    assert route(sent) == expected


def test_a_target_that_is_no_url_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        route("http://[/function/greet")


def read(body: bytes, *headers: tuple[str, str]) -> bytes | None:
    message = Message()
    for name, value in headers:
        message[name] = value
    pieces = request_body(message, io.BufferedReader(io.BytesIO(body)))
    return None if pieces is None else b"".join(pieces)


CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"A;name=value\r\n0123456789\r\n1 \r\nx\r\n000\r\n\r\n", b"0123456789x"),
        (b"1\r\nx\r\n0\r\nTrailer: 1\r\nOther: 2\r\n\r\nnext", b"x"),
        (b"20000\r\n" + bytes(0x20000) + b"\r\n0\r\n\r\n", bytes(0x20000)),
    ],
)
def test_chunked_bodies_are_read(body: bytes, expected: bytes) -> None:
    assert read(body, CHUNKED) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"3\r\nab",
        b"3\r\nabc\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"1_0\r\n" + bytes(16) + b"\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"10000000000000000\r\nabc",
        b"3;" + b"x" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n",
    ],
)
def test_broken_chunks_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read(body, CHUNKED)


def test_a_body_has_the_length_that_it_was_said_to_have() -> None:
    assert read(b"abcdef", ("Content-Length", "3")) == b"abc"
    assert read(b"", ("Content-Length", "0")) is None
    assert read(b"abc") is None
    assert read(b"abc", ("Content-Length", "3"), ("Content-Length", "3")) == b"abc"
    with pytest.raises(MalformedBody):
        read(b"ab", ("Content-Length", "3"))


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Length", "+1")],
        [("Content-Length", "1, 1")],
        [("Content-Length", "\u0661")],
        [("Content-Length", "1"), ("Content-Length", "2")],
        [("Content-Length", "1"), CHUNKED],
        [("Transfer-Encoding", "gzip")],
        [CHUNKED, CHUNKED],
    ],
)
def test_an_ambiguous_length_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(MalformedRequest):
        read(b"x", *headers)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("500ms", 0.5), ("1m30s", 90), ("1h", 3600), ("1.5s", 1.5), (".5s", 0.5)],
)
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1S", "1d", "one", "1s1"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)
