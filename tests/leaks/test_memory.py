"""The memory of every process, from `linger` after the last reply on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from faas_seal.scan import proof
from faas_seal.scan.places import in_process, in_processes
from faas_seal.scan.search import Search
from faas_sealed.runtime.worker.worker import KEYLESS_SECONDS

from tests.leaks import traffic
from tests.leaks.client import Client
from tests.leaks.plants import Plants, report
from tests.runtime.processes import zygote
from tests.support import Function, is_ready, serve

LINGER = 0.02
# What a worker has to end in, from `linger` after its last reply on.
END = 0.05

STREAMING = """\
def handle(event, context):
    return str(sum(len(piece) for piece in event.stream))
"""

pytestmark = [pytest.mark.usefixtures("sight"), pytest.mark.alone]


@pytest.fixture(scope="module")
def plants() -> Plants:
    return Plants()


@pytest.fixture(
    scope="module", params=[("request", ["flask"]), ("burst", [])], ids=["request, Flask", "burst"]
)
def function(request: pytest.FixtureRequest, plants: Plants) -> Iterator[Function]:
    isolation, libraries = request.param
    with serve(
        plants.files, preload=libraries, transport=[plants.transport], seal_isolation=isolation
    ) as function:
        yield function


@pytest.fixture(scope="module", params=["request", "burst"])
def impatient(request: pytest.FixtureRequest, plants: Plants) -> Iterator[Function]:
    with serve(
        plants.files, seal_isolation=request.param, exec_timeout="1s", read_timeout="500ms"
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


def test_probes_do_not_prolong_a_long_linger(plants: Plants) -> None:
    with (
        serve(plants.files, seal_linger="2s") as function,
        Client(function, plants) as client,
    ):
        search = plants.search(function.sealed, function.function_key)
        for key, status in ((plants.wrong_key, 403), (function.key, 200)):
            assert client.call("answer", key=key).status == status
            until = time.monotonic() + 2 + END
            while time.monotonic() < until:
                assert is_ready(function)
                time.sleep(END)
            hits = in_processes(search, function.process.pid)
            assert not hits, report(hits)


def test_requests_without_a_valid_key_prolong_a_burst_for_a_while_only(plants: Plants) -> None:
    with (
        serve(plants.files) as function,
        Client(function, plants) as client,
    ):
        search = plants.search(function.sealed, function.function_key)
        connection = client.connect()
        connection.sendall(client.head("answer", 0))
        assert client.read(connection).status == 200
        until = time.monotonic() + KEYLESS_SECONDS + END
        while time.monotonic() < until:
            connection.sendall(client.head("answer", 0, plants.wrong_key))
            assert client.read(connection).status == 403
        hits = in_processes(search.without("wrong key", "wrong key as text"), function.process.pid)
    # What the last of them has brought may be there, as it is for `linger`.
    assert not {hit.canary for hit in hits} - {"header", "query", "path"}, report(hits)


def test_nothing_is_left_of_a_body_that_was_read_as_it_came(plants: Plants) -> None:
    with (
        serve(plants.files | {"handler.py": STREAMING}) as function,
        Client(function, plants) as client,
    ):
        search = plants.search(function.sealed, function.function_key)
        body = client.body(5 * 2**20)
        assert client.call("", body=body).text == str(len(body))
        with function.connect() as connection:
            connection.sendall(client.head("", None))
            for _ in range(5):
                connection.sendall(b"%x\r\n%b\r\n" % (len(client.body()), client.body()))
                time.sleep(0.01)
            connection.sendall(b"nonsense\r\n")
            assert client.read(connection).status == 400
        time.sleep(LINGER + END)
        hits = in_processes(search, function.process.pid)
    assert not hits, report(hits)


def test_the_beginning_of_a_request_keeps_nothing_of_the_one_before(plants: Plants) -> None:
    with serve(plants.files) as function, Client(function, plants) as client:
        search = plants.search(function.sealed, function.function_key)
        connection = client.connect()
        request = client.head("answer", len(client.body())) + client.body()
        connection.sendall(request + request[:10])
        assert client.read(connection).status == 200
        time.sleep(LINGER + END)
        hits = in_processes(search, function.process.pid)
        assert not hits, report(hits)
        connection.sendall(request[10:])
        assert client.read(connection).status == 200


def test_nothing_is_left_while_the_last_request_is_drained(plants: Plants) -> None:
    with serve(plants.files) as function, Client(function, plants) as client:
        search = plants.search(function.sealed, function.function_key)
        for _ in range(3):
            assert client.call("answer").status == 200
        # As long as its reply is not read, this one is not served.
        body = client.body(20 * 2**20)
        connection = client.connect()
        connection.sendall(client.head("answer", len(body)) + body)
        assert function.process.stdin is not None
        function.process.stdin.close()
        time.sleep(LINGER + END)
        hits = in_process(search, function.process.pid) | in_process(search, zygote(function))
        assert client.read(connection).body == body[::-1]
    assert not hits, report(hits)


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


def test_a_worker_that_lingers_shows_what_is_looked_for(plants: Plants) -> None:
    with serve(plants.files, seal_linger="1h") as function:
        search = plants.search(function.sealed, function.function_key)
        client = Client(function, plants)
        for act in ("answer", "from_data", "answer"):
            assert client.call(act).status == 200
        found = {hit.canary for hit in in_processes(search, function.process.pid)}
    assert {"docstring", "text_constant", "variable", "function", "module", "data_file"} <= found
    assert {"number", "bytes_constant", "bytecode", "comment", "data_content"} <= found
    assert {"body", "header", "path", "query", "content key"} <= found


def test_nothing_is_left_after_a_long_linger(plants: Plants) -> None:
    with serve(plants.files, seal_linger="200ms") as function:
        search = plants.search(function.sealed, function.function_key)
        client = Client(function, plants)
        for act in ("answer", "from_data", "answer"):
            assert client.call(act).status == 200
        time.sleep(0.2 + END)
        hits = in_processes(search, function.process.pid)
    assert not hits, report(hits)
