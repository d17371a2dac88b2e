"""`faas-cli up` to a gateway: the one that OPENFAAS_URL names, by way of OPENFAAS_PREFIX."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from tests.support import wait_until

from .canary import Canary
from .project import Project, succeed

START_SECONDS = 120


@pytest.fixture
def gateway(project: Project) -> Iterator[str]:
    url = os.environ.get("OPENFAAS_URL")
    if not url or not os.environ.get("OPENFAAS_PREFIX"):
        pytest.skip("OPENFAAS_URL and OPENFAAS_PREFIX do not name a gateway and a registry")
    yield url
    succeed(project.faas_cli("remove"))


def test_a_sealed_function_answers_through_the_gateway(
    project: Project, canary: Canary, gateway: str
) -> None:
    name = f"greet-{canary.word[-8:]}"
    project = replace(project, prefix=os.environ["OPENFAAS_PREFIX"])
    project.new(name)
    canary.write(project.folder / name)
    succeed(project.faas_seal("seal", name))
    succeed(project.faas_cli("up"))
    url = f"{gateway}/function/{name}"
    header = project.header(name)

    def answers() -> bool:
        return requests.get(url, headers=header, timeout=30).status_code == 200

    wait_until(answers, f"{name} answers through {gateway}", START_SECONDS)
    assert requests.get(f"{url}?name=Ada", headers=header, timeout=10).text == "greetings, Ada"
    assert requests.get(url, timeout=10).status_code == 401
    failed = requests.get(f"{url}/fail", headers=header, timeout=10)
    assert failed.status_code == 500
    assert failed.json()["type"] == "urn:faas-seal:error:handler-error"
    assert canary.word not in failed.text + str(failed.headers)

    (project.folder / name / f"{canary.word}.txt").write_text("friend")
    succeed(project.faas_seal("seal", name))
    succeed(project.faas_cli("up"))

    def answers_anew() -> bool:
        return requests.get(url, headers=header, timeout=30).text == "greetings, friend"

    wait_until(answers_anew, f"{name} answers with what was sealed last", START_SECONDS)
