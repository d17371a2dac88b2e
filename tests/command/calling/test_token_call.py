"""Calls from Python with key tokens: what is sent, and what a real function makes of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from faas_seal import FunctionKey, KeyInClear
from faas_seal.errors import KeyWouldLeak, UsageError
from faas_sealed.formats.errors import FileRefused, FunctionExpired, WrongSignature
from faas_sealed.formats.keys import AUTHOR_PUBLIC
from faas_sealed.formats.token import request_binding
from faas_sealed.formats.wire import KEY_HEADER

from tests.command.conftest import Run
from tests.command.deployed import ONE, sealed, token_in
from tests.command.servers import Answer, Server, server
from tests.support import Function, serve

WEEK = 7 * 24 * 60 * 60
HANDLER = {
    "handler.py": """\
def handle(event, context):
    return {"body": [event.method, event.path, event.body.decode(), sorted(dict(event.headers))]}
"""
}


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    with serve(HANDLER, transport=[ONE], seal_accept="sealed") as served:
        yield served


@pytest.fixture
def gateway() -> Iterator[Server]:
    with server(lambda _: Answer(body=b"said")) as running:
        yield running


def key_of(function: Function) -> FunctionKey:
    return FunctionKey(function.key, function=function.sealed.header)


@pytest.fixture
def key() -> FunctionKey:
    """The key of a function greet, with what its author has signed."""
    key = FunctionKey.generate()
    return FunctionKey(key.text, function=sealed(key.secret, function="greet").header)


def url(function: Function) -> str:
    return f"http://127.0.0.1:{function.port}"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a b/ä", "/a b/ä"),
        ("/a%20b?x=%7e&y=%c3%a4&z=a b", "/a b"),
        ("/a/../b?", "/b"),
        ("/x?q=a/b?c", "/x"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "post", "PUT", "DELETE", "OPTIONS"])
def test_a_request_opens_the_function_with_its_token_alone(
    function: Function, target: str, path: str, method: str
) -> None:
    answer = requests.request(method, url(function) + target, auth=key_of(function), timeout=10)
    assert answer.status_code == 200, answer.text
    seen_method, seen_path, _, headers = answer.json()
    assert (seen_method, seen_path) == (method.upper(), path)
    assert KEY_HEADER not in headers


@pytest.mark.parametrize(
    "body", [b"bytes", "text ä", bytearray(b"array"), {"form": "ä"}, io.BytesIO(b"a file"), b""]
)
def test_a_body_is_bound_and_arrives(function: Function, body: object) -> None:
    answer = requests.post(url(function), data=body, auth=key_of(function), timeout=10)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text


def test_a_file_is_read_from_where_it_stands(function: Function, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"x" * 200_000 + b"behind")
    with path.open("rb") as file:
        file.seek(200_000)
        answer = requests.post(url(function), data=file, auth=key_of(function), timeout=10)
    assert answer.json()[2] == "behind"


def test_a_body_that_cannot_be_read_beforehand_is_refused_with_what_to_do(
    key: FunctionKey, gateway: Server
) -> None:
    address = f"{gateway.url}/function/greet"
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        for body in (iter([b"piece"]), pipe):
            with pytest.raises(UsageError) as refused:
                requests.post(address, data=body, auth=key, timeout=10)
            assert "sealed_body=True" in refused.value.hint
        with pytest.raises(UsageError, match="text mode"):
            requests.post(address, data=io.StringIO("text"), auth=key, timeout=10)
    assert gateway.requests == []


def test_the_raw_key_never_travels_where_a_transport_key_is_known(
    key: FunctionKey, gateway: Server
) -> None:
    requests.get(f"{gateway.url}/function/greet/x?y=1", auth=key, timeout=10)
    assert key.text not in str(gateway.requests)
    token = token_in(gateway.last, "greet")
    assert (token.key, token.session) == (key.secret, None)
    assert token.bind == request_binding("GET", "/x", b"y=1", _sha256(b""))
    assert 290 < token.exp - time.time() <= 300


def test_an_asynchronous_call_is_bound_as_a_post_and_lives_a_day(
    key: FunctionKey, gateway: Server
) -> None:
    address = f"{gateway.url}/async-function/greet.openfaas-fn/x"
    requests.post(address, data=b"x", auth=key, timeout=10)
    token = token_in(gateway.last, "greet")
    assert token.bind == request_binding("POST", "/x", b"", _sha256(b"x"))
    assert 86_300 < token.exp - time.time() <= 86_400
    with pytest.raises(UsageError, match="asynchronous call is a POST"):
        requests.put(address, auth=key, timeout=10)


def test_a_lifetime_is_that_of_the_key(gateway: Server) -> None:
    key = FunctionKey.generate()
    key = FunctionKey(key.text, function=sealed(key.secret, function="greet").header, lifetime=20)
    requests.post(f"{gateway.url}/async-function/greet", auth=key, timeout=10)
    assert 10 < token_in(gateway.last, "greet").exp - time.time() <= 20


@pytest.mark.parametrize("lifetime", [0, -1, WEEK + 1, 10**400])
def test_a_lifetime_that_no_bound_token_may_have_is_refused_at_once(lifetime: int) -> None:
    key = FunctionKey.generate()
    header = sealed(key.secret, function="greet").header
    with pytest.raises(UsageError, match=r"one request .* at most 7 days") as refused:
        FunctionKey(key.text, function=header, lifetime=lifetime)
    assert str(WEEK) in refused.value.hint
    assert FunctionKey(key.text, function=header, lifetime=WEEK).lifetime == WEEK


def test_the_longest_lifetime_is_one_that_a_function_takes(function: Function) -> None:
    key = FunctionKey(function.key, function=function.sealed.header, lifetime=WEEK)
    assert requests.get(url(function), auth=key, timeout=10).ok


@pytest.mark.parametrize("path", ["/a%2541", "/a//b", "/a%3Fb", "/%23", "/%00", "/%ff"])
def test_a_path_that_would_not_arrive_as_it_is_sent_is_refused(
    key: FunctionKey, gateway: Server, path: str
) -> None:
    address = f"{gateway.url}/function/greet{path}"
    with pytest.raises(UsageError, match="no token can be made"):
        requests.get(address, auth=key, timeout=10)
    assert gateway.requests == []


def test_the_address_of_another_function_is_refused(key: FunctionKey, gateway: Server) -> None:
    with pytest.raises(UsageError, match="for greet, but the address names other"):
        requests.get(f"{gateway.url}/function/other", auth=key, timeout=10)
    assert gateway.requests == []


def test_an_address_of_its_own_is_not_bound(gateway: Server) -> None:
    key, address = FunctionKey.generate(), f"{gateway.url}/api/greeting"
    key = FunctionKey(
        key.text, function=sealed(key.secret, function="greet").header, address=address
    )
    for path, bound in (("", "/"), ("/", "/"), ("/x", "/x")):
        requests.get(address + path, auth=key, timeout=10)
        expected = request_binding("GET", bound, b"", _sha256(b""))
        assert token_in(gateway.last, "greet").bind == expected
    requests.get(f"{address}s", auth=key, timeout=10)
    expected = request_binding("GET", "/api/greetings", b"", _sha256(b""))
    assert token_in(gateway.last, "greet").bind == expected


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_can_be_seen(key: FunctionKey, status: int) -> None:
    with server(lambda _: Answer(status, {"Location": "/function/greet/x"})) as first:
        answer = requests.post(f"{first.url}/function/greet", data=b"x", auth=key, timeout=10)
    assert (answer.status_code, answer.headers["Location"]) == (status, "/function/greet/x")
    assert len(first.requests) == 1


def test_a_token_may_cross_a_network_in_clear(key: FunctionKey) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        requests.Request("POST", "http://192.0.2.1/function/greet", auth=key).prepare()
    assert [warning.category for warning in caught if warning.category is KeyInClear] == []


def test_a_function_without_a_transport_key_takes_the_raw_key(gateway: Server) -> None:
    plain = FunctionKey.generate()
    header = sealed(plain.secret, function="greet", transport=None).header
    key = FunctionKey(plain.text, function=header)
    requests.get(f"{gateway.url}/function/greet", auth=key, timeout=10)
    assert gateway.last.headers[KEY_HEADER.lower()] == plain.text
    with pytest.raises(KeyWouldLeak):
        requests.post(f"{gateway.url}/async-function/greet", auth=key, timeout=10)
    with pytest.raises(UsageError, match="transport key, which is not known"):
        FunctionKey(plain.text, function=header, sealed_body=True)


def test_an_expired_function_is_not_called(gateway: Server) -> None:
    key = FunctionKey.generate()
    key = FunctionKey(key.text, function=sealed(key.secret, function="greet", expires=5).header)
    with pytest.raises(FunctionExpired):
        requests.get(f"{gateway.url}/function/greet", auth=key, timeout=10)
    assert gateway.requests == []


def test_a_key_file_and_a_sealed_file_are_enough(function: Function, tmp_path: Path) -> None:
    (tmp_path / "a.key").write_text(function.key)
    (tmp_path / "a.key").chmod(0o600)
    (tmp_path / "a.sealed").write_bytes(function.sealed.serialise())
    author = AUTHOR_PUBLIC.encode(function.sealed.header.author)
    key = FunctionKey.from_file(
        tmp_path / "a.key", sealed_file=tmp_path / "a.sealed", author=author
    )
    assert requests.get(url(function), auth=key, timeout=10).ok
    other = AUTHOR_PUBLIC.encode(bytes(32))
    with pytest.raises(WrongSignature):
        FunctionKey.from_file(tmp_path / "a.key", sealed_file=tmp_path / "a.sealed", author=other)


def test_a_project_has_the_key_and_the_function(project: Path, run: Run) -> None:
    run("keygen", "greet")
    with pytest.raises(FileRefused, match="no sealed file"):
        FunctionKey.of_project("greet")
    run("seal")
    key = FunctionKey.of_project("greet", project)
    assert key.function is not None
    assert key.function.function == "greet"
    (project / "sealed" / "greet" / "function.sealed").write_bytes(
        sealed(key.secret, function="greet").serialise()
    )
    with pytest.raises(WrongSignature):
        FunctionKey.of_project("greet", project)


def test_the_key_stands_in_no_repr(key: FunctionKey) -> None:
    assert key.text not in repr(key) + json.dumps(urlsplit(repr(key)))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
