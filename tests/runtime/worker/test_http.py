"""HTTP as the watchdog speaks it, and as it must not be spoken."""

from __future__ import annotations

import pytest

from tests.runtime.wire import Client, chunked, connected, posted, reason
from tests.support import Function

CHUNKED = [("Transfer-Encoding", "chunked")]


def echo(function: Function, body: bytes) -> bytes:
    """Return a request as the watchdog sends it, whose body comes back."""
    return function.head("/echo", "POST", headers=CHUNKED) + chunked([body])


def is_alive(client: Client) -> bool:
    """Tell whether a connection still carries requests."""
    return client.run("answer = 'alive'") == "alive"


def refusal(function: Function, request: bytes) -> str:
    """Send a request that is refused; the connection must end with that."""
    with connected(function) as client:
        client.send(request)
        answer = client.read("GET")
        assert answer.status == 400
        assert answer.header("Connection") == "close"
        assert client.ends()
        return reason(answer)


def test_a_chunked_body_arrives_whole(program: Function) -> None:
    with connected(program) as client:
        client.send(program.head("/echo", "POST", headers=CHUNKED))
        client.send(
            chunked([b"one ", b"", b"two "])[: -len(b"0\r\n\r\n")].replace(b"0\r\n\r\n", b"")
        )
        client.send(chunked([b"three"]))
        assert client.read().body == b"one two three"
        assert is_alive(client)


def test_a_connection_carries_many_requests(program: Function) -> None:
    with connected(program) as client:
        for number in range(50):
            client.send(echo(program, b"%d" % number))
            assert client.read().body == b"%d" % number


def test_requests_in_one_write_are_answered_in_order(program: Function) -> None:
    with connected(program) as client:
        client.send(b"".join(echo(program, b"%d" % number) for number in range(20)))
        assert [client.read().body for _ in range(20)] == [b"%d" % number for number in range(20)]


def test_a_request_may_be_split_at_every_byte(program: Function) -> None:
    request = echo(program, b"a body")
    with connected(program) as client:
        for at in range(1, len(request)):
            client.send(request[:at])
            client.send(request[at:])
            assert client.read().body == b"a body"


def test_a_request_may_come_byte_by_byte(program: Function) -> None:
    with connected(program) as client:
        for byte in echo(program, b"a body"):
            client.send(bytes([byte]))
        assert client.read().body == b"a body"
        assert is_alive(client)


def test_blank_lines_before_a_request_are_ignored(program: Function) -> None:
    with connected(program) as client:
        for _ in range(2):
            client.send(b"\r\n\r\n" + echo(program, b"a body"))
            assert client.read().body == b"a body"


def test_blank_lines_without_end_are_refused(program: Function) -> None:
    with connected(program) as client:
        client.send(b"\r\n" * 2**20)
        answer = client.read()
        assert (answer.status, reason(answer)) == (431, "head-too-large")


def test_a_connection_that_closes_while_idle_disturbs_nobody(program: Function) -> None:
    with connected(program) as other:
        for _ in range(20):
            with connected(program) as client:
                assert is_alive(client)
            with connected(program):
                pass
            assert is_alive(other)


def test_continue_is_said_before_a_body_that_waits_for_it(program: Function) -> None:
    with connected(program) as client:
        expectation = [("Expect", "100-continue"), ("Content-Length", "6")]
        client.send(program.head("/echo", "POST", headers=expectation))
        assert client.read().status == 100
        client.send(b"a body")
        assert client.read().body == b"a body"
        assert is_alive(client)


def test_continue_is_not_said_to_a_wrong_key(program: Function) -> None:
    with connected(program) as client:
        expectation = [("Expect", "100-continue"), ("Content-Length", "6")]
        client.send(program.head("/echo", "POST", headers=expectation, key="nonsense"))
        assert client.read().status == 400
        assert client.ends()


def test_head_has_no_body_and_keeps_the_connection(program: Function) -> None:
    body = b"answer = 'seven b'"
    with connected(program) as client:
        client.send(program.head("/", "HEAD", body) + body)
        answer = client.read("HEAD")
        assert (answer.status, answer.header("Content-Length")) == (200, "7")
        assert is_alive(client)


