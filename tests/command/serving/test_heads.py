"""Heads of requests are read as Go's server reads them, and refused where it refuses them."""

from __future__ import annotations

import io

import pytest
from faas_seal.serving.heads import (
    MAX_REQUEST_HEAD,
    MalformedHead,
    RequestHead,
    read_request_head,
    read_response_head,
)
from faas_seal.serving.refusals import HeadTooLong, VersionNotSupported
from faas_sealed.formats.errors import MalformedRequest


def read(data: bytes) -> RequestHead:
    head = read_request_head(io.BytesIO(data))
    assert head is not None
    return head


def with_line(line: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n"


def test_a_head_is_taken_apart() -> None:
    stream = io.BytesIO(b"PATCH /a?b HTTP/1.1\r\nHost: x:1\r\nA:1\r\nb: \t2 \t\r\na: 3\r\n\r\nrest")
    head = read_request_head(stream)
    assert head == RequestHead("PATCH", "/a?b", "x:1", 1, [("A", "1"), ("b", "2"), ("a", "3")])
    assert head.all("A") == ["1", "3"]
    assert stream.read() == b"rest"


def test_nothing_is_no_head() -> None:
    assert read_request_head(io.BytesIO()) is None


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"A: caf\xe9", "caf\xe9"),
        (b"A: a\tb", "a\tb"),
        (b"A:", ""),
        (b"A: one\r\n two\r\n\t three ", "one two three"),
        (b"A:\r\n one", "one"),
        (b"A: content-type: multipart/mixed", "content-type: multipart/mixed"),
    ],
)
def test_values_are_read_as_they_were_meant(line: bytes, value: str) -> None:
    assert read(with_line(line)).all("a") == [value]


def test_lines_may_end_without_a_carriage_return() -> None:
    assert read(b"GET / HTTP/1.1\nHost: x\nA: 1\n\n").headers == [("A", "1")]


@pytest.mark.parametrize(
    "line",
    [
        b"no header",
        b": no name",
        b"two words: x",
        b"space : x",
        b"A: \0",
        b"A: \x01",
        b"A: \x7f",
        b"A: one\rtwo",
        b"Host: twice",
    ],
)
def test_lines_that_are_no_headers_are_refused(line: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read(with_line(line))


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[/a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\n A: folded\r\nHost: x\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"GET / HT",
    ],
)
def test_heads_that_break_the_rules_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read(data)


def test_other_versions_are_refused() -> None:
    for version in (b"2.0", b"0.9"):
        with pytest.raises(VersionNotSupported):
            read(b"GET / HTTP/%b\r\nHost: x\r\n\r\n" % version)
    assert read(b"GET / HTTP/1.0\r\n\r\n").minor == 0


def test_a_url_names_the_host_and_the_target() -> None:
    head = read(b"GET http://shop.example:1/a?b=c HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (head.host, head.target) == ("shop.example:1", "/a?b=c")
    assert read(b"GET http://shop.example HTTP/1.1\r\nHost: x\r\n\r\n").target == "/"


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"X-Mine, Close", False),
        (b"1.1", b"keep-alive", True),
        (b"1.0", b"", False),
        (b"1.0", b"Keep-Alive", True),
    ],
)
def test_a_client_says_whether_it_stays(version: bytes, connection: bytes, kept: bool) -> None:
    data = b"GET / HTTP/%b\r\nHost: x\r\nConnection: %b\r\n\r\n" % (version, connection)
    assert read(data).keep_alive == kept


def test_a_head_has_a_mib_at_most() -> None:
    rest = MAX_REQUEST_HEAD - len(with_line(b"A: "))
    assert len(read(with_line(b"A: " + b"x" * rest)).get("A")) == rest
    for line in (b"A: " + b"x" * (rest + 1), b"A: 1\r\n" * (rest // 6 + 2)):
        with pytest.raises(HeadTooLong):
            read(with_line(line))


def test_a_response_has_a_status() -> None:
    head = read_response_head(io.BytesIO(b"HTTP/1.1 204 No Content\r\nA: 1\r\n\r\n"))
    assert head is not None
    assert (head.status, head.reason, head.headers) == (204, "No Content", [("A", "1")])
    assert read_response_head(io.BytesIO()) is None
    for line in (b"HTTP/1.1 99 x", b"HTTP/2 200", b"200 OK", b"HTTP/1.1 200OK"):
        with pytest.raises(MalformedHead):
            read_response_head(io.BytesIO(line + b"\r\n\r\n"))
