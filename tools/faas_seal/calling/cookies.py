"""Cookies of answers: those that came sealed count, and those from the way do not."""

from __future__ import annotations

from collections.abc import Iterable
from http.client import HTTPMessage
from typing import Any

import requests
from requests.cookies import MockRequest, MockResponse, RequestsCookieJar

_NAMES = ("Set-Cookie", "Set-Cookie2")


def drop_cookies(response: requests.Response, **_: Any) -> None:
    """Take the cookies out of a response before its session keeps them; a hook of `requests`."""
    response.cookies = RequestsCookieJar()
    # A session of `requests` reads them here.
    received = getattr(getattr(response.raw, "_original_response", None), "msg", None)
    for name in _NAMES:
        response.headers.pop(name, None)
        if received is not None:
            del received[name]


def cookies_in(
    headers: Iterable[tuple[str, str]], request: requests.PreparedRequest
) -> RequestsCookieJar:
    """Return the cookies that the headers of an answer to `request` set."""
    message, jar = HTTPMessage(), RequestsCookieJar()
    for name, value in headers:
        message[name] = value
    jar.extract_cookies(MockResponse(message), MockRequest(request))  # type: ignore[arg-type]
    return jar
