"""Cookies: who is on the way sets none in what travels sealed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from faas_sealed.formats.wire import DISCOVERY_PATH

from tests.command.calling.granting import Granting, granting
from tests.command.servers import Answer, Request
from tests.support import PATIENCE

PLANTED = {"Set-Cookie": "planted=1; Path=/"}


@pytest.fixture
def function() -> Iterator[Granting]:
    """A function behind somebody who sets a cookie in every answer."""
    with granting() as function:
        answer = function.answer

        def with_cookie(request: Request) -> Answer:
            if request.path.startswith("/async-function/"):
                return Answer(202, dict(PLANTED))
            said = answer(request)
            said.headers |= PLANTED
            return said

        function.answer = with_cookie  # type: ignore[method-assign]
        yield function


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_discovery_with_a_session_brings_it_no_cookie(
    function: Granting, session: requests.Session
) -> None:
    answers = []
    session.hooks["response"] = [lambda response, **_: answers.append(response)]
    key = function.discovered(session=session, sealed_body=True)
    assert [DISCOVERY_PATH in response.url for response in answers] == [True]
    assert list(session.cookies) == []
    assert session.post(function.url, data=b"x", auth=key, timeout=PATIENCE).text == "x"
    assert "planted" not in str(function.running.requests)


def test_the_answer_of_a_queue_brings_no_cookie_to_a_sealed_call(
    function: Granting, session: requests.Session
) -> None:
    key = function.key(sealed_body=True)
    queue = function.url.replace("/function/", "/async-function/")
    answer = session.post(queue, data=b"x", auth=key, timeout=PATIENCE)
    assert answer.status_code == 202
    assert list(answer.cookies) == list(session.cookies) == []
    assert "Set-Cookie" not in answer.headers


def test_a_sealed_answer_has_the_cookies_that_are_inside(
    function: Granting, session: requests.Session
) -> None:
    function.said = lambda _: Answer(headers={"Set-Cookie": "own=1; Path=/; HttpOnly"})
    key = function.key(sealed_body=True)
    for _ in range(2):
        answer = session.post(function.url, data=b"x", auth=key, timeout=PATIENCE)
        assert dict(answer.cookies) == {"own": "1"}
        assert list(session.cookies) == []
    function.said = lambda _: Answer()
    answer = session.post(function.url, data=b"x", auth=key, timeout=PATIENCE)
    assert list(answer.cookies) == list(session.cookies) == []


def test_an_answer_in_clear_sets_cookies_as_ever(
    function: Granting, session: requests.Session
) -> None:
    answer = session.post(function.url, data=b"x", auth=function.key(), timeout=PATIENCE)
    assert dict(answer.cookies) == dict(session.cookies) == {"planted": "1"}
