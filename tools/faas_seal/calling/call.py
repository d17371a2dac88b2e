"""One call as the command makes it: it is sent once, and its answer is read as it comes."""

from __future__ import annotations

from collections.abc import Iterable

import requests

from faas_seal.calling.addresses import is_loopback
from faas_seal.calling.auth import KeyAuth
from faas_seal.calling.sessions import session
from faas_seal.errors import UnexpectedAnswer, Unreachable, UsageError

CONNECT_TIMEOUT = 10  # seconds; how long the function then takes is its own affair


def call(
    method: str,
    url: str,
    auth: KeyAuth,
    *,
    body: bytes | Iterable[bytes] = b"",
    headers: dict[str, str] | None = None,
    query: list[tuple[str, str]] | None = None,
) -> requests.Response:
    """Send one request and return its response, whose body is still to be read.

    Follows no redirect. Raises Unreachable where nobody answers, UnexpectedAnswer for an answer
    that ends before its body, UsageError for a request that cannot be made, and what `auth`
    raises.
    """
    with session() as own:
        own.trust_env = not is_loopback(url)
        try:
            return own.request(
                method,
                url,
                params=query,
                data=body,
                headers=headers,
                auth=auth,
                allow_redirects=False,
                stream=True,
                timeout=(CONNECT_TIMEOUT, None),
            )
        except requests.exceptions.ChunkedEncodingError:
            raise UnexpectedAnswer("the answer ended early") from None
        except (requests.ConnectionError, requests.Timeout):
            raise Unreachable(f"nobody answers at {url}", address=url) from None
        except (requests.RequestException, ValueError) as error:
            raise UsageError(f"the request cannot be made: {error}") from None
