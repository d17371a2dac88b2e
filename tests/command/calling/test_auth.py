from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import requests
from faas_seal import CallResponse, FunctionKey, KeyInClear
from faas_seal.calling.addresses import in_clear
from faas_seal.errors import KeyWouldLeak
from faas_sealed.formats.wire import KEY_HEADER

from tests.command.servers import Answer, Server, server


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


# The last of these are other origins, or the queue, in ways in which readers of URLs differ.
@pytest.mark.parametrize(
    "location",
    [
        "/x",
        "http://{other}/x",
        "//{other}/x",
        "////{other}/x",
        "/////{other}/x",
        "http:////{other}/x",
        "http:///{other}/x",
        "//\t//{other}/x",
        "/async-function/x",
        "/%61sync-function/x",
    ],
)
@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_returned_and_not_followed(
    key: FunctionKey, other: Server, location: str, status: int
) -> None:
    location = location.format(other=other.url.partition("//")[2])
    with server(lambda _: Answer(status, {"Location": location})) as first:
        answer = requests.post(f"{first.url}/function/x", data=b"x", auth=key, timeout=10)
        assert [asked.headers[KEY_HEADER.lower()] for asked in first.requests] == [key.text]
    assert other.requests == []
    assert isinstance(answer, CallResponse)
    assert (answer.status_code, answer.headers["Location"]) == (status, location)
    assert (answer.history, answer.next) == ([], None)


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
