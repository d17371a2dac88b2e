"""Tickets from Python: what is sent with one, and what a function can spoil."""

from __future__ import annotations

import copy
import io
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faas_seal
import pytest
import requests
from faas_seal import FunctionKey, KeyWouldLeak, UnsealedAnswer
from faas_seal.calling.tickets import KeptTickets
from faas_seal.scan.search import Search
from faas_sealed.formats import errors
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.ticket import TICKET_PREFIX, grant_ticket, ticket_root
from faas_sealed.formats.wire import KEY_HEADER, PROBLEM_TYPE, TICKET_HEADER

from tests.command.calling.granting import KEY, Granting, Taken, granting, leaks_in
from tests.command.deployed import AUTHOR, ONE, TWO, sealed
from tests.command.servers import Answer, Request
from tests.support import PATIENCE, serve, wait_until

either_body = pytest.mark.parametrize("sealed_body", [False, True], ids=["in clear", "sealed"])
every_refusal = pytest.mark.parametrize(
    "error", [errors.MalformedKey, errors.UnknownKey, errors.ExpiredToken]
)


@pytest.fixture
def function() -> Iterator[Granting]:
    with granting() as function:
        yield function
        assert leaks_in(function) == set()


def post(function: Granting, key: FunctionKey, body: object = b"hello") -> requests.Response:
    return requests.post(function.url, data=body, auth=key, timeout=PATIENCE)  # type: ignore[arg-type]


def resumed_only(error: type[SealError]) -> Callable[[Taken], type[SealError] | None]:
    """Refuse every resumed token with an error."""
    return lambda taken: error if taken.form == "resumed" else None


def without_key(request: Request) -> tuple[str, str, dict[str, str]]:
    headers = {name: text for name, text in request.headers.items() if name != KEY_HEADER.lower()}
    return request.method, request.path, headers


# What is sent.


@either_body
def test_the_first_call_brings_a_ticket_for_all_that_follow(
    function: Granting, sealed_body: bool
) -> None:
    key = function.key(sealed_body=sealed_body)
    for number in range(4):
        answer = post(function, key, b"call %d" % number)
        assert (answer.status_code, answer.content) == (200, b"call %d" % number)
        assert TICKET_HEADER not in answer.headers
    assert function.forms == ["sealed", "resumed", "resumed", "resumed"]
    assert [taken.token.key for taken in function.taken] == [KEY] * 4
    assert [taken.token.resume is None for taken in function.taken] == [False, True, True, True]
    assert all(taken.token.bind is not None for taken in function.taken)
    sessions = {taken.token.session for taken in function.taken}
    assert len(sessions) == (4 if sealed_body else 1)
    tokens = [asked.headers[KEY_HEADER.lower()] for asked in function.calls]
    assert len(set(tokens)) == 4
    assert {len(token) for token in tokens[1:]} == {285}


def test_every_key_token_asks_with_a_secret_of_its_own(function: Granting) -> None:
    function.headers = lambda _: {}
    key = function.key()
    for _ in range(3):
        post(function, key)
    assert len({taken.token.resume for taken in function.taken} - {None}) == 3


def test_a_discovered_function_is_called_with_tickets(function: Granting) -> None:
    key = function.discovered()
    assert [post(function, key).text for _ in range(2)] == ["hello", "hello"]
    assert function.forms == ["sealed", "resumed"]


def test_a_ticket_is_for_the_server_that_has_brought_it(function: Granting) -> None:
    key = function.key()
    with granting() as other:
        for one in (function, other, function, other):
            assert post(one, key).text == "hello"
        assert function.forms == other.forms == ["sealed", "resumed"]
        assert leaks_in(other) == set()


def test_a_ticket_is_for_the_address_of_the_function(function: Granting) -> None:
    key, below = function.key(), function.url.replace("/function/", "/below/function/")
    for url in (function.url, f"{function.url}/x?y=1", below, f"{below}/x"):
        assert requests.post(url, data=b"x", auth=key, timeout=PATIENCE).text == "x"
    assert function.forms == ["sealed", "resumed"] * 2


