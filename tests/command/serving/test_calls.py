"""Calls arrive at the function as through gateway, provider and watchdog, and its answers back."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
from faas_sealed.formats.keys import FUNCTION_KEY

from tests.command.serving.conftest import LocalRun
from tests.support import PATIENCE, read_answer, wait_until


def test_a_call_with_the_key_is_answered(local: LocalRun) -> None:
    answer = local.call("", b"answer = 'hello'")
    assert (answer.status, answer.text) == (200, "hello")


@pytest.mark.parametrize(
    ("key", "status", "reason"),
    [
        (None, 401, "missing-key"),
        ("fsk1_short", 400, "malformed-key"),
        (FUNCTION_KEY.encode(bytes(32)), 403, "unknown-key"),
    ],
)
def test_a_call_without_the_key_is_refused_by_the_runtime(
    local: LocalRun, key: str | None, status: int, reason: str
) -> None:
    answer = local.request("/function/program", b"", {} if key is None else {"X-Function-Key": key})
    assert answer.status == status
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["type"] == f"urn:faas-seal:error:{reason}"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_arrives(local: LocalRun, method: str) -> None:
    answer = local.call("/request?a=1&b=%20", method=method)
    assert answer.json()["method"] == method
    assert answer.json()["query"] == {"a": "1", "b": " "}


def test_head_gets_the_length_and_no_body(local: LocalRun) -> None:
    answer = local.call("/request", method="HEAD")
    assert answer.status == 200
    assert answer.body == b""
    assert int(answer.header("Content-Length") or 0) > 0


@pytest.mark.parametrize("method", ["PROPFIND", "TRACE", "get"])
def test_other_methods_are_not_taken(local: LocalRun, method: str) -> None:
    assert local.call("", method=method).status == 405


def test_the_gateway_adds_what_a_function_may_expect(local: LocalRun) -> None:
    before = local.call("/request")
    headers = before.json()["headers"]
    assert headers["X-Call-Id"] == before.header("X-Call-Id")
    assert headers["X-Start-Time"] == before.header("X-Start-Time")
    assert headers["X-Forwarded-Host"] == f"127.0.0.1:{local.port}"
    assert headers["X-Forwarded-For"].startswith("127.0.0.1:")
    assert float(before.header("X-Duration-Seconds") or 0) > 0


def test_what_the_caller_set_is_kept(local: LocalRun) -> None:
    sent = {"X-Call-Id": "mine", "X-Forwarded-Host": "shop.example", "X-Forwarded-For": "192.0.2.1"}
    answer = local.call("/request", b"", sent)
    assert {name: answer.json()["headers"][name] for name in sent} == sent
    assert answer.header("X-Call-Id") is None


def test_headers_of_one_connection_stay_there(local: LocalRun) -> None:
    hop = {"Connection": "close, X-Mine", "Keep-Alive": "1", "TE": "trailers"}
    names = local.call("/request", b"", {**hop, "X-Mine": "1"}).json()["names"]
    # The gateway does not look into the header Connection.
    assert "X-Mine" in names
    assert not {name.lower() for name in names} & {name.lower() for name in hop}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=B", b'--B\r\nContent-Disposition: form-data; name="a"'),
        ("multipart/mixed", b""),
        ("message/rfc822", b"x"),
        ("message/http", b"GET / HTTP/1.1\r\n\r\n"),
        ("text/plain", b""),
    ],
)
def test_bodies_of_every_type_arrive(local: LocalRun, kind: str, body: bytes) -> None:
    answer = local.call("/request", body, {"Content-Type": kind})
    assert answer.status == 200
    assert answer.json()["body"] == body.decode()
    assert answer.json()["headers"]["Content-Type"] == kind


def test_a_thousand_headers_and_long_ones_arrive(local: LocalRun) -> None:
    many = {f"X-{number}": str(number) for number in range(1000)}
    seen = local.call("/request", b"", many).json()["headers"]
    assert {name: seen[name] for name in many} == many
    for size in (70_000, 262_144, 1_000_000):
        seen = local.call("/request", b"", {"X-Long": "x" * size}).json()["headers"]
        assert len(seen["X-Long"]) == size
    answer = local.call(f"/request?a={'x' * 100_000}")
    assert len(answer.json()["query"]["a"]) == 100_000


def test_a_head_above_the_gateways_limit_is_refused(local: LocalRun) -> None:
    with local.connect() as client:
        client.sendall(local.head("/request", f"X-Long: {'x' * (2**20 + 8192)}"))
        answer = read_answer(client)
    assert (answer.status, answer.header("Connection")) == (431, "close")
    assert answer.text == "request line and headers have more than 1 MiB\n"


def bytes_of_answer(local: LocalRun, code: bytes) -> bytes:
    """Return an answer as it stands on the wire; `http.client` takes 100 headers at most."""
    with local.connect() as client:
        head = local.head("", "Connection: close", f"Content-Length: {len(code)}")
        client.sendall(head + code)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_answers_with_many_headers_and_long_ones_arrive(local: LocalRun) -> None:
    code = b"answer = {'body': 'x', 'headers': [('Set-Cookie', f'c{n}={n}') for n in range(300)]}"
    assert bytes_of_answer(local, code).count(b"\r\nSet-Cookie: c") == 300
    code = b"answer = {'body': 'x', 'headers': {'X-Long': 'x' * 500_000}}"
    assert b"\r\nX-Long: " + b"x" * 500_000 + b"\r\n" in bytes_of_answer(local, code)


PACKED = b"""
import flask, gzip
answer = flask.Response(gzip.compress(b"hello " * 100_000), headers={"Content-Encoding": "gzip"})
"""


def test_a_packed_answer_is_unpacked_for_who_has_not_asked_for_it(local: LocalRun) -> None:
    with local.connect() as client:
        client.sendall(local.head("", f"Content-Length: {len(PACKED)}") + PACKED)
        answer = read_answer(client)
    assert answer.header("Content-Encoding") is None
    assert answer.body == b"hello " * 100_000
    packed = local.call("", PACKED, {"Accept-Encoding": "gzip"})
    assert packed.header("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == b"hello " * 100_000


def test_a_packed_answer_that_is_broken_is_cut_off(local: LocalRun) -> None:
    for damage in (b"[:-100]", b"[:500] + bytes(500)"):
        data = bytes_of_answer(local, PACKED.replace(b", headers", damage + b", headers"))
        assert data.startswith(b"HTTP/1.1 200")
        assert not data.endswith(b"0\r\n\r\n")


def test_what_the_watchdog_answers_never_reaches_the_function(local: LocalRun) -> None:
    assert local.request("/function/program/_/health", method="GET").text == "OK"
    assert local.request("/function/program/_/ready", method="GET").status == 200
    assert local.call("/_/health").status == 405


def test_options_for_the_whole_server_are_answered(local: LocalRun) -> None:
    assert local.request("*", method="OPTIONS").status == 200


def test_headers_arrive_as_bytes_and_as_often_as_sent(local: LocalRun) -> None:
    with local.connect() as client:
        client.sendall(
            local.head("/request", "X-Word: caf\xe9", method="GET").decode().encode("latin-1")
        )
        answer = read_answer(client)
    assert answer.json()["headers"]["X-Word"] == "caf\xe9"
    twice = local.call("", b"answer = {'body': '', 'headers': [('X-A', '1'), ('X-A', '2')]}")
    assert twice.header_list("X-A") == ["1", "2"]


def test_a_body_without_a_length_arrives(local: LocalRun) -> None:
    answer = local.call("/request", iter([b"one ", b"two"]))
    assert answer.json()["body"] == "one two"


def test_large_bodies_pass_in_both_directions(local: LocalRun) -> None:
    piece = os.urandom(2**20)
    sent = local.call("/digest", (piece for _ in range(24)))
    assert sent.text == hashlib.sha256(piece * 24).hexdigest()
    received = local.call("", b"answer = (bytes([n]) * 2**20 for n in range(40))")
    assert received.body == b"".join(bytes([n]) * 2**20 for n in range(40))


def test_an_answer_begins_while_the_body_is_still_sent(local: LocalRun) -> None:
    with local.connect() as client:
        client.sendall(local.head("/copy", "Transfer-Encoding: chunked"))
        file = client.makefile("rb")
        client.sendall(b"5\r\nfirst\r\n")
        head = iter(file.readline, b"\r\n")
        assert next(head).startswith(b"HTTP/1.1 200")
        assert b"Transfer-Encoding: chunked\r\n" in list(head)
        assert [file.readline(), file.readline()] == [b"5\r\n", b"first\r\n"]
        client.sendall(b"4\r\nlast\r\n0\r\n\r\n")
        assert file.read(14) == b"4\r\nlast\r\n0\r\n\r\n"


def test_a_stream_arrives_as_it_is_produced(local: LocalRun, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    code = f"""
import os, time
def events():
    yield "data: 1\\n\\n"
    while not os.path.exists({str(seen)!r}):
        time.sleep(0.01)
    yield "data: 2\\n\\n"
