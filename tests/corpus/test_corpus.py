"""Real requests reach a handler as they do through the real gateway, and its answers come back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command.serving.conftest import LocalRun, Project
from tests.corpus import outcomes, requests_sent
from tests.corpus.chain import missing
from tests.corpus.outcomes import Outcome
from tests.corpus.record import CONNECTIONS, HANDLER, of_official, of_ours
from tests.corpus.requests_sent import Connection
from tests.parity.record import VARIABLE

OFFICIAL, OURS = outcomes.read()
# The real gateway answers 502: there is a fault, but it does not say whose.
BROKEN = ("written: chunk without a size", "written: chunk with a space after its size")
SAID_BETTER: list[Outcome] = [{"status": 400}]
NAMES = [connection.name for connection in CONNECTIONS]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """The handler of the corpus, served by local-run."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.add(requests_sent.NAME, HANDLER.read_text())
    project.seal()
    with project.serving() as running:
        yield running


@pytest.mark.parametrize("connection", CONNECTIONS, ids=NAMES)
def test_the_handler_sees_what_it_sees_behind_the_real_gateway(
    seen: LocalRun, connection: Connection
) -> None:
    name = requests_sent.NAME
    found = outcomes.exchange(connection, ("127.0.0.1", seen.port), name, seen.key(name))
    assert found == (SAID_BETTER if connection.name in BROKEN else OURS[connection.name])


def test_the_record_has_just_these_connections() -> None:
    assert list(OFFICIAL) == NAMES
    assert len(set(NAMES)) == len(NAMES)


def test_the_corpus_has_what_clients_send() -> None:
    """Nobody can take these out unnoticed."""
    data = [sent.data for connection in CONNECTIONS for sent in connection.requests]
    for expected in (
        *(b"multipart/form-data; boundary=", b"message/rfc822", b"Transfer-Encoding: chunked"),
        *(b"Expect: 100-continue", b"Range: bytes=", b"Cookie: ", b"Trailer: ", b" HTTP/1.0\r\n"),
        *(b"Upgrade: h2c", b"Sec-Fetch-Mode: ", b"Accept: text/event-stream", b"X-Header-119: 119"),
        *(b"PATCH /", b"DELETE /", b"OPTIONS /", b"HEAD /", b"PUT /", b"POST /", b"GET http://"),
    ):
        assert any(expected in each for each in data), expected
    assert max(map(len, data)) > 2 * 2**20


def test_ours_differs_from_python3_http_only_where_it_should() -> None:
    differing = {
        name
        for name in NAMES
        for official, ours in zip(OFFICIAL[name], OURS[name], strict=True)
        if official != {**ours, **({"proxies": []} if "proxies" in ours else {})}
    }
    assert differing == {
        # Flask answers these itself; here the runtime answers the browser's preflight alone.
        *("curl: options", "requests: options", "Go: options", "chromium: elsewhere, OPTIONS"),
        # waitress takes 256 KiB; here it is what the gateway takes.
        *("written: head of 300 KiB", "written: head of a MiB"),
    }


@pytest.mark.alone  # the gateway and the watchdog have ports that they share with all others
@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no official template")
def test_the_real_gateway_still_does_what_was_recorded() -> None:
    if why := missing():
        pytest.skip(why)
    assert of_official(Path(os.environ[VARIABLE])) == OFFICIAL
    assert of_ours() == OURS
