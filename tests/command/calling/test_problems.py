"""Problem documents from hostile servers: their length, depth and coding."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator

import pytest
import requests
from faas_seal import FunctionKey, UnsealedAnswer
from faas_seal.calling.problems import problem_in
from faas_sealed.formats import errors
from faas_sealed.formats.wire import ERROR_TYPE, PROBLEM_TYPE

from tests.command.deployed import sealed
from tests.command.servers import Answer, Server, server
from tests.support import PATIENCE

MiB = 2**20
KIND = {"Content-Type": PROBLEM_TYPE}
DOCUMENT = errors.problem(errors.Busy, "call-1", "fse1_AAAA")
either_body = pytest.mark.parametrize("sealed_body", [False, True], ids=["in clear", "sealed"])


@pytest.fixture
def said() -> Iterator[tuple[Server, list[Answer]]]:
    """A server that answers as the list says, and that list."""
    answers = [Answer()]
    with server(lambda _: answers[0]) as running:
        yield running, answers


def key(*, sealed_body: bool = False) -> FunctionKey:
    own = FunctionKey.generate()
    return FunctionKey(own.text, function=sealed(own.secret).header, sealed_body=sealed_body)


def post(url: str, auth: FunctionKey, *, stream: bool = False) -> requests.Response | None:
    """Make a call; return None if its answer is not sealed and should be."""
    try:
        return requests.post(url, data=b"x", auth=auth, timeout=PATIENCE, stream=stream)
    except UnsealedAnswer:
        return None


@either_body
@pytest.mark.parametrize(
    "document",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 100_000,
        b'{"type":' + b"9" * 5000 + b"}",
        b'{"type":"\\ud800"}',
        b'{"type":["a"]}',
        b"null",
        b"\xff",
        b"",
    ],
    ids=lambda document: repr(document[:9]),
)
def test_a_document_that_is_none_is_an_answer_as_any_other(
    said: tuple[Server, list[Answer]], document: bytes, sealed_body: bool
) -> None:
    running, answers = said
    answers[0] = Answer(400, KIND, document)
    answer = post(running.url, key(sealed_body=sealed_body))
    assert (answer is None) is sealed_body
    if answer is not None:
        assert (answer.status_code, answer.content) == (400, document)


@either_body
def test_an_endless_document_is_not_read(
    said: tuple[Server, list[Answer]], sealed_body: bool
) -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(200):
            yield b" " * MiB
            sent += 1

    running, answers = said
    answers[0] = Answer(400, KIND, pieces=pieces())
    tracemalloc.start()
    try:
        answer = post(running.url, key(sealed_body=sealed_body), stream=True)
        if answer is not None:
            assert next(answer.iter_content(10)) == b" " * 10
            answer.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent < 100
    assert peak < 20 * MiB


@either_body
def test_a_document_is_not_unpacked_beyond_its_limit(
    said: tuple[Server, list[Answer]], sealed_body: bool
) -> None:
    running, answers = said
    answers[0] = Answer(400, {**KIND, "Content-Encoding": "gzip"}, gzip.compress(bytes(100 * MiB)))
    tracemalloc.start()
    try:
        answer = post(running.url, key(sealed_body=sealed_body), stream=True)
        peak = tracemalloc.get_traced_memory()[1]
        if answer is not None:
            answer.close()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MiB


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("more", [0, 70_000, 3 * MiB])
def test_a_document_is_still_there_for_the_caller(
    said: tuple[Server, list[Answer]], more: int, chunked: bool, stream: bool, coding: str
) -> None:
    running, answers = said
    document = DOCUMENT[:-1] + b" " * more + b"}"
    packed = gzip.compress(document) if coding == "gzip" else document
    body = {"pieces": iter([packed[:100], packed[100:]])} if chunked else {"body": packed}
    answers[0] = Answer(503, {**KIND, "Content-Encoding": coding}, **body)
    with requests.Session() as session:
        session.auth = key()
        answer = session.post(running.url, data=b"x", timeout=PATIENCE, stream=stream)
        problem = problem_in(answer)
        assert (problem and problem.error) == (None if more else errors.Busy)
        assert (problem and problem.reference) == (None if more else "call-1")
        assert answer.json()["type"] == f"{ERROR_TYPE}busy"
        assert len(answer.content) == len(document)
        assert problem_in(answer) == problem
        answers[0] = Answer(body=b"next")
        assert session.post(running.url, data=b"x", timeout=PATIENCE).text == "next"


def test_a_document_that_is_cut_short_raises_as_any_answer_does(
    said: tuple[Server, list[Answer]],
) -> None:
    running, answers = said
    answers[0] = Answer(400, KIND, pieces=broken())
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.post(running.url, data=b"x", auth=key(), timeout=PATIENCE)


def broken() -> Iterator[bytes]:
    """Break the connection after the first piece."""
    yield b'{"type":'
    raise ConnectionError