answer = {{"body": events(), "headers": {{"Content-Type": "text/event-stream"}}}}
"""
    connection = HTTPConnection("127.0.0.1", local.port, timeout=PATIENCE)
    headers = {"X-Function-Key": local.key(), "Accept": "text/event-stream"}
    connection.request("POST", "/function/program", code, headers)
    response = connection.getresponse()
    assert response.readline() == b"data: 1\n"
    seen.touch()
    assert response.read() == b"\ndata: 2\n\n"
    connection.close()


def test_an_early_refusal_of_a_large_body_arrives(local: LocalRun) -> None:
    # Like curl, it sends everything before it reads the answer.
    body = bytes(4 * 2**20)
    head = f"POST /function/program HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(20):
        with local.connect() as client:
            client.sendall(head.encode() + body)
            assert read_answer(client).status == 401


def test_a_connection_is_kept_for_the_next_call(local: LocalRun) -> None:
    with local.connect() as client:
        for count in (b"1", b"2", b"3"):
            client.sendall(local.head("/copy", "Content-Length: 1") + count)
            assert read_answer(client).body == count


def test_an_empty_answer_has_no_body(local: LocalRun) -> None:
    with local.connect() as client:
        code = b"answer = {'statusCode': 204}"
        client.sendall(local.head("", f"Content-Length: {len(code)}") + code)
        answer = read_answer(client)
        assert (answer.status, answer.body) == (204, b"")
        client.sendall(local.head("/copy", "Content-Length: 1") + b"x")
        assert read_answer(client).body == b"x"


def test_an_old_client_gets_the_answer_and_then_the_end(local: LocalRun) -> None:
    with local.connect() as client:
        head = local.head("/copy", "Content-Length: 1").replace(b"HTTP/1.1", b"HTTP/1.0")
        client.sendall(head + b"x")
        data = b"".join(iter(lambda: client.recv(4096), b""))
    assert data.startswith(b"HTTP/1.0 200")
    assert b"chunked" not in data
    assert data.endswith(b"\r\n\r\nx")


def test_a_client_that_waits_for_permission_gets_it(local: LocalRun) -> None:
    with local.connect() as client:
        client.sendall(local.head("/request", "Content-Length: 2", "Expect: 100-continue"))
        assert client.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ok")
        answer = read_answer(client).json()
    assert answer["body"] == "ok"
    assert answer["headers"]["Expect"] == "100-continue"


def test_no_permission_is_given_where_no_function_is(local: LocalRun) -> None:
    with local.connect() as client:
        head = local.head("", "Content-Length: 2", "Expect: 100-continue")
        client.sendall(head.replace(b"/program", b"/other"))
        assert read_answer(client).status == 404
    with local.connect() as client:
        client.sendall(local.head("", "Content-Length: 2", "Expect: 200-ok"))
        assert read_answer(client).status == 417


def test_a_line_end_after_a_body_is_skipped(local: LocalRun) -> None:
    with local.connect() as client:
        for _ in range(2):
            client.sendall(local.head("/request", "Content-Length: 2") + b"ok\r\n")
            assert read_answer(client).json()["body"] == "ok"


def test_a_client_of_http_1_0_can_keep_its_connection(local: LocalRun) -> None:
    head = local.head("/request", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    with local.connect() as client:
        for _ in range(2):
            client.sendall(head)
            assert read_answer(client).header("Connection") == "keep-alive"


def test_a_header_may_be_folded(local: LocalRun) -> None:
    answer = local.call("/request", b"", {"X-Folded": "a\r\n b\r\n\tc"})
    assert answer.json()["headers"]["X-Folded"] == "a b c"


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        ("Content-Length: -1\r\n\r\n", 400),
        ("not a header\r\nContent-Length: 1\r\n\r\nx", 400),
        ("Host: another\r\n\r\n", 400),
        ("X-Control: \x01\r\n\r\n", 400),
        ("Space : x\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\nnine\r\n", 400),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n", 400),
    ],
)
def test_requests_that_break_the_rules_are_refused(
    local: LocalRun, request_text: str, status: int
) -> None:
    with local.connect() as client:
        client.sendall(local.head().removesuffix(b"\r\n") + request_text.encode())
        assert read_answer(client).status == status
        assert client.recv(1) == b""


def test_a_body_that_ends_early_never_reaches_the_handler(local: LocalRun, tmp_path: Path) -> None:
    called = tmp_path / "called"
    code = f"open({str(called)!r}, 'w')".encode()
    with local.connect() as client:
        client.sendall(local.head("", f"Content-Length: {len(code) + 1}") + code)
        client.shutdown(socket.SHUT_WR)
        # A client that sends no more counts as gone, unless the body's early end is noticed first.
        assert client.recv(64)[:12] in (b"", b"HTTP/1.1 400")
    assert local.run("answer = 'still here'") == "still here"
    assert not called.exists()


def test_a_client_that_closes_its_half_gets_a_fast_answer(local: LocalRun) -> None:
    for _ in range(10):
        with local.connect() as client:
            client.sendall(local.head("/request", "Content-Length: 2") + b"ok")
            client.shutdown(socket.SHUT_WR)
            data = b"".join(iter(lambda: client.recv(65536), b""))
        if data:
            break
    # On a busy machine the function may be slow, but not ten times in a row.
    assert data.startswith(b"HTTP/1.1 200")


@pytest.mark.alone
def test_a_client_that_hangs_up_ends_its_call(local: LocalRun) -> None:
    code = b"import time; time.sleep(2.5)"
    with local.connect() as client:
        client.sendall(local.head("", "X-Call-Id: hangs-up", f"Content-Length: {len(code)}") + code)
    local.stderr.wait_for("hangs-up")
    (line,) = [line for line in local.stderr.text.splitlines() if "hangs-up" in line]
    assert "client gone" in line
    assert int(line.partition("(")[2].partition(" ms")[0]) < 2000


@pytest.mark.alone
def test_a_caller_can_shorten_the_deadline(local: LocalRun) -> None:
    answer = local.call("", b"import time; time.sleep(2.5)", {"X-Timeout": "100ms"})
    assert answer.status == 504
    assert 0.1 <= float(answer.header("X-Duration-Seconds") or 0) < 2


def test_a_caller_cannot_extend_the_deadline(local: LocalRun) -> None:
    answer = local.call("", b"import time; time.sleep(10)", {"X-Timeout": "1h"})
    assert answer.status == 504
    assert answer.json()["type"] == "urn:faas-seal:error:deadline"


def test_a_stream_outlives_the_deadline(local: LocalRun) -> None:
    code = b"""
