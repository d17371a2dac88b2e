"""The memory of every process, from `linger` after the last reply on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ..support import Function, serve
from . import traffic
from .client import Client
from .plants import Plants
from .scanner import proof
from .scanner.places import in_processes
from .scanner.search import Search, report

LINGER = 0.02
# What a worker has to end in, from `linger` after its last reply on.
END = 0.05

pytestmark = pytest.mark.usefixtures("sight")


@pytest.fixture(scope="module")
def plants() -> Plants:
    return Plants()


@pytest.fixture(scope="module", params=["request", "burst"])
def function(request: pytest.FixtureRequest, plants: Plants) -> Iterator[Function]:
    with serve(plants.files, seal_isolation=request.param) as function:
        yield function


@pytest.fixture(scope="module", params=["request", "burst"])
def impatient(request: pytest.FixtureRequest, plants: Plants) -> Iterator[Function]:
    with serve(
        plants.files, seal_isolation=request.param, exec_timeout="1s", read_timeout="1s"
    ) as function:
        yield function


@pytest.fixture(scope="module")
def search(function: Function, plants: Plants) -> Search:
    return proven(plants.search(function.sealed, function.function_key))


@pytest.mark.parametrize("traffic", traffic.PATIENT, ids=lambda traffic: traffic.__name__)
def test_nothing_is_left(
    function: Function, plants: Plants, search: Search, traffic: traffic.Traffic
) -> None:
    check_that_nothing_is_left(function, plants, search, traffic)


@pytest.mark.parametrize("traffic", traffic.IMPATIENT, ids=lambda traffic: traffic.__name__)
def test_nothing_is_left_when_it_took_too_long(
    impatient: Function, plants: Plants, traffic: traffic.Traffic
) -> None:
    check_that_nothing_is_left(
        impatient, plants, proven(plants.search(impatient.sealed, impatient.function_key)), traffic
    )


def check_that_nothing_is_left(
    function: Function, plants: Plants, search: Search, traffic: traffic.Traffic
) -> None:
    with Client(function, plants) as client:
        traffic(client)
        time.sleep(LINGER + END)
        hits = in_processes(search, function.process.pid)
    assert not hits, report(hits)


def proven(search: Search) -> Search:
    proof.prove_forms(search)
    return search


def test_a_warm_worker_shows_what_is_looked_for(plants: Plants) -> None:
    with serve(plants.files, seal_isolation="warm", seal_warm_ttl="1h") as function:
        search = plants.search(function.sealed, function.function_key)
        client = Client(function, plants)
        for act in ("answer", "from_data", "answer"):
            assert client.call(act).status == 200
        found = {hit.canary for hit in in_processes(search, function.process.pid)}
    assert {"docstring", "text_constant", "variable", "function", "module", "data_file"} <= found
    assert {"number", "bytes_constant", "bytecode", "comment", "data_content"} <= found
    assert {"body", "header", "path", "query", "content key"} <= found


def test_nothing_is_left_after_the_time_of_a_warm_worker(plants: Plants) -> None:
    with serve(plants.files, seal_isolation="warm", seal_warm_ttl="200ms") as function:
        search = plants.search(function.sealed, function.function_key)
        client = Client(function, plants)
        for act in ("answer", "from_data", "answer"):
            assert client.call(act).status == 200
        time.sleep(0.2 + END)
        hits = in_processes(search, function.process.pid)
    assert not hits, report(hits)