def test_few_tickets_are_kept() -> None:
    kept, now = KeptTickets(), int(time.time())
    resume, context = os.urandom(32), sealed(KEY).header.context
    text = grant_ticket(ticket_root(ONE), KEY, resume, now + 3600, context)
    urls = [f"https://gateway-{number}.example/function/tested" for number in range(40)]
    for url in urls:
        kept.keep(url, text, resume)
        assert kept.take(url, now) is not None
    assert kept.take(urls[0], now) is None
    assert sum(kept.take(url, now) is not None for url in urls) == 16
    ticket = kept.take(urls[-1], now)
    assert ticket is not None
    kept.drop(ticket)
    assert kept.take(urls[-1], now) is None
    assert kept.take(urls[-2], now) is not None


def test_a_token_lives_as_long_with_a_ticket_as_without(function: Granting) -> None:
    for key in (function.key(), function.key(lifetime=1800)):
        for _ in range(2):
            post(function, key)
            wanted = time.time() + (key.lifetime or 300)
            assert wanted - 60 < function.taken[-1].token.exp <= wanted + 1
    assert function.forms == ["sealed", "resumed"] * 2


def test_a_ticket_is_used_only_while_it_outlives_the_token(function: Granting) -> None:
    function.lifetime = 200
    key = function.key()
    for _ in range(2):
        post(function, key)
    assert function.forms == ["sealed", "sealed"]
    assert all(taken.token.resume for taken in function.taken)
    function.lifetime = 400
    for _ in range(2):
        post(function, key)
    assert function.forms[2:] == ["sealed", "resumed"]


def test_a_token_that_would_outlive_every_ticket_asks_for_none(function: Granting) -> None:
    key = function.key(lifetime=3600)
    for _ in range(2):
        post(function, key)
    assert [taken.token.resume for taken in function.taken] == [None, None]


@either_body
def test_an_asynchronous_call_has_a_key_token_that_asks_for_no_ticket(
    function: Granting, sealed_body: bool
) -> None:
    key = function.key(sealed_body=sealed_body, lifetime=300)
    post(function, key)
    queue = function.url.replace("/function/", "/async-function/")
    answer = requests.post(queue, data=b"x", auth=key, timeout=PATIENCE)
    assert function.forms == ["sealed", "sealed"]
    assert function.taken[-1].token.resume is None
    assert TICKET_HEADER not in answer.headers
    post(function, key)
    assert function.forms[2:] == ["resumed"]


def test_a_body_that_comes_in_pieces_goes_with_a_ticket_too(function: Granting) -> None:
    key = function.key(sealed_body=True)
    with faas_seal.session() as session:
        for _ in range(2):
            pieces = iter([b"one ", b"two"])
            answer = session.post(function.url, data=pieces, auth=key, timeout=PATIENCE)
            assert answer.text == "one two"
    assert function.forms == ["sealed", "resumed"]


# Tickets that are none.


def of_another_caller(_: str) -> str:
    context = sealed(KEY).header.context
    return grant_ticket(ticket_root(ONE), KEY, os.urandom(32), int(time.time()) + 3600, context)


WRONG: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "another prefix": lambda ticket: ticket.replace(TICKET_PREFIX, "fsx1_"),
    "cut": lambda ticket: ticket[:-1],
    "longer": lambda ticket: ticket + "AAAA",
    "padded": lambda ticket: ticket + "=",
    "altered": lambda ticket: ticket[:60] + ("A" if ticket[60] != "A" else "B") + ticket[61:],
    "a later end": lambda ticket: "fsxt1_AAAB" + ticket[10:],
    "of another caller": of_another_caller,
    "twice": lambda ticket: f"{ticket}, {ticket}",
    "60 kB": lambda ticket: ticket + "A" * 60_000,
    "not ASCII": lambda ticket: ticket[:-1] + "\u00e4",
}


@either_body
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_ticket_is_ignored_and_nothing_fails(
    function: Granting, wrong: Callable[[str], str], sealed_body: bool
) -> None:
    function.headers = lambda ticket: {TICKET_HEADER: wrong(ticket)}
    key = function.key(sealed_body=sealed_body)
    for _ in range(2):
        answer = post(function, key)
        assert (answer.status_code, answer.text) == (200, "hello")
        assert TICKET_HEADER not in answer.headers
    assert function.forms == ["sealed", "sealed"]