import time
def events():
    for count in range(8):
        yield f"{count}\\n"
        time.sleep(0.5)
answer = events()
"""
    answer = local.call("", code, {"Accept": "application/x-ndjson"})
    assert answer.text.split() == [str(count) for count in range(8)]


def test_an_answer_that_breaks_off_is_not_taken_for_whole(local: LocalRun) -> None:
    code = b"""
import os
def pieces():
    yield b"half"
    os._exit(1)
answer = pieces()
"""
    with local.connect() as client:
        client.sendall(local.head("", f"Content-Length: {len(code)}") + code)
        data = b"".join(iter(lambda: client.recv(4096), b""))
    assert b"\r\n4\r\nhalf\r\n" in data
    assert not data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a/b/", "/a/b/"),
        ("/a%20b", "/a b"),
        ("/a%2541", "/aA"),
        ("/caf%C3%A9", "/caf\xe9"),
    ],
)
def test_the_path_behind_the_name_arrives(local: LocalRun, sent: str, seen: str) -> None:
    assert local.call(f"{sent}?q", b"answer = event.path").text == seen


def test_a_path_that_is_not_clean_is_redirected(local: LocalRun) -> None:
    answer = local.call("//a/../b?x=1")
    assert (answer.status, answer.header("Location")) == (301, "/function/program/b?x=1")


def test_a_name_may_have_the_namespace(local: LocalRun) -> None:
    headers = {"X-Function-Key": local.key()}
    assert local.request("/function/program.openfaas-fn/copy", b"x", headers).body == b"x"


def test_an_unknown_function_is_not_found(local: LocalRun) -> None:
    answer = local.request("/function/other", b"x" * 2**20)
    assert (answer.status, answer.text) == (404, "there is no function other here\n")
    assert answer.header("Connection") == "close"
    assert local.request("/async-function/other", b"x").status == 404
    assert local.request("/other", b"x").status == 404


def test_functions_are_listed_as_the_gateway_does(local: LocalRun) -> None:
    (listed,) = local.request("/system/functions", method="GET").json()
    assert (listed["name"], listed["replicas"], listed["availableReplicas"]) == ("program", 1, 1)
    local.run("")
    (again,) = local.request("/system/functions", method="GET").json()
    assert again["invocationCount"] > listed["invocationCount"]
    assert local.request("/system/functions", b"{}").status == 405


def test_the_gateway_says_that_it_is_healthy(local: LocalRun) -> None:
    assert local.request("/healthz", method="GET").status == 200


def test_it_listens_on_the_loopback_interface_only(local: LocalRun) -> None:
    entry = f":{local.port:04X} 00000000:0000 0A"
    (line,) = [line for line in Path("/proc/net/tcp").read_text().splitlines() if entry in line]
    assert line.split()[1] == f"0100007F:{local.port:04X}"
    assert f":{local.port:04X} " not in Path("/proc/net/tcp6").read_text()


def test_prints_of_the_handler_appear_with_its_name(local: LocalRun) -> None:
    local.run("import sys; print('out of it'); print('gone wrong', file=sys.stderr)")
    local.stdout.wait_for("program | out of it\n")
    local.stderr.wait_for("program | gone wrong\n")


def test_the_key_is_never_printed(local: LocalRun) -> None:
    for target in ("/function/program", "/async-function/program", "/function/program/%zz"):
        headers = {"X-Function-Key": local.key(), "X-Call-Id": f"looked-for-{target[1]}"}
        local.request(f"{target}?token=also-secret", b"raise ValueError", headers)
    printed = local.stderr.wait_for("async looked-for-a") + local.stdout.text
    assert "looked-for-f" in printed
    assert local.key() not in printed
    assert "also-secret" not in printed


def test_what_a_caller_sends_cannot_move_the_cursor(local: LocalRun) -> None:
    local.call("", b"", {"X-Call-Id": "red\x9b31m"})
    local.stderr.wait_for("red?31m")
    assert "\x9b" not in local.stderr.text


def test_many_clients_are_served_at_once(local: LocalRun) -> None:
    clients = [local.connect() for _ in range(30)]
    for count, client in enumerate(clients):
        body = json.dumps(count).encode()
        client.sendall(local.head("/copy", f"Content-Length: {len(body)}") + body)
    assert [json.loads(read_answer(client).body) for client in clients] == list(range(30))
    for client in clients:
        client.close()


def test_no_connection_to_a_runtime_stays_open(local: LocalRun) -> None:
    local.run("")

    def sockets() -> list[str]:
        names = []
        for link in Path(f"/proc/{local.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                names.append(link.readlink().name)
        return [name for name in names if name.startswith("socket:")]

    wait_until(lambda: len(sockets()) == 1, "only the listening socket is open")