def test_head_of_an_answer_that_is_produced_has_no_body(program: Function) -> None:
    body = b"answer = iter(['a', 'b'])"
    with connected(program) as client:
        client.send(program.head("/", "HEAD", body) + body)
        assert client.read("HEAD").status == 200
        assert is_alive(client)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(program: Function, status: int) -> None:
    with connected(program) as client:
        client.post(f"answer = {{'statusCode': {status}, 'body': 'dropped'}}")
        answer = client.read()
        assert (answer.status, answer.header("Content-Length")) == (status, None)
        assert is_alive(client)


def test_http_1_0_is_answered_and_closed(program: Function) -> None:
    with connected(program) as client:
        client.send(posted(program, "answer = 'old'").replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert client.read().body == b"old"
        assert client.ends()


def test_http_1_0_gets_what_is_produced_until_the_connection_closes(program: Function) -> None:
    with connected(program) as client:
        request = posted(program, "answer = iter(['a', 'b'])")
        client.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = client.read()
        assert (answer.body, answer.header("Transfer-Encoding")) == (b"ab", None)


@pytest.mark.parametrize("option", ["close", "Close", "keep-alive, close", "close , TE"])
def test_a_client_that_asks_for_it_is_closed(program: Function, option: str) -> None:
    with connected(program) as client:
        request = program.head(
            "/echo", "POST", headers=[("Connection", option), ("Content-Length", "0")]
        )
        client.send(request)
        answer = client.read()
        assert (answer.status, answer.header("Connection")) == (200, "close")
        assert client.ends()


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a%20b?x=1", "/a b"),
        ("//other/path?x", "/other/path"),
        ("http://127.0.0.1/a/b?x=1", "/a/b"),
        ("http://127.0.0.1", "/"),
        ("*", "/*"),
    ],
)
def test_targets_in_every_form_give_their_path(program: Function, target: str, path: str) -> None:
    body = b"answer = event.path"
    with connected(program) as client:
        client.send(program.head(target, "POST", body) + body)
        assert client.read().text == path


def test_trailers_and_chunk_extensions_are_passed_over(program: Function) -> None:
    with connected(program) as client:
        client.send(program.head("/echo", "POST", headers=[*CHUNKED, ("Trailer", "X-Sum")]))
        client.send(b'3;name=value;other="quoted"\r\none\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n')
        assert client.read().body == b"one"
        assert is_alive(client)


@pytest.mark.parametrize("size", [60_000, 65_500, 70_000, 262_144, 2**20])
def test_a_head_is_read_up_to_a_mib(program: Function, size: int) -> None:
    body = b"answer = str(len(event.headers['X-Long']))"
    with connected(program) as client:
        for _ in range(2):
            client.send(program.head("/", "POST", body, headers=[("X-Long", "x" * size)]) + body)
            assert client.read().text == str(size)


def test_a_longer_head_is_refused(program: Function) -> None:
    with connected(program) as client:
        client.send(program.head(headers=[("X-Long", "x" * (2**20 + 2**13))]))
        answer = client.read()
        assert (answer.status, reason(answer)) == (431, "head-too-large")
        assert client.ends()


def test_a_thousand_headers_arrive(program: Function) -> None:
    body = b"answer = str([event.headers[f'X-{n}'] for n in range(1000)])"
    headers = [(f"X-{n}", str(n)) for n in range(1000)]
    with connected(program) as client:
        client.send(program.head("/", "POST", body, headers=headers) + body)
        assert client.read().text == str([str(n) for n in range(1000)])


def test_a_long_head_that_repeats_a_header_is_read_at_once(program: Function) -> None:
    body = b"answer = str(len(event.headers['A']))"
    # Joined one by one, they would be copied for many seconds.
    headers = [("a" if n % 2 else "A", " b\t") for n in range(100_000)]
    with connected(program) as client:
        client.send(program.head("/", "POST", body, headers=headers) + body)
        assert client.read().text == str(100_000 * len("b, ") - len(", "))


HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
        HEAD + b"Content-Length: -5\r\n\r\nhello",
        HEAD + b"Content-Length: +5\r\n\r\nhello",
        HEAD + b"Content-Length: 0x5\r\n\r\nhello",
        HEAD + b"Content-Length: 5 5\r\n\r\nhello",
        HEAD + b"Content-Length:\r\n\r\nhello",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nhello",
        HEAD + b"Content-Length:\r\n 5\r\n\r\nhello",
        HEAD + b"Content-Length : 5\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: identity\r\n\r\n",
        HEAD + b"Transfer-Encoding: ,\r\nContent-Length: 5\r\n\r\nhello",
        HEAD + b"Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"X-Folded: one\r\n two\r\n\r\n",
        HEAD + b"X-Bare: one\nX-Other: two\r\n\r\n",
        HEAD + b"X-Bare: one\rX-Other: two\r\n\r\n",
        HEAD + b"X-Null: \0\r\n\r\n",
        HEAD + b": no name\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        b"POST /echo\r\n\r\n",
        b"POST  /echo HTTP/1.1\r\n\r\n",
        b"post /echo HTTP/1.1\r\n\r\n",
        b"POST /echo HTTP/2.0\r\n\r\n",
        b"POST http://[::1 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_refused(
    program: Function, request_bytes: bytes
) -> None:
    key = f"X-Function-Key: {program.key}\r\n\r\n".encode()
    head, _, body = request_bytes.partition(b"\r\n\r\n")
    assert refusal(program, head + b"\r\n" + key + body) == "malformed-request"
    assert refusal(program, request_bytes) == "malformed-request"


@pytest.mark.parametrize(
    "body",
    [
        b"x\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b'5;a="\r\nhello\r\n0\r\n\r\n',
        b"5;" + b"a" * 2000,
        b"0\r\n" + b"X-Trailer: x\r\n" * 10_000,
    ],
)
def test_a_chunked_body_that_breaks_the_rules_is_refused(program: Function, body: bytes) -> None:
    with connected(program) as client:
        client.send(program.head("/echo", "POST", headers=CHUNKED) + body)
        answer = client.read()
        assert (answer.status, reason(answer)) == (400, "malformed-body")
        assert client.ends()


@pytest.mark.parametrize("framing", [("Content-Length", "10"), *CHUNKED])
@pytest.mark.parametrize("body", [b"", b"5\r\nhel", b"5\r\nhello", b"0\r\n"])
def test_a_body_that_ends_early_is_said_to(
    program: Function, framing: tuple[str, str], body: bytes
) -> None:
    with connected(program) as client:
        client.send(program.head("/echo", "POST", headers=[framing]) + body)
        client.socket.shutdown(1)
        answer = client.read()
        assert (answer.status, reason(answer)) == (400, "malformed-body")


def test_what_the_handler_leaves_of_a_body_is_not_the_next_request(program: Function) -> None:
    smuggled = program.head("/echo", "POST", b"hello") + b"hello"
    with connected(program) as client:
        # In one piece, so that the body is there when the key is refused.
        head = program.head("/", "POST", headers=CHUNKED, key="nonsense")
        client.send(head + chunked([smuggled]))
        assert client.read().status == 400
        assert is_alive(client)
    with connected(program) as client:
        client.send(program.head("/", "POST", headers=[("Content-Length", "100000")], key=None))
        client.send(smuggled)
        assert client.read().status == 401
        assert client.ends()


def test_two_key_headers_are_refused(program: Function) -> None:
    with connected(program) as client:
        client.send(program.head(headers=[("X-Function-Key", program.key)]))
        assert reason(client.read()) == "malformed-key"
        client.send(program.head(headers=[("x-function-key", "")]))
        assert reason(client.read()) == "malformed-key"


def test_a_key_header_with_an_underscore_is_none(program: Function) -> None:
    with connected(program) as client:
        client.send(program.head(headers=[("X_Function_Key", program.key)], key=None))
        assert reason(client.read()) == "missing-key"
