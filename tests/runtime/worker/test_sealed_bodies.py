"""Sealed bodies: what a handler sees, what a caller gets, and what nobody else can change."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPResponse, IncompleteRead

import pytest
from faas_sealed.formats.stream import (
    CONTENT_TYPE,
    Head,
    Opener,
    decode_head,
    request_key,
    response_key,
    seal_pieces,
)

from tests.support import Answer, Function, opened, read_answer, serve

HANDLER = {
    "handler.py": """\
import time

def handle(event, context):
    if event.path == "/fail":
        raise ValueError("a secret message")
    if event.path == "/status":
        return {"statusCode": int(event.query["code"]), "body": "x"}
    if event.path == "/pieces":
        return (f"piece {number}" for number in range(3)), 200, {"X-Inner": "1"}
    if event.path == "/headers":
        return "x" if "whole" in event.query else iter("x"), 200, {"X-Long": "x" * 70_000}
    if event.path == "/break":
        def pieces():
            yield "begun"
            raise ValueError("a secret message")
        return pieces()
    headers = {name: value for name, value in event.headers.items() if name != "Host"}
    body = [event.method, event.body.decode("latin-1"), headers]
    return {"body": body, "headers": {"X-Inner": "1"}}
"""
}
STREAMING = {
    "handler.py": """\
def handle(event, context):
    return (bytes(piece).upper() for piece in event.stream)
