"""Sealed bodies from Python: what `requests` sends and returns with sealed_body."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from faas_seal import (
    FunctionKey,
    MalformedKey,
    UnexpectedAnswer,
    UnsealedAnswer,
    UsageError,
    read_answer,
)
from faas_sealed.formats import errors
from faas_sealed.formats.keys import SESSION
from faas_sealed.formats.stream import (
    CONTENT_TYPE,
    Head,
    Opener,
    decode_head,
    request_key,
    response_key,
    seal_pieces,
)
from faas_sealed.formats.wire import PROBLEM_TYPE

from tests.command.deployed import AUTHOR, ECHO, ONE, SEED, TWO, push, sealed, token_in
from tests.command.servers import Answer, Request, Server, server
from tests.support import Function, serve

HANDLER = {
    "handler.py": """\
def handle(event, context):
    if event.path == "/status":
        return {"statusCode": int(event.query["code"]), "body": "x"}
    if event.path == "/headers":
        headers = [("Set-Cookie", "a=1"), ("X-Two", "1"), ("X-Two", "2"),
                   ("Content-Type", "text/plain; charset=latin-1")]
        return {"body": "ä".encode("latin-1"), "headers": headers}
    if event.path == "/moved":
        return {"statusCode": 307, "headers": {"Location": "/status?code=200"}}
    if event.path == "/lines":
        return (f"line {number}\\n" for number in range(1000))
    if event.path == "/break":
        return broken()
    if event.path == "/copy":
        return (bytes(piece) for piece in event.stream)
    return {"body": [event.method, event.body.decode(), dict(event.headers)]}

def broken():
    yield "begun"
    raise ValueError("a secret message")