@either_body
def test_two_headers_with_one_ticket_are_none(function: Granting, sealed_body: bool) -> None:
    function.headers = lambda ticket: {TICKET_HEADER: ticket, TICKET_HEADER.lower(): ticket}
    key = function.key(sealed_body=sealed_body)
    for _ in range(2):
        answer = post(function, key)
        assert answer.text == "hello"
        assert TICKET_HEADER not in answer.headers
    assert function.forms == ["sealed", "sealed"]


def test_a_ticket_of_a_megabyte_fails_as_any_header_of_that_length(function: Granting) -> None:
    function.headers = lambda ticket: {TICKET_HEADER: ticket + "A" * 2**20}
    key = function.key()
    with pytest.raises(requests.ConnectionError, match="got more than 65536 bytes"):
        post(function, key)
    function.headers = lambda ticket: {TICKET_HEADER: ticket}
    assert post(function, key).text == "hello"


def test_a_ticket_beside_a_sealed_answer_is_not_taken(function: Granting) -> None:
    answer = function.answer
    granted: list[str] = []

    def keep_out(ticket: str) -> dict[str, str]:
        granted.append(ticket)
        return {}

    def beside(request: Request) -> Answer:
        said = answer(request)
        said.headers |= {TICKET_HEADER: granted[-1]}
        return said

    function.headers = keep_out
    function.answer = beside  # type: ignore[method-assign]
    key = function.key(sealed_body=True)
    for _ in range(2):
        answered = post(function, key)
        assert answered.text == "hello"
        assert TICKET_HEADER not in answered.headers
    assert function.forms == ["sealed", "sealed"]


def test_a_ticket_that_was_not_asked_for_is_not_taken(function: Granting) -> None:
    granted: list[str] = []

    def remember(ticket: str) -> dict[str, str]:
        granted.append(ticket)
        return {TICKET_HEADER: ticket}

    function.headers = remember
    function.said = lambda taken: Answer(200, {TICKET_HEADER: (granted or [""])[0]}, taken.body)
    key, other = function.key(), function.key()
    post(function, key)
    assert TICKET_HEADER not in post(function, key).headers
    function.headers = lambda _: {}
    post(function, other)  # is shown the ticket of the first, as by a cache
    post(function, other)
    assert function.forms == ["sealed", "resumed", "sealed", "sealed"]


def test_the_answer_to_a_call_with_a_ticket_does_not_show_one_either(function: Granting) -> None:
    function.said = lambda taken: Answer(200, {TICKET_HEADER: "fsxt1_AAAA"}, taken.body)
    for key in (function.key(), function.key(sealed_body=True)):
        for _ in range(2):
            assert TICKET_HEADER not in post(function, key).headers


# Answers that bring one.


@either_body
@pytest.mark.parametrize("status", [201, 204, 302, 307, 404, 500, 503])
def test_a_ticket_is_taken_whatever_the_status(
    function: Granting, sealed_body: bool, status: int
) -> None:
    function.said = lambda _: Answer(status, {"Location": "/elsewhere"})
    key = function.key(sealed_body=sealed_body)
    for _ in range(2):
        assert post(function, key).status_code == status
    assert function.forms == ["sealed", "resumed"]
    assert {asked.path for asked in function.calls} == {"/function/tested"}


def test_a_ticket_that_comes_with_a_failed_handler_is_taken(function: Granting) -> None:
    document = errors.problem(errors.HandlerError, "call-1")
    function.said = lambda _: Answer(500, {"Content-Type": PROBLEM_TYPE}, document)
    for key in (function.key(), function.key(sealed_body=True)):
        for _ in range(2):
            assert post(function, key).json()["reference"] == "call-1"
    assert function.forms == ["sealed", "resumed"] * 2


@either_body
def test_a_handler_that_answers_as_if_the_key_were_refused_is_called_once(
    function: Granting, sealed_body: bool
) -> None:
    document = errors.problem(errors.UnknownKey, "of another function")
    function.said = lambda _: Answer(403, {"Content-Type": PROBLEM_TYPE}, document)
    key = function.key(sealed_body=sealed_body)
    for _ in range(3):
        assert post(function, key).status_code == 403
    assert len(function.calls) == 3


