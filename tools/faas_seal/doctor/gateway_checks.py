"""Checks of a gateway and of the functions deployed there. They need no keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import requests
from faas_sealed.formats.errors import (
    FileRefused,
    FunctionExpired,
    MalformedKey,
    MissingKey,
    SealError,
)
from faas_sealed.formats.header import Header
from faas_sealed.formats.wire import KEY_HEADER

from faas_seal.calling.addresses import is_loopback
from faas_seal.calling.discovery import Discovery
from faas_seal.calling.problems import problem_in
from faas_seal.calling.seen import Seen
from faas_seal.calling.sessions import session_to
from faas_seal.deploying.push import SETTING
from faas_seal.doctor.check import Check
from faas_seal.project.stackfile import Function

TIMEOUT_SECONDS = 3.0


def checks_of_gateway(
    url: str, functions: Iterable[tuple[Function, Header | None]]
) -> Iterator[Check]:
    """Yield the checks of a gateway and of functions there.

    Each function comes with the header of its sealed file here, or None if that file is not
    in order.
    """
    try:
        _get(f"{url}/healthz")
    except requests.RequestException:
        yield Check("gateway", None, f"{url} does not answer", "faas-seal local-run")
        return
    yield Check("gateway", True, f"{url} answers")
    for function, sealed in functions:
        yield from _function(f"{url}/function/{function.name}", function, sealed)


def _function(url: str, function: Function, sealed: Header | None) -> Iterator[Check]:
    """Send something that is not a key: only a runtime that got the header calls it malformed."""
    name = function.name
    try:
        response = _get(url, {KEY_HEADER: "no key"})
    except requests.Timeout:
        finding = f"{url} has not answered within {TIMEOUT_SECONDS:.0f} s"
        yield Check(name, None, finding, "try again: it may be starting")
        return
    except requests.RequestException:
        yield Check(name, None, f"{url} does not answer", f"faas-seal up {name}")
        return
    problem = problem_in(response)
    if problem is None:
        yield _not_sealed(url, name, response)
        return
    if problem.error is MalformedKey:
        yield Check(name, True, f"deployed at {url}, and the key header arrives")
    elif problem.error is MissingKey:
        yield Check(
            name,
            False,
            f"{KEY_HEADER} does not arrive at {url}",
            "something on the way removes it: look at the ingress, or call the gateway itself",
        )
    else:
        yield Check(name, None, f"{url} answers {response.status_code}: {problem.error.title}")
    if sealed is not None:
        yield _compared(url, function, sealed)


def _not_sealed(url: str, name: str, response: requests.Response) -> Check:
    """Return the check for a response that does not come from our runtime."""
    said = f"{url} answers {response.status_code}: {response.reason}"
    if response.ok and not response.is_redirect:
        return Check(name, False, f"what answers at {url} is not sealed", f"faas-seal up {name}")
    if response.status_code == requests.codes.not_found:
        step = f"faas-seal up {name}"
        if is_loopback(url):
            step = f"faas-seal local-run {name}, or {step}"
        return Check(name, None, f"not deployed at {url}", step)
    if response.status_code >= 500:
        return Check(name, False, said, f"its log tells why: faas-cli logs {name}")
    return Check(name, None, said)


def _compared(url: str, function: Function, sealed: Header) -> Check:
    """Compare the deployed sealed file with the one here."""
    name = function.name
    step = f"faas-seal up {name}"
    if SETTING in function.environment:
        step += f", or faas-seal push {name}"
    try:
        deployed = Discovery(url, name, sealed.author, Seen()).look()
    except FunctionExpired:
        return Check(name, False, "what is deployed has expired", step)
    except FileRefused as error:
        return Check(name, False, str(error), step)
    except SealError as error:
        return Check(name, None, f"not known to be what is sealed: {error}", error=error)
    if deployed.content_id != sealed.content_id:
        finding = f"deployed is content id {deployed.content_id}, sealed is {sealed.content_id}"
        return Check(name, False, finding, step)
    return Check(name, True, "deployed is what is sealed")


def _get(url: str, headers: dict[str, str] | None = None) -> requests.Response:
    with session_to(url) as session:
        return session.get(url, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)