"""
}


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    with serve(
        HANDLER, seed=SEED, transport=[ONE], seal_accept="sealed", seal_max_body="64MiB"
    ) as served:
        yield served


@pytest.fixture
def url(function: Function) -> str:
    return f"http://127.0.0.1:{function.port}"


@pytest.fixture
def key(function: Function) -> FunctionKey:
    return FunctionKey(function.key, function=function.sealed.header, sealed_body=True)


@pytest.fixture
def seen() -> Iterator[tuple[FunctionKey, Server, list[Answer]]]:
    """A key, a server that answers as the list says, and that list."""
    key = FunctionKey.generate()
    key = FunctionKey(key.text, function=sealed(key.secret).header, sealed_body=True)
    answers = [Answer()]
    with server(lambda _: answers[0]) as running:
        yield key, running, answers


@pytest.mark.parametrize(
    "body",
    [b"a body", "a body", bytearray(b"a body"), io.BytesIO(b"a body"), iter([b"a ", b"body"])],
    ids=["bytes", "text", "array", "file", "iterator"],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_body_arrives_as_it_was_given(
    url: str, key: FunctionKey, body: object, method: str
) -> None:
    if hasattr(body, "seek"):
        body.seek(0)
    if isinstance(body, Iterator) and method == "DELETE":
        body = iter([b"a body"])
    answer = requests.request(method, url, data=body, auth=key, timeout=10)  # type: ignore[arg-type]
    assert answer.status_code == 200
    assert answer.json()[:2] == [method, "a body"]


def test_headers_travel_inside(url: str, key: FunctionKey) -> None:
    headers = {"X-Mine": "1", "Authorization": "secret", "Accept": "text/csv", "X-Timeout": "5s"}
    answer = requests.post(
        url, json={"a": 1}, headers=headers, cookies={"c": "2"}, auth=key, timeout=10
    )
    _, body, inside = answer.json()
    assert body == '{"a": 1}'
    assert inside["X-Mine"] == "1"
    assert inside["Content-Type"] == "application/json"
    assert inside["Cookie"] == "c=2"
    assert inside["Accept"] == "text/csv"


def test_what_travels_outside_says_little(
    seen: tuple[FunctionKey, Server, list[Answer]],
) -> None:
    key, running, _ = seen
    headers = {"X-Mine": "secret", "Accept": "text/event-stream", "X-Timeout": "5s"}
    with pytest.raises(UnexpectedAnswer):
        requests.put(running.url, data="secret", headers=headers, auth=key, timeout=10)
    sent = running.last
    assert set(sent.headers) == {
        "host", "user-agent", "accept", "accept-encoding", "content-type", "content-length",
        "x-function-key", "x-timeout", "connection",
    }  # fmt: skip
    assert sent.headers["content-type"] == CONTENT_TYPE
    assert sent.headers["accept"] == "text/event-stream"
    assert "secret" not in str(sent)
    said = token_in(sent)
    assert said.session is not None
    opener = Opener(request_key(said.session))
    assert opener.feed(sent.body) == [b"secret"]
    assert opener.head is not None
    assert ("X-Mine", "secret") in decode_head(opener.head, response=False).headers


@pytest.mark.parametrize("code", [200, 201, 204, 205, 304, 404, 503])
def test_the_status_is_the_one_inside(url: str, key: FunctionKey, code: int) -> None:
    answer = requests.get(f"{url}/status?code={code}", auth=key, timeout=10)
    assert (answer.status_code, answer.ok) == (code, code < 400)


def test_headers_and_encoding_are_those_inside(url: str, key: FunctionKey) -> None:
    answer = requests.get(f"{url}/headers", auth=key, timeout=10)
    assert answer.text == "ä"
    assert answer.headers["x-two"] == "1, 2"
    assert answer.headers["Set-Cookie"] == "a=1"
    assert CONTENT_TYPE not in str(answer.headers)


def test_a_redirect_inside_is_not_followed(url: str, key: FunctionKey) -> None:
    answer = requests.get(f"{url}/moved", auth=key, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/status?code=200")
    assert answer.history == []


def test_an_answer_can_be_read_piece_by_piece(url: str, key: FunctionKey) -> None:
    with requests.Session() as session:
        session.auth = key
        with session.get(f"{url}/lines", stream=True, timeout=10) as answer:
            assert list(answer.iter_lines()) == [b"line %d" % number for number in range(1000)]
        with session.get(f"{url}/lines", stream=True, timeout=10) as answer:
            assert {len(piece) for piece in answer.iter_content(3)} <= {1, 2, 3}
        with session.get(f"{url}/lines", stream=True, timeout=10) as answer:
            assert answer.raw.read(4) == b"line"
            assert answer.raw.read().startswith(b" 0\n")
        with session.get(f"{url}/lines", stream=True, timeout=10) as answer:
            assert next(answer.iter_lines()) == b"line 0"
        assert session.get(f"{url}/status?code=200", timeout=10).text == "x"


def test_a_body_that_breaks_off_raises_as_one_in_clear_does(url: str, key: FunctionKey) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{url}/break", auth=key, timeout=10)
    answer = requests.get(f"{url}/break", auth=key, stream=True, timeout=10)
    pieces = answer.iter_content(None)
    assert next(pieces) == b"begun"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        next(pieces)


@pytest.mark.parametrize(
    "alter",
    [
        lambda stream: stream[:-1],
        lambda stream: stream[:-21],
        lambda stream: stream + b"x",
        lambda stream: stream[:-30] + b"xxx" + stream[-27:],
    ],
    ids=["cut", "without its end", "more behind", "altered"],
)
def test_an_altered_answer_is_never_a_short_one(alter: object) -> None:
    assert callable(alter)
    key = FunctionKey.generate()
    key = FunctionKey(key.text, function=sealed(key.secret).header, sealed_body=True)

    def answer(request: Request) -> Answer:
        session = token_in(request).session
        assert session is not None
        stream = b"".join(seal_pieces(response_key(session), Head((), 200), [b"a long answer"]))
        return Answer(body=alter(stream))

    with server(answer) as running, pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(running.url, auth=key, timeout=10)


def test_an_answer_that_is_not_sealed_is_none(
    seen: tuple[FunctionKey, Server, list[Answer]],
) -> None:
    key, running, answers = seen
    for body in (b"", b"in clear", bytes(300), json.dumps({"type": "x"}).encode()):
        for kind in ("text/plain", CONTENT_TYPE):
            answers[0] = Answer(200, {"Content-Type": kind}, body)
            with pytest.raises(UnexpectedAnswer, match="nobody vouches"):
                requests.get(running.url, auth=key, timeout=10)
    answers[0] = Answer(302, {"Location": "/elsewhere"})
    with pytest.raises(UnexpectedAnswer, match="302"):
        requests.get(running.url, auth=key, timeout=10)
    assert {request.path for request in running.requests} == {"/"}


def test_an_answer_that_is_not_sealed_says_what_it_claims_to_be(
    seen: tuple[FunctionKey, Server, list[Answer]],
) -> None:
    key, running, answers = seen
    document = errors.problem(errors.Busy, "call-1", "fse1_AAAA")
    answers[0] = Answer(503, {"Content-Type": PROBLEM_TYPE}, document)
    with pytest.raises(UnsealedAnswer) as caught:
        requests.get(running.url, auth=key, timeout=10)
    claim = caught.value
    assert (claim.status, claim.error) == (503, errors.Busy)
    assert (claim.reference, claim.trace) == ("call-1", "fse1_AAAA")
    answers[0] = Answer(204)
    with pytest.raises(UnsealedAnswer) as caught:
        requests.get(running.url, auth=key, timeout=10)
    claim = caught.value
    assert (claim.status, claim.error, claim.reference, claim.trace) == (204, None, "", "")


def test_the_answer_to_an_asynchronous_call_is_read_piece_by_piece() -> None:
    session = bytes(range(32))
    stream = b"".join(
        seal_pieces(response_key(session), Head((("X-A", "b"),), 201), [b"one", b"two"])
    )
    text = SESSION.encode(session)
    for size in (1, 7, len(stream)):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        status, headers, body = read_answer(pieces, text)
        assert (status, headers, b"".join(body)) == (201, [("X-A", "b")], b"onetwo")
    for wrong in (b"", stream[:30], b"in clear" * 20, stream[:30] + b"x" + stream[31:]):
        with pytest.raises(
            UnexpectedAnswer, match="not the whole, unaltered answer of that session"
        ):
            read_answer([wrong], text)
    with pytest.raises(UnexpectedAnswer, match="not the whole, unaltered answer of that session"):
        read_answer([stream], SESSION.encode(bytes(32)))
    with pytest.raises(MalformedKey):
        read_answer([stream], "fss1_x")


@pytest.mark.parametrize("size", [1, 1000])
def test_the_body_of_such_an_answer_is_never_a_shorter_one(size: int) -> None:
    session = bytes(range(32))
    stream = b"".join(seal_pieces(response_key(session), Head((), 200), [b"one", b"two"]))
    for wrong in (stream[:-1], stream[:-21], stream + b"x"):
        pieces = [wrong[at : at + size] for at in range(0, len(wrong), size)]
        _, _, body = read_answer(pieces, SESSION.encode(session))
        with pytest.raises(
            UnexpectedAnswer, match="not the whole, unaltered answer of that session"
        ):
            list(body)


def test_what_could_not_come_back_sealed_is_not_sent(
    seen: tuple[FunctionKey, Server, list[Answer]],
) -> None:
    key, running, _ = seen
    with pytest.raises(UsageError, match="HEAD"):
        requests.head(running.url, auth=key, timeout=10)
    with pytest.raises(UsageError, match="headers cannot be sealed"):
        requests.get(running.url, headers={"X-A": "x" * 70_000}, auth=key, timeout=10)
    assert running.requests == []


SIZES = [0, 1, 1000, 30_000, 65_536, 200_000]
EDGES = [0, 1, 2, 256, 257, 65_535, 65_536, 65_537, 66_000, 70_000, 131_072, 200_000]
FRAME, CHUNK = 21, 65_536
# The stream's header, a frame of 256 bytes with the head, the body's frames, and an empty one.
PADDED_LENGTHS = {
    24 + FRAME + 256 + count * (FRAME + length) + FRAME
    for count, length in [(1, 256), (1, 1024), (1, 2**15), (1, CHUNK), (4, CHUNK)]
}


@pytest.mark.parametrize("pieces", [False, True], ids=["bytes", "iterator"])
def test_a_padded_request_has_one_of_few_lengths(
    seen: tuple[FunctionKey, Server, list[Answer]], pieces: bool
) -> None:
    key, running, _ = seen
    key = FunctionKey(key.text, function=key.function, sealed_body=True, pad=True)
    for size in SIZES:
        body = os.urandom(size)
        with pytest.raises(UnexpectedAnswer):
            requests.post(running.url, data=iter([body]) if pieces else body, auth=key, timeout=10)
        sent = running.last
        assert len(sent.body) in PADDED_LENGTHS
        said = token_in(sent)
        assert said.session is not None
        opener = Opener(request_key(said.session))
        assert b"".join(opener.feed(sent.body)) == body
        opener.finish()


class Unbuffered(io.BytesIO):
    """A file that gives less than it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 5000))


