"""Updates: what is deployed changes while the function serves, and no call fails for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import TRANSPORT_SEED, key_id

from tests.runtime.conftest import PROGRAM, Gate, each_life
from tests.support import Function, seal_files, serve, session, wait_until

SEED = bytes(range(32))
ONE, TWO = bytes(range(1, 33)), bytes(range(2, 34))


def handler(answer: str) -> dict[str, str]:
    return {"handler.py": f"def handle(event, context):\n    return {answer!r}\n"}


def sealed(function: Function, answer: str, /, created: int = 2, **given: object) -> SealedFile:
    """Return the sealed file of a handler that answers so, for the function's key."""
    seed = given.pop("seed", SEED)
    assert isinstance(seed, bytes)
    return seal_files(handler(answer), function.function_key, seed, created=created, **given)  # type: ignore[arg-type]


def push(function: Function, file: bytes) -> None:
    """Write the file in place, as a provider may write a secret."""
    (function.folder / "function.sealed").write_bytes(file)


def answer(function: Function) -> str:
    return function.request().text


def test_a_newer_file_is_served_without_a_restart() -> None:
    with serve(handler("one"), seed=SEED) as function:
        assert answer(function) == "one"
        new = sealed(function, "two")
        push(function, new.serialise())
        function.stderr.wait_for(f"updated: content id {new.header.content_id}")
        wait_until(lambda: answer(function) == "two", "the new handler answers")
        push(function, sealed(function, "three", created=3).serialise())
        wait_until(lambda: answer(function) == "three", "the third answers")


def test_a_file_that_is_replaced_by_renaming_is_noticed_too() -> None:
    """As a Kubernetes secret changes: through a symbolic link."""
    with serve(handler("one"), seed=SEED) as function:
        new = function.folder / "new"
        new.write_bytes(sealed(function, "two").serialise())
        link = function.folder / "link"
        link.symlink_to(new)
        link.rename(function.folder / "function.sealed")
        wait_until(lambda: answer(function) == "two", "the new handler answers")