@either_body
def test_a_request_that_is_sent_twice_is_answered_twice(
    function: Granting, sealed_body: bool
) -> None:
    key = function.key(sealed_body=sealed_body)
    with requests.Session() as session:
        for _ in range(2):
            prepared = requests.Request("POST", function.url, data=b"hello", auth=key).prepare()
            for _ in range(2):
                assert session.send(prepared, timeout=PATIENCE).text == "hello"
        assert function.forms == ["sealed", "sealed", "resumed", "resumed"]
        function.refuse = resumed_only(errors.UnknownKey)
        for _ in range(2):
            assert session.send(prepared, timeout=PATIENCE).text == "hello"
    assert function.forms[4:] == ["resumed", "sealed"] * 2


# A ticket that the function does not take.


@either_body
@every_refusal
def test_a_refused_ticket_costs_one_more_request_that_differs_in_its_token_alone(
    function: Granting, error: type[SealError], sealed_body: bool
) -> None:
    key = function.key(sealed_body=sealed_body)
    post(function, key)
    function.refuse = resumed_only(error)
    for _ in range(3):
        with requests.Session() as session:
            session.headers["X-Session"] = "1"
            request = requests.Request(
                "PUT", f"{function.url}/a b?x=1&y=%C3%A4", {"X-Mine": "2"}, data=b"a body", auth=key
            )
            prepared = session.prepare_request(request)
            prepared.headers["X-Late"] = "3"
            answer = session.send(prepared, timeout=PATIENCE)
            assert (answer.status_code, answer.text) == (200, "a body")
        first, second = function.calls[-2:]
        assert without_key(first) == without_key(second)
        assert first.headers["x-late"] == "3"
        assert (first.body == second.body) is not sealed_body
        assert len(first.body) == len(second.body)
        assert [taken.body for taken in function.taken[-2:]] == [b"a body"] * 2
    assert function.forms == ["sealed"] + ["resumed", "sealed"] * 3


@pytest.mark.parametrize(
    "error", [errors.TokenMismatch, errors.Busy, errors.NotReady, errors.FunctionExpired]
)
def test_no_other_error_has_a_call_made_once_more(
    function: Granting, error: type[SealError]
) -> None:
    key = function.key()
    post(function, key)
    function.refuse = lambda _: error
    assert post(function, key).status_code == error.status
    assert function.forms == ["sealed", "resumed"]
    function.refuse = lambda _: None
    post(function, key)
    assert function.forms[2:] == ["resumed"]


@every_refusal
def test_a_key_that_is_refused_either_way_is_shown_as_refused(
    function: Granting, error: type[SealError]
) -> None:
    key = function.key()
    post(function, key)
    function.refuse = lambda _: error
    assert post(function, key).status_code == error.status
    assert function.forms == ["sealed", "resumed", "sealed"]
    assert post(function, key).status_code == error.status
    assert function.forms[3:] == ["sealed"]


@either_body
def test_a_file_is_sent_again_from_where_it_stood(
    function: Granting, sealed_body: bool, tmp_path: Path
) -> None:
    key = function.key(sealed_body=sealed_body)
    post(function, key)
    function.refuse = resumed_only(errors.MalformedKey)
    (tmp_path / "body").write_bytes(b"before" + b"x" * 200_000)
    with (tmp_path / "body").open("rb") as file:
        file.seek(6)
        assert post(function, key, file).content == b"x" * 200_000
    buffer = io.BytesIO(b"in memory")
    assert post(function, key, buffer).content == b"in memory"
    assert function.forms == ["sealed"] + ["resumed", "sealed"] * 2


@every_refusal
def test_an_iterator_cannot_be_sent_again_and_the_next_call_goes_without_the_ticket(
    function: Granting, error: type[SealError]
) -> None:
    key = function.key(sealed_body=True)
    post(function, key)
    function.refuse = resumed_only(error)
    for session in (requests.Session(), faas_seal.session()):
        with session, pytest.raises(UnsealedAnswer) as refused:
            session.post(function.url, data=iter([b"a", b"b"]), auth=key, timeout=PATIENCE)
        assert refused.value.error is error
        assert post(function, key, iter([b"a", b"b"])).text == "ab"
    assert function.forms == ["sealed"] + ["resumed", "sealed"] * 2


@either_body
def test_a_function_with_another_transport_key_is_found(
    function: Granting, sealed_body: bool
) -> None:
    key = function.discovered(sealed_body=sealed_body)
    for _ in range(2):
        post(function, key)
    function.file, function.seeds = sealed(KEY, created=6, transport=TWO), (TWO,)
    assert post(function, key).text == "hello"
    assert function.forms == ["sealed", "resumed", "resumed", "sealed", "sealed"]
    assert function.taken[-1].token.resume is not None
    assert post(function, key).text == "hello"
    assert function.forms[5:] == ["resumed"]
    assert function.discoveries == 2


