"""HTTP sessions to functions and gateways."""

from __future__ import annotations

import requests

from faas_seal.calling.addresses import is_loopback


def session_to(url: str) -> requests.Session:
    """Return a session that asks no proxy of the environment for this machine's own addresses."""
    session = requests.Session()
    session.trust_env = not is_loopback(url)
    return session