REFUSED: dict[str, tuple[Callable[[Function], bytes], str]] = {
    "older": (lambda function: sealed(function, "two", created=0).serialise(), "is older than"),
    "as old": (lambda function: sealed(function, "two", created=1).serialise(), "and is as old"),
    "altered": (
        lambda function: sealed(function, "two").serialise()[:-1] + b"x",
        "the ciphertext is altered",
    ),
    "another's": (
        lambda function: sealed(function, "two", seed=ONE).serialise(),
        "signed by another author",
    ),
    "another function": (
        lambda function: sealed(function, "two", function="other").serialise(),
        "is for the function other, expected tested",
    ),
    "no sealed file": (lambda _: b"plain", "not a sealed file"),
    "one with a transport key": (
        lambda function: sealed(function, "two", transport=PrivateKey(ONE).public).serialise(),
        "seal_transport names no secret",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_follow_is_refused_in_one_line_and_what_runs_goes_on(kind: str) -> None:
    make, words = REFUSED[kind]
    with serve(handler("one"), seed=SEED) as function:
        push(function, make(function))
        function.stderr.wait_for("an update is refused, and the function goes on as before: ")
        assert words in function.stderr.text
        assert answer(function) == "one"
        push(function, sealed(function, "three", created=3).serialise())
        wait_until(lambda: answer(function) == "three", "a good one is taken after it")
        assert function.stderr.text.count("refused") == 1
        assert "two" not in function.stderr.text


def test_a_file_that_has_gone_is_no_update() -> None:
    with serve(handler("one"), seed=SEED) as function:
        (function.folder / "function.sealed").unlink()
        function.stderr.wait_for("an update is refused")
        assert answer(function) == "one"


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, partial(os.symlink, "/dev/zero")])
@pytest.mark.parametrize("name", ["function.sealed", "transport"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(
    name: str, make: Callable[[Path], object]
) -> None:
    with serve(handler("one"), seed=SEED, transport=[ONE]) as function:
        (function.folder / name).unlink()
        make(function.folder / name)
        function.stderr.wait_for("an update is refused")
        assert answer(function) == "one"


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    with serve(handler("one"), seed=SEED) as function:
        os.truncate(function.folder / "function.sealed", 2**40)
        function.stderr.wait_for("an update is refused")
        assert answer(function) == "one"


@each_life
def test_no_call_fails_while_one_handler_follows_another(life: dict[str, Any]) -> None:
    answers: list[str] = []
    stop = threading.Event()

    def ask(function: Function) -> None:
        while not stop.is_set():
            answers.append(answer(function))

    with serve(handler("1"), seed=SEED, environ=life) as function:
        callers = [threading.Thread(target=ask, args=[function]) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            for number in (2, 3):
                push(function, sealed(function, str(number), created=number).serialise())
                wait_until(partial(answers.__contains__, str(number)), f"{number} answers")
        finally:
            stop.set()
            for caller in callers:
                caller.join()
        assert set(answers) == {"1", "2", "3"}
        assert answer(function) == "3"


def test_who_is_in_flight_finishes_with_what_it_began_and_nothing_old_is_left(gate: Gate) -> None:
    got: list[str] = []
    with serve(PROGRAM, seed=SEED) as function:
        before = set(session(function.process.pid))
        body = gate.code.encode()
        caller = threading.Thread(
            target=lambda: got.append(function.request(method="POST", body=body).text)
        )
        caller.start()
        held = gate.wait_for(1)
        push(function, sealed(function, "two").serialise())
        wait_until(lambda: answer(function) == "two", "others get the new handler")
        gate.open()
        caller.join()
        assert got == [str(pid) for pid in held]
        old = before | held
        wait_until(
            lambda: old & set(session(function.process.pid)) == {function.process.pid},
            "all but the acceptor are new",
        )


def write_keys(function: Function, *seeds: bytes) -> None:
    text = "# comment\n" + "".join(f"{TRANSPORT_SEED.encode(seed)}\n" for seed in seeds)
    (function.folder / "transport").write_text(text)


def token_to(function: Function, seed: bytes) -> str:
    """Return a token sealed to another transport key than the function has now."""
    other = seal_files(handler(""), function.function_key, SEED, transport=PrivateKey(seed).public)
    asker = Function.__new__(Function)
    asker.sealed, asker.function_key = other, function.function_key
    return asker.token()


def test_a_transport_key_changes_without_a_failed_call() -> None:
    with serve(handler("one"), seed=SEED, transport=[ONE]) as function:
        old, new = token_to(function, ONE), token_to(function, TWO)
        assert function.request(key=old).status == 200
        write_keys(function, TWO, ONE)
        wait_until(lambda: function.request(key=new).status == 200, "the new key opens tokens")
        assert function.request(key=old).status == 200
        file = sealed(function, "two", transport=PrivateKey(TWO).public)
        push(function, file.serialise())
        wait_until(lambda: function.request(key=new).text == "two", "the new file is served")
        assert function.request(key=old).status == 200
        write_keys(function, TWO)
        wait_until(lambda: function.request(key=old).status == 400, "the old key opens no more")
        assert function.request(key=new).status == 200


def test_a_transport_secret_that_does_not_fit_is_refused() -> None:
    with serve(handler("one"), seed=SEED, transport=[ONE]) as function:
        write_keys(function, TWO)
        function.stderr.wait_for("does not fit the sealed file")
        assert function.request(key=function.token()).status == 200


def test_a_key_is_denied_from_one_moment_to_the_next(tmp_path: Path) -> None:
    denied = tmp_path / "denied"
    denied.write_text("# nobody\n")
    with serve(handler("one"), seed=SEED, seal_denied=str(denied)) as function:
        assert function.request().status == 200
        denied.write_text(f"# lost\n{key_id(function.function_key)}\n")
        wait_until(lambda: function.request().status == 403, "the key is denied")
        function.stderr.wait_for("updated: denied keys, 1 now")
        denied.write_text("not an id\n")
        function.stderr.wait_for("are no key ids")
        assert function.request().status == 403
        denied.write_text("")
        wait_until(lambda: function.request().status == 200, "the key opens again")


def test_secrets_are_taken_whatever_has_been_pushed(tmp_path: Path) -> None:
    """As where the image has been deployed anew after a push, whose file is still there."""
    denied = tmp_path / "denied"
    denied.touch()
    with serve(handler("one"), seed=SEED, transport=[ONE], seal_denied=str(denied)) as function:
        push(function, sealed(function, "old", created=0).serialise())
        function.stderr.wait_for("is older than")
        new = token_to(function, TWO)
        write_keys(function, ONE, TWO)
        wait_until(lambda: function.request(key=new).status == 200, "the new key opens tokens")
        denied.write_text(key_id(function.function_key))
        wait_until(lambda: function.request().status == 403, "the key is denied")
        function.stderr.wait_for("updated: denied keys, 1 now")
        (function.folder / "transport").write_text("no key")
        denied.write_text("")
        wait_until(lambda: answer(function) == "one", "the key opens again")
