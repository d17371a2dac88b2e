from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import requests
from faas_seal import FunctionKey, KeyInClear
from faas_seal.calling.addresses import in_clear
from faas_seal.errors import KeyWouldLeak
from faas_sealed.formats.wire import KEY_HEADER

from tests.command.servers import Answer, Request, Server, server


@pytest.fixture
def key() -> FunctionKey:
    return FunctionKey.generate()


@pytest.fixture
def other() -> Iterator[Server]:
    """Where redirects lead; another origin, because its port is another."""
    with server(lambda _: Answer(body=b"other")) as running:
        yield running


def test_sends_the_key_with_a_request(key: FunctionKey, other: Server) -> None:
    assert requests.post(other.url, data=b"x", auth=key, timeout=10).text == "other"
    assert other.last.headers[KEY_HEADER.lower()] == key.text
    with requests.Session() as session:
        session.auth = key
        session.get(other.url, timeout=10)
    assert other.last.headers[KEY_HEADER.lower()] == key.text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_origin_does_not_take_the_key(
    key: FunctionKey, other: Server, status: int
) -> None:
    with server(lambda _: Answer(status, {"Location": f"{other.url}/x"})) as first:
        requests.post(first.url, data=b"x", auth=key, timeout=10)
    assert first.last.headers[KEY_HEADER.lower()] == key.text
    assert other.last.path == "/x"
    assert KEY_HEADER.lower() not in other.last.headers
    assert key.text not in str(other.requests)


def test_a_redirect_by_way_of_the_same_origin_does_not_take_it_either(
    key: FunctionKey, other: Server
) -> None:
    def answer(request: Request) -> Answer:
        return Answer(307, {"Location": "/b" if request.path == "/a" else other.url})

    with server(answer) as first:
        requests.get(f"{first.url}/a", auth=key, timeout=10)
    assert [KEY_HEADER.lower() in request.headers for request in first.requests] == [True, True]
    assert KEY_HEADER.lower() not in other.last.headers


def test_a_redirect_to_the_queue_does_not_take_the_key(key: FunctionKey) -> None:
    def answer(request: Request) -> Answer:
        if request.path == "/function/x":
            return Answer(307, {"Location": "/async-function/x"})
        return Answer()

    with server(answer) as running:
        requests.post(f"{running.url}/function/x", auth=key, timeout=10)
    assert running.last.path == "/async-function/x"
    assert KEY_HEADER.lower() not in running.last.headers


def test_an_asynchronous_call_is_refused(key: FunctionKey, other: Server) -> None:
    with pytest.raises(KeyWouldLeak, match="queue"):
        requests.post(f"{other.url}/async-function/x", auth=key, timeout=10)
    assert other.requests == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080/function/x", False),
        ("http://127.8.9.1/", False),
        ("http://localhost:8080", False),
        ("http://gateway.localhost", False),
        ("http://[::1]:8080", False),
        ("https://gateway.example", False),
        ("http://gateway.example", True),
        ("http://gateway.openfaas:8080", True),
        ("http://192.0.2.1", True),
        ("http://localhost.example", True),
    ],
)
def test_knows_what_crosses_a_network_in_clear(key: FunctionKey, url: str, expected: bool) -> None:
    assert in_clear(url) is expected
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepared = requests.Request("POST", url, auth=key).prepare()
    assert prepared.headers[KEY_HEADER] == key.text
    assert [warning.category for warning in caught] == ([KeyInClear] if expected else [])
