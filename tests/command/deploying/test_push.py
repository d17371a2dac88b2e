"""`faas-seal push`: what a gateway is told, and when the new code counts as served."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faas_seal.deploying.push import MOST_IN_KUBERNETES, wait_until_served
from faas_seal.errors import GatewayRefused
from faas_sealed.formats.file import claimed_author, verify

from tests.command.conftest import Run
from tests.command.servers import Answer, Request, Server, server
from tests.command.serving.conftest import Project as LocalProject


class Provider:
    """Keeps secrets as faasd does, and serves the lines of the one that is `greet-code`."""

    def __init__(self, name: str = "faasd", login: str = "") -> None:
        self.secrets: dict[str, bytes] = {}
        self.served: bytes | None = None
        self.follows = True
        self._name = name
        self._login = login

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/function/"):
            file = self.secrets.get("greet-code") if self.follows else self.served
            return Answer(404) if file is None else Answer(200, {}, lines(file))
        if request.headers.get("authorization", "") != self._login:
            return Answer(401)
        if request.path == "/system/info":
            return Answer(200, {}, json.dumps({"provider": {"provider": self._name}}).encode())
        if request.method == "GET":
            return Answer(200, {}, json.dumps([{"name": name} for name in self.secrets]).encode())
        secret = json.loads(request.body)
        if (request.method == "POST") == (secret["name"] in self.secrets):
            return Answer(404)
        self.secrets[secret["name"]] = base64.b64decode(secret["rawValue"])
        return Answer(200)


def lines(file: bytes) -> bytes:
    return verify(file, claimed_author(file)).lines


@contextmanager
def gateway(provider: Provider, project: Path) -> Iterator[Server]:
    """Let the stack file name a gateway with this provider."""
    path = project / "stack.yaml"
    with server(provider.answer) as served:
        path.write_text(path.read_text().replace("http://127.0.0.1:8080", served.url))
        yield served


def sealed(project: Path) -> bytes:
    return (project / "sealed" / "greet" / "function.sealed").read_bytes()


def change(project: Path) -> None:
    (project / "greet" / "handler.py").write_text("def handle(event, context):\n    return 'new'\n")


def test_after_its_setup_a_function_gets_new_code_by_a_push(project: Path, run: Run) -> None:
    provider = Provider()
    with gateway(provider, project):
        said = run("push", "greet", "--setup").stdout
        assert "made the secret greet-code" in said
        assert provider.secrets["greet-code"] == sealed(project)
        stack = (project / "stack.yaml").read_text()
        assert "greet-code" in stack
        assert "seal_file: greet-code" in stack
        change(project)
        before = sealed(project)
        said = run("push", "greet").stdout
        assert "greet: pushed to the secret greet-code" in said
        assert "greet: served after " in said
        assert provider.secrets["greet-code"] == sealed(project) != before


def test_setup_can_be_done_again_for_another_gateway(project: Path, run: Run) -> None:
    with gateway(Provider(), project):
        run("push", "greet", "--setup")
        stack = (project / "stack.yaml").read_text()
    other = Provider()
    with server(other.answer) as served:
        run("push", "greet", "--setup", "--gateway", served.url)
    assert other.secrets["greet-code"] == sealed(project)
    assert (project / "stack.yaml").read_text() == stack


def test_without_its_setup_it_is_told_how(project: Path, run: Run) -> None:
    said = run("push", "greet", status=2).stderr
    assert "hint: faas-seal push greet --setup" in said
    assert not (project / "sealed").exists()


def test_faas_clis_login_is_used_and_missed(
    project: Path, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = base64.b64encode(b"admin:word").decode()
    provider = Provider(login=f"Basic {login}")
    with gateway(provider, project) as served:
        said = run("push", "greet", "--setup", status=1).stderr
        assert f"hint: faas-cli login --gateway {served.url}" in said
        config = home / ".openfaas" / "config.yml"
        config.parent.mkdir()
        entry = f"- gateway: {served.url}\n  auth: basic\n  token: {login}\n"
        config.write_text(f"auths:\n{entry}")
        run("push", "greet", "--setup")
        config.write_text("auths: [\n")
        assert "wants a login" in run("push", "greet", status=1).stderr
        elsewhere = home / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "config.yml").write_text(f"auths:\n{entry}")
        monkeypatch.setenv("OPENFAAS_CONFIG", str(elsewhere))
        run("push", "greet")


def test_local_run_takes_no_pushes_and_needs_none(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalProject(tmp_path / "served")
    local.folder.mkdir()
    local.add()
    local.seal()
    monkeypatch.setenv("HOME", local.variables["HOME"])
    monkeypatch.chdir(local.folder)
    with local.serving() as served:
        gateway = f"http://127.0.0.1:{served.port}"
        said = run("push", "program", "--setup", "--gateway", gateway, status=1).stderr
        assert "hint: is this local-run? It serves each seal by itself" in said


def test_what_a_kubernetes_secret_cannot_hold_is_refused_before_it_is_sent(
    project: Path, run: Run
) -> None:
    (project / "greet" / "data.bin").write_bytes(os.urandom(MOST_IN_KUBERNETES))
    provider = Provider("faas-netes")
    with gateway(provider, project):
        said = run("push", "greet", "--setup", status=1).stderr
        assert "a Kubernetes secret holds 1,048,576 at most" in said
        assert provider.secrets == {}
    provider = Provider("faasd")
    with server(provider.answer) as served:
        run("push", "greet", "--setup", "--gateway", served.url)
    assert provider.secrets["greet-code"] == sealed(project)


def test_what_is_not_served_in_time_is_an_error_that_says_what_is(project: Path, run: Run) -> None:
    provider = Provider()
    with gateway(provider, project):
        run("push", "greet", "--setup")
        provider.served, provider.follows = sealed(project), False
        old = json.loads(run("inspect", "greet", "--json").stdout)["content_id"]
        change(project)
        said = run("push", "greet", "--wait", "500ms", status=1).stderr
        assert f"{old} is still served" in said
        assert "faas-cli logs greet" in said
        run("push", "greet", "--no-wait")


def test_a_newer_file_that_is_served_already_ends_the_wait(project: Path, run: Run) -> None:
    provider = Provider()
    with gateway(provider, project) as served:
        run("push", "greet", "--setup")
        older = sealed(project)
        change(project)
        run("seal", "greet")
        provider.served, provider.follows = sealed(project), False
        with pytest.raises(GatewayRefused, match="a newer file is served"):
            wait_until_served(f"{served.url}/function/greet", older, 20)


def test_without_a_gateway_or_with_a_wrong_duration_it_says_so(project: Path, run: Run) -> None:
    path = project / "stack.yaml"
    path.write_text(path.read_text().replace("8080", "1"))
    assert "no gateway answers at" in run("push", "greet", "--setup", status=6).stderr
    assert "is not a duration" in run("push", "greet", "--wait", "soon", status=2).stderr