"""
}
TRANSPORT = bytes(range(32))


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    with serve(HANDLER, transport=[TRANSPORT], seal_max_body="1MiB") as served:
        yield served


@pytest.fixture(scope="module")
def streaming() -> Iterator[Function]:
    with serve(STREAMING, transport=[TRANSPORT], seal_max_body="64MiB") as served:
        yield served


def request_stream(session: bytes, body: bytes, *headers: tuple[str, str]) -> bytes:
    return b"".join(seal_pieces(request_key(session), Head(headers), [body]))


def call(
    function: Function, target: str = "/", body: bytes = b"", *headers: tuple[str, str]
) -> tuple[Answer, Head, bytes]:
    session = os.urandom(32)
    answer = function.request(
        target,
        method="POST",
        body=request_stream(session, body, *headers),
        headers=[("Content-Type", CONTENT_TYPE), ("X-Outer", "2"), ("X-Both", "outer")],
        key=function.token(target, method="POST", session=session),
    )
    return answer, *opened(answer, session)


def test_the_handler_sees_what_is_inside_and_the_answer_travels_inside(function: Function) -> None:
    answer, head, body = call(
        function,
        "/",
        b"a body",
        ("Content-Type", "text/csv"),
        ("X-Inner", "3"),
        ("X-Both", "inner"),
        ("X-Function-Key", "none of these"),
        ("Transfer-Encoding", "chunked"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Name", "Zoë"),
    )
    method, seen, headers = json.loads(body)
    assert (answer.status, head.status, method, seen) == (200, 200, "POST", "a body")
    assert headers["Content-Type"] == "text/csv"
    assert headers["X-Inner"] == "3"
    assert headers["X-Both"] == "inner"
    assert headers["Content-Length"] == "6"
    assert headers["X-Name"].encode("latin-1").decode() == "Zoë"
    assert not {"X-Function-Key", "Transfer-Encoding", "X-Forwarded-For"} & set(headers)
    assert "X-Outer" not in headers
    assert ("X-Inner", "1") in head.headers
    assert answer.header("X-Inner") is None
    assert b"a body" not in answer.body


OF_THE_WAY = {
    "X-Call-Id": "1234",
    "X-Callback-Url": "https://me.example/done",
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Host": "gateway.example",
    "X-Start-Time": "1700000000",
    "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Tracestate": "a=b",
}


def seen_of(function: Function, outside: dict[str, str], inside: dict[str, str]) -> dict[str, str]:
    """Return the headers that the handler sees of those outside and inside."""
    session = os.urandom(32)
    answer = function.request(
        method="POST",
        body=request_stream(session, b"", *inside.items()),
        headers=[("Content-Type", CONTENT_TYPE), *outside.items()],
        key=function.token(method="POST", session=session),
    )
    seen: dict[str, str] = json.loads(opened(answer, session)[1])[2]
    return seen


def test_whoever_is_on_the_way_adds_nothing_beside_what_was_sealed(function: Function) -> None:
    names = "Authorization Cookie Content-Encoding Accept User-Agent Forwarded X-Real-IP Referer"
    added = dict.fromkeys(f"{names} X-Forwarded XX-Forwarded-For X-Hub-Signature".split(), "added")
    seen = seen_of(function, OF_THE_WAY | added, {"X-Inner": "1"})
    assert seen == OF_THE_WAY | {"X-Inner": "1"}
    assert seen_of(function, added, {"Cookie": "a=1"}) == {"Cookie": "a=1"}


def test_the_way_is_told_outside_and_the_rest_inside(function: Function) -> None:
    inside = dict.fromkeys(OF_THE_WAY, "inside")
    seen = seen_of(function, OF_THE_WAY, inside)
    sealed = {"X-Callback-Url", "Traceparent", "Tracestate"}
    assert seen == OF_THE_WAY | dict.fromkeys(sealed, "inside")
    assert seen_of(function, {}, inside) == dict.fromkeys(sealed, "inside")


def test_how_long_the_stream_is_the_handler_does_not_see(function: Function) -> None:
    assert "Content-Length" not in json.loads(call(function)[2])[2]


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
def test_any_method_has_a_stream(function: Function, method: str) -> None:
    session = os.urandom(32)
    token = function.token(method=method, session=session)
    answer = function.request(method=method, body=request_stream(session, b"x"), key=token)
    assert json.loads(opened(answer, session)[1])[:2] == [method, "x"]


def test_without_its_stream_a_session_has_no_body(function: Function) -> None:
    session = os.urandom(32)
    token = function.token(session=session)
    answer = function.request(key=token)
    head, body = opened(answer, session)
    assert (answer.status, head.status) == (400, 400)
    assert json.loads(body)["type"].endswith("malformed-body")


def test_without_a_session_a_stream_is_but_bytes(function: Function) -> None:
    stream = request_stream(os.urandom(32), b"x")
    token = function.token(method="POST", body=stream)
    answer = function.request(
        method="POST", body=stream, headers=[("Content-Type", CONTENT_TYPE)], key=token
    )
    assert answer.json()[1] == stream.decode("latin-1")


def test_a_head_takes_no_session(function: Function) -> None:
    token = function.token(method="HEAD", session=os.urandom(32))
    assert function.request(method="HEAD", key=token).status == 403


@pytest.mark.parametrize(
    ("code", "outer"), [(201, 201), (204, 200), (205, 200), (304, 200), (404, 404), (503, 503)]
)
def test_the_status_stands_outside_too(function: Function, code: int, outer: int) -> None:
    answer, head, _ = call(function, f"/status?code={code}")
    assert (answer.status, head.status) == (outer, code)


def test_what_the_handler_raises_travels_inside(function: Function) -> None:
    answer, head, body = call(function, "/fail")
    problem = json.loads(body)
    assert (answer.status, head.status) == (500, 500)
    assert problem["type"].endswith("handler-error")
    assert "a secret message" in function.open_trace(problem["trace"])


@pytest.mark.parametrize("target", ["/headers?whole", "/headers"])
def test_headers_that_fit_into_no_frame_are_the_handlers_error(
    function: Function, target: str
) -> None:
    answer, head, body = call(function, target)
    assert (answer.status, head.status) == (500, 500)
    assert "longer than 65536" in function.open_trace(json.loads(body)["trace"])


def test_before_the_key_has_opened_errors_travel_outside(function: Function) -> None:
    session = os.urandom(32)
    token = function.token(session=session, key=os.urandom(32))
    answer = function.request(body=request_stream(session, b"x"), key=token)
    assert answer.json()["type"].endswith("unknown-key")


def flip(stream: bytes) -> bytes:
    return stream[:-3] + bytes([stream[-3] ^ 1]) + stream[-2:]


@pytest.mark.parametrize(
    "alter",
    [
        flip,
        lambda stream: stream[:-1],
        lambda stream: stream[:-21],
        lambda stream: stream + b"x",
        lambda stream: stream[:24],
        lambda _: b"",
        lambda _: b"just a body that is no stream at all",
    ],
    ids=["altered", "cut", "without its end", "more behind", "no head", "empty", "no stream"],
)
@pytest.mark.parametrize("target", ["function", "streaming"])
def test_an_altered_stream_is_an_error_and_never_a_short_body(
    request: pytest.FixtureRequest, alter: object, target: str
) -> None:
    assert callable(alter)
    function = request.getfixturevalue(target)
    session = os.urandom(32)
    stream = alter(request_stream(session, b"a body of some length"))
    token = function.token(method="POST", session=session)
    with function.connect() as connection:
        connection.sendall(function.head("/", "POST", stream, key=token) + stream)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    opener = Opener(response_key(session))
    chunked = b"Transfer-Encoding: chunked" in received
    body = b"".join(
        opener.feed(unchunked(received) if chunked else received.partition(b"\r\n\r\n")[2])
    )
    assert opener.head is not None
    head = decode_head(opener.head, response=True)
    if head.status == 200:  # a streaming handler has begun before the end was known
        assert target == "streaming"
        assert not opener.final
    else:
        assert head.status == 400
        assert json.loads(body)["type"].endswith("malformed-body")


def test_the_stream_of_another_call_is_refused(function: Function) -> None:
    session = os.urandom(32)
    answer = function.request(
        method="POST",
        body=request_stream(os.urandom(32), b"x"),
        key=function.token(method="POST", session=session),
    )
    assert json.loads(opened(answer, session)[1])["type"].endswith("malformed-body")


def test_the_limit_is_that_of_the_body_inside(function: Function) -> None:
    assert call(function, "/", bytes(2**20))[1].status == 200
    _, head, body = call(function, "/", bytes(2**20 + 1))
    assert (head.status, json.loads(body)["type"][-14:]) == (413, "body-too-large")
    _, head, _ = call(function, "/", bytes(3 * 2**20))
    assert head.status == 413


def test_padding_is_no_part_of_the_body_and_takes_none_of_its_room(function: Function) -> None:
    for size in (0, 1, 65_536, 2**20):
        session = os.urandom(32)
        pieces = seal_pieces(request_key(session), Head(()), [bytes(size)], pad=True)
        token = function.token(method="POST", session=session)
        answer = function.request(method="POST", body=b"".join(pieces), key=token)
        head, body = opened(answer, session)
        assert (head.status, len(json.loads(body)[1])) == (200, size)


def test_an_answer_is_padded_where_the_author_wants_it() -> None:
    echo = {"handler.py": "def handle(event, context):\n    return event.body\n"}
    sizes = (0, 10, 100, 700, 5_000, 60_000, 65_536, 70_000, 200_000)
    with serve(echo, transport=[TRANSPORT], seal_pad="on") as function:
        lengths = []
        for size in sizes:
            answer, _, body = call(function, "/", os.urandom(size))
            assert len(body) == size
            lengths.append(len(answer.body))
    chunk = 65_536
    bodies = [[256], [256], [256], [1024], [8192], [chunk], [chunk], [chunk] * 2, [chunk] * 4]
    # A stream is its header, the head, the body, and an empty frame; a frame has 21 bytes more.
    assert lengths == [24 + sum(size + 21 for size in (256, *body, 0)) for body in bodies]


FILES = {
    "handler.py": """\
