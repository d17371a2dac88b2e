"""Discovery: a name, an author and a key or identity are all that a caller needs."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from faas_seal import (
    AlteredSealedFile,
    AuthorKey,
    FunctionKey,
    Identity,
    KeyWouldLeak,
    RolledBack,
    UnexpectedAnswer,
    UnknownTransportKey,
    UnnamedFunction,
    Unreachable,
    UsageError,
    WrongAuthor,
    WrongFunction,
)
from faas_seal.calling.auth import KeyAuth
from faas_seal.calling.credential import Credential
from faas_seal.calling.seen import Seen
from faas_seal.scan.search import Search
from faas_sealed.formats.errors import (
    FileRefused,
    FunctionExpired,
    MalformedFile,
    MalformedKey,
    RawKeyRefused,
    SealError,
    UnknownKey,
    WrongSignature,
)
from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.header import Header
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.wire import DISCOVERY_PATH

from tests.command.deployed import (
    AUTHOR,
    ECHO,
    MINE,
    ONE,
    SEED,
    TWO,
    problem,
    push,
    sealed,
    token_in,
    write_identity,
)
from tests.command.servers import Answer, Request, Server, server
from tests.support import PATIENCE, Function, free_port, serve


@pytest.fixture
def function() -> Iterator[Function]:
    """A function that takes tokens only, to two transport keys."""
    with serve(ECHO, seed=SEED, transport=[ONE, TWO], seal_accept="sealed") as served:
        yield served


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return write_identity(tmp_path / "me.key")


@pytest.fixture
def other() -> Iterator[Callable[[bytes], str]]:
    """Serve these lines as what a function says of itself; return its address."""
    lines = [b""]
    with server(lambda _: Answer(body=lines[0])) as running:

        def say(data: bytes) -> str:
            lines[0] = data
            return running.url

        yield say


def url(function: Function) -> str:
    return f"http://127.0.0.1:{function.port}"


def key(secret: bytes) -> FunctionKey:
    return FunctionKey(FUNCTION_KEY.encode(secret))


def discover(address: str, own: bytes, **options: object) -> FunctionKey:
    options = {"function": "tested", "author": AUTHOR, "key": key(own), **options}
    return FunctionKey.discover(address, **options)  # type: ignore[arg-type]


def test_a_key_and_an_author_are_enough(function: Function) -> None:
    found = discover(url(function), function.function_key)
    answer = requests.post(f"{url(function)}/x?y=1", data=b"hello", auth=found, timeout=10)
    assert (answer.status_code, answer.text) == (200, "hello")


def test_an_identity_and_an_author_are_enough(function: Function, identity: Path) -> None:
    own = os.urandom(32)
    push(function, sealed(function.function_key, own, to=MINE))
    for given in (identity, str(identity), Identity(MINE)):
        found = FunctionKey.discover(
            url(function), function="tested", author=AuthorKey(SEED), identity=given
        )
        assert found.secret == own
    assert requests.post(url(function), data=b"hello", auth=found, timeout=10).text == "hello"


def test_the_address_names_the_function_and_is_asked_without_a_key() -> None:
    own, lines = os.urandom(32), b""
    with server(lambda _: Answer(body=lines)) as gateway:
        lines = sealed(own, function="greet").lines
        for address in ("function/greet", "function/greet.dev/x/y?z", "async-function/greet/"):
            found = FunctionKey.discover(
                f"{gateway.url}/{address}", author=AUTHOR, key=key(own), sealed_body=True
            )
            assert found.function is not None
            name = ".dev" if "dev" in address else ""
            assert gateway.last.path == f"/function/greet{name}{DISCOVERY_PATH}"
            assert "x-function-key" not in gateway.last.headers
        with pytest.raises(UsageError, match="does not name a function"):
            FunctionKey.discover(gateway.url, author=AUTHOR, key=key(own))


def test_what_is_altered_or_of_another_is_refused(other: Callable[[bytes], str]) -> None:
    own = os.urandom(32)
    good = sealed(own)
    assert discover(other(good.lines), own).function == good.header
    for lines, error in (
        (good.serialise(), MalformedFile),
        (good.lines.replace(b'"created":5', b'"created":6'), WrongSignature),
        (b"<html>", MalformedFile),
        (b"x" * 2**21, FileRefused),
        (sealed(own, function="another").lines, FileRefused),
        (sealed(own, expires=1).lines, FunctionExpired),
        (sealed(os.urandom(32)).lines, UnknownKey),
    ):
        with pytest.raises(error):
            discover(other(lines), own)


def test_what_is_refused_says_what_was_expected_and_found(other: Callable[[bytes], str]) -> None:
    own, theirs = os.urandom(32), AuthorKey(ONE)
    address = other(sealed(own).lines)
    for author in (theirs, theirs.public):
        with pytest.raises(WrongAuthor) as wrong:
            discover(address, own, author=author)
        assert (wrong.value.expected, wrong.value.found) == (theirs.public, AUTHOR)
        assert (wrong.value.address, wrong.value.path) == (address, None)
    other(sealed(own).lines.replace(b'"created":5', b'"created":6'))
    with pytest.raises(AlteredSealedFile) as altered:
        discover(address, own)
    assert altered.value.address == address
    other(sealed(own, function="another").lines)
    with pytest.raises(WrongFunction) as named:
        discover(address, own)
    assert (named.value.expected, named.value.found) == ("tested", "another")
    with pytest.raises(UnnamedFunction) as unnamed:
        discover(address, own, function="")
    assert unnamed.value.address == address


def test_an_identity_without_a_slot_of_its_own_is_refused(
    other: Callable[[bytes], str], identity: Path
) -> None:
    own = os.urandom(32)
    for file in (sealed(own), sealed(own, to=TWO), sealed(own, to=MINE, to_expires=1)):
        with pytest.raises(UnknownKey, match="not sealed to the identity"):
            discover(other(file.lines), own, key=None, identity=identity)
    with pytest.raises(UsageError):
        discover(other(sealed(own).lines), own, identity=identity)


def test_what_does_not_say_what_it_is_has_a_hint() -> None:
    with serve(ECHO, seed=SEED, seal_discovery="off") as function:
        with pytest.raises(UnexpectedAnswer, match="status 401") as refused:
            discover(url(function), function.function_key)
        assert "seal_discovery" in refused.value.hint
        assert refused.value.status == 401
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable) as unreachable:
        discover(address, bytes(32))
    assert unreachable.value.address == address


def test_an_older_file_than_one_that_was_seen_is_refused(
    other: Callable[[bytes], str], tmp_path: Path
) -> None:
    own, seen = os.urandom(32), tmp_path / "config" / "seen.json"
    address = other(sealed(own).lines)
    for _ in range(2):
        discover(address, own, seen=seen)
    assert seen.parent.stat().st_mode & 0o077 == 0
    other(sealed(own, created=4).lines)
    with pytest.raises(RolledBack, match="has shown one") as refused:
        discover(address, own, seen=seen)
    assert str(seen) in refused.value.hint
    assert (refused.value.created, refused.value.newest) == (4, 5)
    assert refused.value.address == address
    other(sealed(own, created=6).lines)
    discover(address, own, seen=seen)
    assert list(json.loads(seen.read_text()).values()) == [6]


def test_what_was_seen_is_bounded_and_not_ignored_if_damaged(
    other: Callable[[bytes], str], tmp_path: Path
) -> None:
    own, seen = os.urandom(32), tmp_path / "seen.json"
    address = other(sealed(own).lines)
    seen.write_text(json.dumps({str(number): number for number in range(2000)}))
    discover(address, own, seen=seen)
    remembered = json.loads(seen.read_text())
    assert len(remembered) == 1000
    assert list(remembered)[-1].startswith(address)
    for damaged in ("", "[]", '{"a": "b"}', "{"):
        seen.write_text(damaged)
        with pytest.raises(SealError, match="is damaged") as refused:
            discover(address, own, seen=seen)
        assert refused.value.hint.startswith("rm ")


def test_all_that_share_the_file_of_what_was_seen_keep_what_the_others_saw(tmp_path: Path) -> None:
    path, header = tmp_path / "seen.json", sealed(bytes(32)).header
    together = threading.Barrier(4)

    def run(address: str) -> None:
        together.wait(PATIENCE)
        for created in range(1, 41):
            Seen(path).check(address, replace(header, created=created))
            times = json.loads(path.read_text())
            assert [times[where] for where in times if where.startswith(address)] == [created]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, [f"http://127.0.0.{number}" for number in range(4)]))


def test_what_was_seen_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    path, header = tmp_path / "config" / "seen.json", sealed(bytes(32)).header
    Seen(path).check("http://127.0.0.1", header)
    for other in set(path.parent.iterdir()) - {path}:
        other.unlink()
    Seen(path).check("http://127.0.0.1", header)
    with pytest.raises(RolledBack):
        Seen(path).check("http://127.0.0.1", replace(header, created=4))
    assert set(path.parent.iterdir()) == {path}


@pytest.mark.parametrize(
    ("created", "transport", "raw"),
    [(6, TWO, False), (6, None, False), (6, None, True)],
    ids=["an older key", "an older file without a key", "raw"],
)
def test_a_slow_look_does_not_undo_what_a_later_one_found(
    created: int, transport: bytes | None, raw: bool
) -> None:
    key, found = overtaken(sealed(bytes(32), created=created, transport=transport), raw=raw)
    assert found == "hello"
    header = key.credential.function
    assert header is not None
    assert (header.created, header.transport) == (7, PrivateKey(ONE).public)


def test_a_slow_look_at_a_newer_file_does_not_bring_the_raw_key_back() -> None:
    with pytest.raises(KeyWouldLeak, match="no longer has a transport key"):
        overtaken(sealed(bytes(32), created=8, transport=None), raw=True)


def overtaken(slow: SealedFile, *, raw: bool) -> tuple[KeyAuth, str]:
    """Make a call that looks at the function and sees `slow`, while another sees a newer file."""
    own, looks = bytes(32), 0
    first = sealed(own, transport=None if raw else bytes([9]) * 32)

    def answer(asked: Request) -> Answer:
        try:
            token_in(asked)
        except SealError:
            return problem(MalformedKey)
        return Answer(body=asked.body)

    def call() -> str:
        return requests.post(running.url, data=b"hello", auth=auth, timeout=10).text

    def ask() -> tuple[Header, bytes]:
        nonlocal looks
        looks += 1
        if looks == 2:
            return sealed(own, created=7).header, own
        assert call() == "hello"
        return slow.header, own

    auth = KeyAuth(Credential(own, first.header), ask)
    with server(answer) as running:
        return auth, call()


def test_a_rotation_behind_the_callers_back_is_healed(function: Function) -> None:
    found = discover(url(function), function.function_key)
    (function.folder / "transport").write_text(
        (function.folder / "transport").read_text().splitlines()[1]
    )
    push(function, sealed(function.function_key, transport=TWO))
    answer = requests.post(url(function), data=b"hello", auth=found, timeout=10)
    assert (answer.status_code, answer.text) == (200, "hello")
    assert requests.post(url(function), data=b"again", auth=found, timeout=10).text == "again"


def test_a_new_key_for_an_identity_is_found(
    function: Function, identity: Path, tmp_path: Path
) -> None:
    push(function, sealed(function.function_key, os.urandom(32), to=MINE))
    found = FunctionKey.discover(url(function), function="tested", author=AUTHOR, identity=identity)
    renewed = os.urandom(32)
    push(function, sealed(function.function_key, renewed, to=MINE, created=6))
    path = tmp_path / "body"
    path.write_bytes(b"hello")
    with path.open("rb") as file:
        assert requests.post(url(function), data=file, auth=found, timeout=10).text == "hello"
    assert found.secret == renewed
    push(function, sealed(function.function_key, created=7))
    with pytest.raises(UnknownKey, match="not sealed to the identity"):
        requests.post(url(function), auth=found, timeout=10)


def test_tokens_are_taken_up_where_they_are_wanted_now() -> None:
    own = os.urandom(32)
    lines = sealed(own, transport=None).lines

    def answer(asked: Request) -> Answer:
        nonlocal lines
        if asked.path == DISCOVERY_PATH:
            return Answer(body=lines)
        if asked.headers["x-function-key"].startswith("fsx1_"):
            return Answer(body=asked.body)
        lines = sealed(own, created=6).lines
        return problem(RawKeyRefused)

    with server(answer) as running:
        found = discover(running.url, own, raw=True)
        assert requests.post(running.url, data=b"x", auth=found, timeout=10).text == "x"
        assert not found.raw


def test_a_function_without_a_transport_key_is_called_only_by_who_asks_for_the_raw_key() -> None:
    own = os.urandom(32)
    lines = sealed(own, transport=None).lines
    search = Search({"key": own})
    with server(
        lambda asked: Answer(body=lines if asked.path == DISCOVERY_PATH else asked.body)
    ) as running:
        for options in ({}, {"sealed_body": True}):
            with pytest.raises(KeyWouldLeak, match="shows no transport key") as refused:
                discover(running.url, own, **options)
            assert "raw=True" in refused.value.hint
        assert search.in_bytes(str(running.requests).encode(), "requests") == set()
        found = discover(running.url, own, raw=True)
        assert found.raw
        assert requests.post(running.url, data=b"x", auth=found, timeout=10).text == "x"
        assert search.in_bytes(str(running.requests).encode(), "requests")
        with pytest.raises(UnknownTransportKey):
            discover(running.url, own, raw=True, sealed_body=True)


def test_an_old_header_that_still_verifies_takes_no_key_from_a_fresh_caller() -> None:
    own = os.urandom(32)
    now, before = sealed(own, created=6), sealed(own, created=5, transport=None)
    lines = now.lines
    with server(lambda _: Answer(body=lines)) as running:
        discover(running.url, own)
        lines = before.lines
        with pytest.raises(KeyWouldLeak):
            discover(running.url, own)


@pytest.mark.parametrize("raw", [False, True])
def test_the_raw_key_never_takes_a_tokens_place(raw: bool) -> None:
    own = os.urandom(32)
    lines = sealed(own).lines
    refusal = problem(MalformedKey)
    with server(
        lambda asked: Answer(body=lines) if asked.path == DISCOVERY_PATH else refusal
    ) as running:
        found = discover(running.url, own, raw=raw)
        lines = sealed(own, created=6, transport=None).lines
        with pytest.raises(KeyWouldLeak, match="no longer has a transport key"):
            requests.get(running.url, auth=found, timeout=10)
    assert FUNCTION_KEY.encode(own) not in str(running.requests)


def test_a_refusal_that_nothing_new_explains_is_not_repeated() -> None:
    def count(server: Server) -> int:
        return len([asked for asked in server.requests if asked.path != DISCOVERY_PATH])

    own = os.urandom(32)
    refusal = problem(UnknownKey)
    lines = sealed(own).lines
    with server(
        lambda asked: Answer(body=lines) if asked.path == DISCOVERY_PATH else refusal
    ) as running:
        found = discover(running.url, own)
        assert requests.get(running.url, auth=found, timeout=10).status_code == 403
        assert count(running) == 1
        lines = sealed(own, created=6, transport=TWO).lines
        assert requests.get(running.url, auth=found, timeout=10).status_code == 403
        assert count(running) == 3