def test_a_call_that_another_has_overtaken_takes_what_that_one_found(function: Granting) -> None:
    key = function.discovered()
    request = requests.Request("POST", function.url, data=b"hello", auth=key)
    with requests.Session() as session:
        early = [request.prepare(), request.prepare()]
        function.file, function.seeds = sealed(KEY, created=6, transport=TWO), (TWO,)
        for prepared in early:
            assert session.send(prepared, timeout=PATIENCE).text == "hello"
    assert function.discoveries == 2
    assert function.forms == ["sealed", "sealed", "sealed", "resumed"]


@either_body
def test_a_function_that_has_lost_its_transport_key_gets_no_raw_key(
    function: Granting, sealed_body: bool
) -> None:
    key = function.discovered(sealed_body=sealed_body)
    for _ in range(2):
        post(function, key)
    function.file, function.seeds = sealed(KEY, created=6, transport=None), ()
    for _ in range(2):
        with pytest.raises(KeyWouldLeak, match="no longer has a transport key"):
            post(function, key)
    assert set(function.forms) == {"sealed", "resumed"}


def test_the_scan_of_what_was_sent_finds_a_raw_key() -> None:
    with granting() as function:
        function.file = sealed(KEY, transport=None)
        assert post(function, function.discovered(raw=True)).text == "hello"
        assert len(leaks_in(function)) == 1
        requests.post(function.url, data=KEY, headers={KEY_HEADER: "fsk1_"}, timeout=PATIENCE)
        assert len(leaks_in(function)) == 2


# Clocks.


@pytest.mark.parametrize(("ahead", "forms"), [(-300, "resumed"), (30, "resumed"), (300, "sealed")])
def test_clocks_that_differ_cost_the_ticket_at_most(
    function: Granting, ahead: float, forms: str
) -> None:
    function.clock = ahead
    key = function.key()
    for _ in range(3):
        assert post(function, key).status_code == 200
    assert function.forms == ["sealed", forms, forms]


def test_a_function_whose_clock_jumps_ahead_costs_one_more_request(function: Granting) -> None:
    key = function.key()
    post(function, key)
    function.clock = 7200
    assert post(function, key).status_code == 403
    assert function.forms == ["sealed", "resumed", "sealed"]
    function.clock = 0
    assert [post(function, key).text for _ in range(2)] == ["hello", "hello"]
    assert function.forms[3:] == ["sealed", "resumed"]


# Threads, processes and copies.


@either_body
def test_threads_share_a_key(function: Granting, sealed_body: bool) -> None:
    key = function.key(sealed_body=sealed_body)
    together = threading.Barrier(8)

    def run(number: int) -> None:
        together.wait(PATIENCE)
        for call in range(6):
            body = b"%d of %d" % (call, number)
            assert post(function, key, body).content == body

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert 1 <= function.forms.count("sealed") <= 8
    assert len(function.forms) == 48


def test_threads_whose_tickets_are_refused_each_make_one_more_request(function: Granting) -> None:
    key = function.key()
    post(function, key)
    function.refuse = resumed_only(errors.UnknownKey)
    together = threading.Barrier(8)

    def run(_: int) -> None:
        together.wait(PATIENCE)
        for _ in range(4):
            assert post(function, key).text == "hello"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    sealed_calls = [taken for taken in function.taken if taken.form == "sealed"]
    assert len(sealed_calls) == 1 + 32


def test_threads_find_a_new_transport_key_together(function: Granting) -> None:
    key = function.discovered()
    post(function, key)
    function.file, function.seeds = sealed(KEY, created=6, transport=TWO), (TWO,)
    together = threading.Barrier(8)

    def run(_: int) -> str:
        together.wait(PATIENCE)
        return post(function, key).text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, range(8))) == ["hello"] * 8


