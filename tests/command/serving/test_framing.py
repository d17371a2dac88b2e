"""Bodies are taken out of their framing, and refused where that is ambiguous."""

from __future__ import annotations

import io

import pytest
from faas_seal.serving.framing import request_body
from faas_seal.serving.heads import RequestHead
from faas_seal.serving.refusals import CodingNotImplemented
from faas_sealed.formats.errors import MalformedBody, MalformedRequest


def read(body: bytes, *headers: tuple[str, str], minor: int = 1) -> bytes | None:
    head = RequestHead("POST", "/", "gateway", minor, list(headers))
    pieces = request_body(head, io.BufferedReader(io.BytesIO(body)))
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
        [("Content-Length", "")],
        [("Content-Length", "-1")],
    ],
)
def test_an_ambiguous_length_is_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(MalformedRequest):
        read(b"x", *headers)


@pytest.mark.parametrize(
    "headers",
    [
        [("Transfer-Encoding", "gzip")],
        [("Transfer-Encoding", "gzip, chunked")],
        [("Transfer-Encoding", "identity")],
        [CHUNKED, CHUNKED],
    ],
)
def test_other_codings_are_not_known(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(CodingNotImplemented):
        read(b"x", *headers)


def test_chunks_overrule_a_length() -> None:
    assert read(b"3\r\nabc\r\n0\r\n\r\n", ("Content-Length", "1"), CHUNKED) == b"abc"


def test_http_1_0_has_no_chunks() -> None:
    assert read(b"3\r\nabc\r\n0\r\n\r\n", CHUNKED, minor=0) is None
    assert read(b"abc", ("Content-Length", "3"), minor=0) == b"abc"
