"""HTTP sessions to functions and gateways."""

from __future__ import annotations

import requests

from faas_seal.calling.addresses import is_loopback
from faas_seal.calling.duplex import Duplex


def session() -> requests.Session:
    """Return a session of `requests` whose answers arrive while the body is being sent.

    This is for a handler that answers a large body while it reads: give the body as an
    iterator of bytes, and `stream=True`. Every proxy on the way must pass such calls on.
    Any other request is sent as in a session that `requests` makes.
    """
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, Duplex())
    return made


def session_to(url: str) -> requests.Session:
    """Return a session for requests to `url`, past all proxies if that is on this machine."""
    made = requests.Session()
    made.trust_env = not is_loopback(url)
    return made
