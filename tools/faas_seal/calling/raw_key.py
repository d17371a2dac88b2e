"""The raw function key in a request, and the requests that must not carry it."""

from __future__ import annotations

import warnings
from typing import Any
from urllib.parse import urljoin

import requests
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.wire import KEY_HEADER

from faas_seal.calling.addresses import host, in_clear, is_queue, origin
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


def drop_on_redirect(response: requests.Response, **_: Any) -> None:
    """Take the key out if a redirect leads elsewhere. A hook of `requests`, which would keep it."""
    if response.is_redirect:
        target = urljoin(response.url, response.headers["Location"])
        if origin(target) != origin(response.url) or is_queue(target):
            response.request.headers.pop(KEY_HEADER, None)
