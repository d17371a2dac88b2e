"""Paths reach the function as gateway, provider and watchdog pass them on."""

from __future__ import annotations

import pytest
from faas_seal.serving.routes import Route, route
from faas_sealed.formats.errors import MalformedRequest


@pytest.mark.parametrize(
    ("sent", "seen"),
    # Measured at a function behind gateway 0.27, a provider and of-watchdog 0.11.
    [
        ("", "/"),
        ("/", "/"),
        ("?x=1", "/?x=1"),
        ("/a?", "/a"),
        ("/a??x", "/a??x"),
        ("/a?x=%20&y=+", "/a?x=%20&y=+"),
        ("/a%20b", "/a%20b"),
        ("/%2541", "/A"),
        ("/a%252Fb", "/a/b"),
        ("/a%25", None),
        ("/a%2525", "/a%25"),
        ("/%3F", "/"),
        ("/a%3Fb?x=1", "/a?b?x=1"),
        ("/a%253Fb", "/a%3Fb"),
        ("/a%23b?x=1", "/a"),
        ("/!*'();:@&=+$,[]", "/%21%2A%27%28%29;:@&=+$,%5B%5D"),
        ("/%C3%A9", "/%C3%A9"),
        ("/\xe9", "/%E9"),
        ("/%ff", "/%FF"),
        ("/a%7Cb|c", "/a%7Cb%7Cc"),
        ("/~x_-.", "/~x_-."),
        ("/%zz", None),
        ("/%", None),
        ("/%00", None),
        ("/%7f", None),
        ("/%09", None),
    ],
)
def test_a_path_reaches_the_function_as_behind_the_gateway(sent: str, seen: str | None) -> None:
    if seen is None:
        with pytest.raises(MalformedRequest):
            route(f"/function/greet{sent}")
    else:
        assert route(f"/function/greet{sent}") == Route(name="greet", target=seen)


@pytest.mark.parametrize(
    ("sent", "redirected"),
    [
        ("/function/greet//", "/function/greet/"),
        ("/function/greet/a//b?x=1", "/function/greet/a/b?x=1"),
        ("/function/greet/a%2F%2Fb", "/function/greet/a/b"),
        ("/function/greet/a/../b%20c", "/function/greet/b%20c"),
        ("/function/greet/%2e%2e/other", "/function/other"),
        ("/function/greet/%252e%252e/other", "/function/other"),
        ("/function/greet/.", "/function/greet"),
    ],
)
def test_a_path_that_is_not_clean_is_redirected(sent: str, redirected: str) -> None:
    assert route(sent) == Route(redirect=redirected)


@pytest.mark.parametrize(
    "sent",
    ["/", "/function", "/function/", "/Function/greet", "/function/a%20b", "/function/greet%3Fx"],
)
def test_other_paths_are_the_gateways_own(sent: str) -> None:
    assert route(sent).system
    assert not route(sent).name


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("/async-function/greet/a", Route(name="greet", target="/a", background=True)),
        ("/function/gr%65et", Route(name="greet", target="/")),
        ("/function/greet%2Fa", Route(name="greet", target="/a")),
    ],
)
def test_names_are_read_from_the_decoded_path(sent: str, expected: Route) -> None:
    assert route(sent) == expected
