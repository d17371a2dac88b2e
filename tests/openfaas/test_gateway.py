"""Behind a gateway: the one that OPENFAAS_URL names, by way of the registry OPENFAAS_PREFIX."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from ruamel.yaml import YAML

from tests.openfaas.canary import Canary
from tests.openfaas.project import Project, new_project, succeed
from tests.support import wait_until

START_SECONDS = 120

PROBE = """\
import os
from pathlib import Path


def handle(event, context):
    print(f"said {event.path}")
    if event.path == "/fail":
        raise ValueError("never in clear")
    if event.path == "/secret":
        return Path("/var/openfaas/secrets/SECRET").read_text()
    return {"body": {"headers": dict(event.headers), "path": event.path, "user": os.getuid()}}
"""


@pytest.fixture(scope="module")
def gateway() -> str:
    url = os.environ.get("OPENFAAS_URL")
    if not url or not os.environ.get("OPENFAAS_PREFIX"):
        pytest.skip("OPENFAAS_URL and OPENFAAS_PREFIX do not name a gateway and a registry")
    return url


@dataclass(frozen=True)
class Probe:
    """A deployed function that tells what reaches it."""

    name: str
    gateway: str
    project: Project
    header: dict[str, str]

    def call(self, path: str = "", **options: Any) -> requests.Response:
        url = f"{self.gateway}/function/{self.name}{path}"
        return requests.get(url, headers={**self.header, **options}, timeout=30)


@pytest.fixture(scope="module")
def probe(gateway: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """Sealed, built, pushed and deployed by a verb each, with a secret; removed in the end."""
    project = replace(
        new_project(tmp_path_factory.mktemp("probe")), prefix=os.environ["OPENFAAS_PREFIX"]
    )
    name = secret = f"probe-{uuid.uuid4().hex[:8]}"
    project.new(name)
    (project.folder / name / "handler.py").write_text(PROBE.replace("SECRET", secret))
    _add_to_stack(project.folder / "stack.yaml", name, secrets=[secret])
    succeed(project.faas_seal("seal", name))
    succeed(project.faas_cli("build"))
    succeed(project.faas_cli("push"))
    succeed(project.faas_cli("secret", "create", secret, "--from-literal", "a secret"))
    transport = f"{name}-transport"
    succeed(project.faas_cli("secret", "create", transport, f"--from-file=.secrets/{transport}"))
    try:
        succeed(project.faas_cli("deploy"))
        probe = Probe(name, gateway, project, project.header(name))
        wait_until(lambda: probe.call().status_code == 200, "the probe answers", START_SECONDS)
        yield probe
        succeed(project.faas_cli("remove"))
        wait_until(lambda: probe.call().status_code != 200, "the probe is gone", START_SECONDS)
    finally:
        for each in (secret, transport):
            project.faas_cli("secret", "remove", each)


def _add_to_stack(stack: Path, name: str, **members: object) -> None:
    yaml = YAML()
    document = yaml.load(stack)
    document["functions"][name].update(members)
    yaml.dump(document, stack)


def test_functions_want_their_key_and_the_gateway_a_password(probe: Probe) -> None:
    assert probe.call().status_code == 200
    without = requests.get(f"{probe.gateway}/function/{probe.name}", timeout=30)
    assert (without.status_code, without.headers["WWW-Authenticate"]) == (401, "FunctionKey")
    wrong = probe.call(**{"X-Function-Key": "fsk1_nonsense"})
    assert wrong.json()["type"] == "urn:faas-seal:error:malformed-key"
    assert requests.get(f"{probe.gateway}/system/functions", timeout=30).status_code == 401


def test_what_the_gateway_tells_of_the_caller_reaches_the_handler(probe: Probe) -> None:
    seen = probe.call("/some/path").json()
    assert seen["path"] == "/some/path"
    assert seen["user"] != 0
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["x-forwarded-host"] == probe.gateway.partition("://")[2]
    assert headers["x-forwarded-for"].startswith("127.0.0.1")
    assert headers["x-call-id"]
    assert "x-function-key" not in headers


def test_a_secret_reaches_the_handler(probe: Probe) -> None:
    assert probe.call("/secret").text == "a secret"


def test_what_a_handler_prints_is_in_the_log_and_what_it_raises_is_sealed(probe: Probe) -> None:
    failed = probe.call("/fail")
    trace = failed.json()["trace"]
    if "No journal files were found" in _journal():
        pytest.skip("the provider keeps logs in the journal, and there is none")

    def log() -> str:
        return succeed(probe.project.faas_cli("logs", probe.name, "--tail=false"))

    wait_until(lambda: "said /fail" in log(), "what the handler has printed is in the log")
    wait_until(lambda: trace in log(), "the sealed trace is in the log")
    assert "never in clear" not in log()
    assert "ValueError" not in log()


def _journal() -> str:
    """Return what journalctl prints, which says so where there is no journal."""
    try:
        done = subprocess.run(
            ["journalctl", "--lines=1"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "No journal files were found"
    return done.stdout + done.stderr


def test_a_function_scaled_to_zero_answers_the_next_call(probe: Probe) -> None:
    provider = os.environ.get("OPENFAAS_PROVIDER")
    if not provider:
        # The community edition's gateway makes one replica of none.
        pytest.skip("OPENFAAS_PROVIDER does not name the provider behind the gateway")
    user, _, password = _credentials(probe.gateway).partition(":")

    def available() -> int:
        url = f"{probe.gateway}/system/function/{probe.name}"
        status = requests.get(url, auth=(user, password), timeout=30).json()
        return int(status.get("availableReplicas", 0))

    scaled = requests.post(
        f"{provider}/system/scale-function/{probe.name}",
        json={"serviceName": probe.name, "replicas": 0},
        auth=(user, password),
        timeout=30,
    )
    assert scaled.ok, scaled.text
    wait_until(lambda: available() == 0, "no replica is left")
    assert probe.call().status_code == 200
    assert available() == 1


def _credentials(gateway: str) -> str:
    """Return user and password as `faas-cli login` has stored them."""
    folder = Path(os.environ.get("OPENFAAS_CONFIG", Path.home() / ".openfaas"))
    stored = YAML(typ="safe").load(folder / "config.yml")["auths"]
    token = next(entry["token"] for entry in stored if entry["gateway"] == gateway)
    return base64.b64decode(token).decode()


def test_up_replaces_what_is_deployed(project: Project, canary: Canary, gateway: str) -> None:
    name = f"greet-{canary.word[-8:]}"
    project = replace(project, prefix=os.environ["OPENFAAS_PREFIX"])
    project.new(name)
    canary.write(project.folder / name)
    succeed(project.faas_seal("up", name))
    try:
        url = f"{gateway}/function/{name}"
        header = project.header(name)

        def answers(text: str) -> bool:
            return requests.get(url, headers=header, timeout=30).text == text

        wait_until(lambda: answers("greetings, stranger"), f"{name} answers", START_SECONDS)
        failed = requests.get(f"{url}/fail", headers=header, timeout=30)
        assert failed.status_code == 500
        assert failed.json()["type"] == "urn:faas-seal:error:handler-error"
        assert canary.word not in failed.text + str(failed.headers)

        (project.folder / name / f"{canary.word}.txt").write_text("friend")
        succeed(project.faas_seal("seal", name))
        succeed(project.faas_cli("up"))
        wait_until(
            lambda: answers("greetings, friend"), f"{name} answers as sealed last", START_SECONDS
        )
    finally:
        succeed(project.faas_cli("remove"))
        succeed(project.faas_cli("secret", "remove", f"{name}-transport"))