@pytest.mark.parametrize("form", [io.BytesIO, Unbuffered])
def test_a_padded_file_looks_like_the_same_bytes(
    seen: tuple[FunctionKey, Server, list[Answer]], form: type[io.BytesIO]
) -> None:
    key, running, _ = seen
    key = FunctionKey(key.text, function=key.function, sealed_body=True, pad=True)

    def sent(body: bytes | io.BytesIO) -> int:
        with pytest.raises(UnexpectedAnswer):
            requests.post(running.url, data=body, auth=key, timeout=10)
        return len(running.last.body)

    for size in EDGES:
        frames = [bucket(size)] if size <= CHUNK else [CHUNK] * -(-size // CHUNK)
        length = 24 + sum(FRAME + each for each in (256, *frames, 0))
        assert sent(bytes(size)) == sent(form(bytes(size))) == length


def bucket(size: int) -> int:
    return max(256, 1 << (size - 1).bit_length())


@pytest.mark.parametrize("pieces", [False, True], ids=["bytes", "iterator"])
def test_a_real_function_takes_a_padded_request(function: Function, url: str, pieces: bool) -> None:
    key = FunctionKey(function.key, function=function.sealed.header, sealed_body=True, pad=True)
    for size in SIZES:
        body = b"x" * size
        answer = requests.post(url, data=iter([body]) if pieces else body, auth=key, timeout=10)
        assert answer.json()[1] == body.decode()


def test_only_sealed_bodies_are_padded(key: FunctionKey) -> None:
    assert not key.pad
    with pytest.raises(UsageError, match="only sealed bodies are padded"):
        FunctionKey(key.text, function=key.function, pad=True)


def test_a_body_of_text_in_pieces_is_refused(
    seen: tuple[FunctionKey, Server, list[Answer]],
) -> None:
    key, running, _ = seen
    for text in (io.StringIO("text"), iter(["text"])):
        with pytest.raises(UsageError, match="comes as text"):
            requests.post(running.url, data=text, auth=key, timeout=10)  # type: ignore[arg-type]


def test_a_change_behind_the_callers_back_is_healed_with_sealed_bodies_too(
    tmp_path: Path,
) -> None:
    with serve(ECHO, seed=SEED, transport=[ONE, TWO]) as function:
        url = f"http://127.0.0.1:{function.port}"
        key = FunctionKey(function.key)
        found = FunctionKey.discover(
            url, author=AUTHOR, key=key, function="tested", sealed_body=True
        )
        secret = function.folder / "transport"
        secret.write_text(secret.read_text().splitlines()[1])
        push(function, sealed(function.function_key, transport=TWO))
        (tmp_path / "body").write_bytes(b"hello")
        with (tmp_path / "body").open("rb") as body:
            assert requests.post(url, data=body, auth=found, timeout=10).text == "hello"
