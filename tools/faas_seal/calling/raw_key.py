"""The raw function key in a request, and where it must not go."""

from __future__ import annotations

import warnings
from typing import Any

import requests
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.wire import KEY_HEADER

from faas_seal.calling.addresses import host, in_clear, is_queue
from faas_seal.calling.bodies import CallResponse
from faas_seal.errors import KeyWouldLeak


class KeyInClear(UserWarning):
    """A function key that travels unencrypted to another machine."""


def present_raw(request: requests.PreparedRequest, function_key: bytes) -> None:
    """Put the raw function key (32 bytes) into a request, or raise KeyWouldLeak."""
    url = request.url or ""
    if is_queue(url):
        raise KeyWouldLeak(
            "an asynchronous call would leave the key in the queue, which stores every header",
            hint="call /function/ instead of /async-function/",
        )
    if in_clear(url):
        warnings.warn(f"the key travels unencrypted to {host(url)}", KeyInClear, stacklevel=3)
    request.headers[KEY_HEADER] = FUNCTION_KEY.encode(function_key)


def follow_nothing(response: requests.Response, **_: Any) -> CallResponse:
    """Return a response whose redirect is not followed, because the key would go with it.

    A hook of `requests`. Where a redirect leads is not asked: readers of URLs differ in that.
    """
    return CallResponse.of(response)