def test_a_forked_process_begins_with_a_key_token(function: Granting, tmp_path: Path) -> None:
    (tmp_path / "own.key").write_text(FUNCTION_KEY.encode(KEY))
    (tmp_path / "own.key").chmod(0o600)
    (tmp_path / "own.sealed").write_bytes(function.file.serialise())
    program = (
        "import os, sys, requests, faas_seal\n"
        "url, author = sys.argv[1:]\n"
        "key = faas_seal.FunctionKey.from_file(\n"
        "    'own.key', sealed_file='own.sealed', author=author)\n"
        "call = lambda: requests.post(url, data=b'hello', auth=key, timeout=60).text == 'hello'\n"
        "assert call()\n"
        "child = os.fork()\n"
        "assert call() and call()\n"
        "if child:\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, function.url, AUTHOR],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        timeout=PATIENCE,
    )
    assert sorted(function.forms) == ["resumed"] * 3 + ["sealed"] * 2
    tokens = {asked.headers[KEY_HEADER.lower()] for asked in function.calls}
    assert len(tokens) == 5


def secrets_of(function: Granting) -> Search:
    """A search for all that the calls so far have kept secret."""
    tokens = [taken.token for taken in function.taken]
    found: dict[str, str | bytes] = {}
    for number, token in enumerate(tokens):
        found |= {f"resume {number}": token.resume} if token.resume else {}
        found |= {f"session {number}": token.session} if token.session else {}
    return Search(found)


def test_a_copy_or_pickle_of_a_key_has_no_ticket(function: Granting) -> None:
    key = function.key()
    post(function, key)
    search = secrets_of(function)
    assert search.in_bytes(
        pickle.dumps(key.credential.kept.take(function.url, 0)), "the ticket itself"
    )
    pickled = pickle.dumps(key)
    assert search.in_bytes(pickled, "pickle") == set()
    for shown in (repr(key), repr(vars(key)), repr(key.credential), str(key.credential.kept)):
        assert search.in_bytes(shown.encode(), "repr") == set()
    for other in (copy.copy(key), copy.deepcopy(key), pickle.loads(pickled)):  # noqa: S301
        assert other == key
        assert [post(function, other).text for _ in range(2)] == ["hello", "hello"]
    assert function.forms == ["sealed"] + ["sealed", "resumed"] * 3
    assert post(function, key).text == "hello"
    assert function.forms[7:] == ["resumed"]


def test_a_discovered_key_can_be_copied(function: Granting) -> None:
    key = function.discovered()
    post(function, key)
    assert post(function, copy.deepcopy(key)).text == "hello"
    assert function.forms == ["sealed", "sealed"]


@either_body
def test_a_pickled_response_holds_no_secret_of_its_call(
    function: Granting, sealed_body: bool
) -> None:
    key = function.key(sealed_body=sealed_body)
    for _ in range(2):
        answer = post(function, key)
        pickled = pickle.dumps(answer)
        assert pickle.loads(pickled).text == "hello"  # noqa: S301
        assert secrets_of(function).in_bytes(pickled, "pickle") == set()
        assert Search({"key": KEY}).in_bytes(pickled, "pickle") == set()
    with pytest.raises(TypeError, match="secrets of its call"):
        pickle.dumps(answer.request)


# The real runtime.


@either_body
def test_a_real_function_takes_tickets(sealed_body: bool) -> None:
    handler = {"handler.py": "def handle(event, context):\n    return event.body\n"}
    with serve(handler, transport=[ONE, TWO], seal_accept="sealed", seal_audit="on") as served:
        key = FunctionKey(served.key, function=served.sealed.header, sealed_body=sealed_body)
        url = f"http://127.0.0.1:{served.port}"

        def forms() -> list[str]:
            lines = served.stdout.text.splitlines() + served.stderr.text.splitlines()
            return [
                line.split('"key_form":"')[1].split('"')[0] for line in lines if "audit" in line
            ]

        tokens = []
        for _ in range(3):
            answer = requests.post(url, data=b"hello", auth=key, timeout=PATIENCE)
            assert (answer.status_code, answer.text) == (200, "hello")
            assert TICKET_HEADER not in answer.headers
            tokens.append(str(answer.request.headers[KEY_HEADER]))
        # Two workers write the audit, each after its answer.
        wait_until(lambda: len(forms()) == 3, "the audit has all calls")
        assert sorted(forms()) == ["resumed", "resumed", "sealed"]
    assert [token.split("_")[0] for token in tokens] == ["fsx1", "fsxr1", "fsxr1"]
