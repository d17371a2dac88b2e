"""Pushing: a running function gets new code through a secret that it watches."""

from __future__ import annotations

import time

import requests
from faas_sealed.formats.errors import FileRefused
from faas_sealed.formats.file import claimed_author, verify, verify_lines
from faas_sealed.formats.wire import DISCOVERY_PATH

from faas_seal.calling.sessions import session_to
from faas_seal.deploying.errors import NotServed, TakesNoPushes
from faas_seal.deploying.gateway_api import Gateway
from faas_seal.errors import GatewayRefused
from faas_seal.project.stackfile import Function

SETTING = "seal_file"
# The bytes that a Kubernetes secret can hold (kubernetes.io/docs/concepts/configuration/secret).
MOST_IN_KUBERNETES = 2**20
PROVIDERS_WITHOUT_LIMIT = ("faasd",)
LOOK_SECONDS = 0.25
_TIMEOUT_SECONDS = 10


def secret_of(function: Function) -> str:
    """Return the name of the secret that a function's code is pushed to, or raise TakesNoPushes."""
    name = function.environment.get(SETTING, "")
    wanted = name or f"{function.name}-code"
    if not name or "/" in name or name not in function.secrets:
        raise TakesNoPushes(function.name, SETTING, wanted)
    return name


def push_file(gateway: Gateway, secret: str, file: bytes) -> None:
    """Write a sealed file into a secret, or raise GatewayRefused."""
    provider = gateway.provider()
    if len(file) > MOST_IN_KUBERNETES and provider not in PROVIDERS_WITHOUT_LIMIT:
        raise GatewayRefused(
            f"the sealed file is {len(file):,} bytes, and a Kubernetes secret holds "
            f"{MOST_IN_KUBERNETES:,} at most",
            hint="leave data out with .sealignore, or deploy it: faas-seal up",
        )
    gateway.put_secret(secret, file)


def wait_until_served(url: str, file: bytes, seconds: float) -> float:
    """Wait until the function at `url` serves this file; return how many seconds that took.

    Raises NotServed when `seconds` have passed, and GatewayRefused as soon as the function
    serves a newer file.
    """
    header = verify(file, claimed_author(file)).header
    started = time.monotonic()
    seen = "nothing is served yet"
    while (passed := time.monotonic() - started) < seconds:
        lines = _lines(url)
        if lines is not None:
            try:
                served = verify_lines(lines, header.author)
            except FileRefused:
                seen = "what is served is another author's, or no sealed function"
            else:
                if served == header:
                    return passed
                if served.created > header.created:
                    raise GatewayRefused(f"a newer file is served already: {served.content_id}")
                seen = f"{served.content_id} is still served"
        time.sleep(LOOK_SECONDS)
    raise NotServed(header.function, header.content_id, seconds, seen)


def _lines(url: str) -> bytes | None:
    try:
        with session_to(url) as session:
            response = session.get(
                f"{url}{DISCOVERY_PATH}", timeout=_TIMEOUT_SECONDS, allow_redirects=False
            )
    except requests.RequestException:
        return None
    return response.content if response.status_code == 200 else None