import io
from werkzeug.wrappers import Response
from werkzeug.wsgi import wrap_file

class Live(io.BytesIO):
    def seekable(self):
        return False

def handle(event, context):
    body = event.body
    if event.path == "/bytes":
        return body
    file = Live(body) if event.path == "/live" else io.BytesIO(body)
    answer = Response(wrap_file(event._environ, file), direct_passthrough=True)
    if event.path == "/range":
        environ = {**event._environ, "REQUEST_METHOD": "GET"}
        answer.make_conditional(environ, True, len(body))
    return answer
"""
}


def test_a_padded_file_looks_like_the_same_bytes() -> None:
    sizes = (0, 1, 2, 256, 257, 65_535, 65_536, 65_537, 66_000, 70_000, 131_072, 200_000)
    with serve(FILES, transport=[TRANSPORT], seal_pad="on") as function:
        for size in sizes:
            sent = os.urandom(size)
            answers = [call(function, path, sent) for path in ("/bytes", "/file")]
            assert [body for _, _, body in answers] == [sent, sent]
            whole, file = (len(answer.body) for answer, _, _ in answers)
            assert whole == file
        answer, head, body = call(function, "/range", sent, ("Range", "bytes=100-70099"))
        assert (head.status, body) == (206, sent[100:70_100])
        assert len(answer.body) == 24 + sum(21 + size for size in (256, 65_536, 65_536, 0))
        # What cannot seek comes in the pieces in which it is read.
        answer, _, body = call(function, "/live", sent[:20_000])
        assert body == sent[:20_000]
        frames = (256, 8192, 8192, 4096, 0)
        assert len(answer.body) == 24 + sum(21 + size for size in frames)


def test_pieces_travel_as_they_come(function: Function) -> None:
    _, head, body = call(function, "/pieces")
    assert (head.status, body) == (200, b"piece 0piece 1piece 2")
    assert ("X-Inner", "1") in head.headers


def test_a_body_that_breaks_off_has_no_end(function: Function) -> None:
    session = os.urandom(32)
    head = function.head(
        "/break",
        "POST",
        stream := request_stream(session, b""),
        key=function.token("/break", method="POST", session=session),
    )
    with function.connect() as connection:
        connection.sendall(head + stream)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    body = received.partition(b"\r\n\r\n")[2]
    opener, chunks = Opener(response_key(session)), b""
    while body:
        size, _, body = body.partition(b"\r\n")
        chunks, body = chunks + body[: int(size, 16)], body[int(size, 16) + 2 :]
    assert opener.feed(chunks) == [b"begun"]
    assert not opener.final
    assert b"a secret message" not in received


def test_a_streaming_handler_gets_and_gives_pieces_while_more_comes(streaming: Function) -> None:
    session = os.urandom(32)
    pieces = iter([b"first", b"second"])
    stream = seal_pieces(request_key(session), Head(()), pieces)
    headers = [("Transfer-Encoding", "chunked")]
    token = streaming.token(method="POST", session=session)
    opener = Opener(response_key(session))
    with streaming.connect() as connection:
        connection.sendall(streaming.head("/", "POST", None, headers, token))
        send(connection, next(stream) + next(stream))
        received = b""
        while not opener.head or b"FIRST" not in b"".join(arrived(received, response_key(session))):
            received += connection.recv(65536)
            opener = Opener(response_key(session))
            opener.feed(unchunked(received))
        for piece in stream:
            send(connection, piece)
        connection.sendall(b"0\r\n\r\n")
        while b"0\r\n\r\n" not in received[-7:]:
            received += connection.recv(65536)
    assert b"".join(arrived(received, response_key(session))) == b"FIRSTSECOND"


GROWTH = {
    "handler.py": """\
import resource

def handle(event, context):
    return answer(event.stream)

def answer(stream):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for piece in stream:
        yield piece
    yield str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before).rjust(20)
"""
}


def test_a_large_body_each_way_takes_constant_memory() -> None:
    size, most = 200 * 2**20, 16 * 2**20
    session = os.urandom(32)
    piece = bytes(2**20)
    stream = seal_pieces(request_key(session), Head(()), (piece for _ in range(size // 2**20)))
    with serve(GROWTH, transport=[TRANSPORT], seal_max_body="1GiB") as function:
        token = function.token(method="POST", session=session)
        head = function.head("/", "POST", None, [("Transfer-Encoding", "chunked")], token)

        def write(connection: socket.socket) -> None:
            connection.sendall(head)
            for frame in stream:
                send(connection, frame)
            connection.sendall(b"0\r\n\r\n")

        opener, received, last = Opener(response_key(session)), 0, b""
        with function.connect() as connection:
            writer = threading.Thread(target=write, args=[connection])
            writer.start()
            response = HTTPResponse(connection)
            response.begin()
            while data := response.read1(2**16):
                for opened in opener.feed(data):
                    received, last = received + len(opened), (last + opened)[-20:]
            writer.join()
            response.close()
    opener.finish()
    assert received == size + 20
    assert int(last) * 1024 < most


def send(connection: socket.socket, piece: bytes) -> None:
    connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))


def unchunked(received: bytes) -> bytes:
    """Return what whole chunks of an answer hold so far."""
    body, data = received.partition(b"\r\n\r\n")[2], b""
    while b"\r\n" in body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0 or len(rest) < length + 2:
            break
        data, body = data + rest[:length], rest[length + 2 :]
    return data


def arrived(received: bytes, key: bytes) -> list[bytes]:
    return Opener(key).feed(unchunked(received))


def test_a_connection_serves_on_after_a_sealed_body(function: Function) -> None:
    with function.connect() as connection:
        for _ in range(3):
            session = os.urandom(32)
            stream = request_stream(session, b"x")
            token = function.token(method="POST", session=session)
            connection.sendall(function.head("/", "POST", stream, key=token) + stream)
            assert json.loads(opened(read_answer(connection), session)[1])[1] == "x"


def test_coroutines_have_sealed_bodies_as_others_have() -> None:
    source = (
        "import asyncio\n"
        "async def handle(event, context):\n"
        "    for piece in event.stream:\n"
        "        await asyncio.sleep(0)\n"
        "        yield bytes(piece).upper()\n"
        "    if event.path == '/break':\n"
        "        raise ValueError\n"
    )
    with serve({"handler.py": source}, transport=[TRANSPORT]) as function:
        _, head, body = call(function, "/", b"abc" * 100_000)
        assert (head.status, body) == (200, b"ABC" * 100_000)
        with pytest.raises(IncompleteRead):
            call(function, "/break", b"abc")
