"""A local function gets its secrets from .secrets/, which `faas-cli local-run` mounts, too."""

from __future__ import annotations

import time
from pathlib import Path

from faas_seal.project.keystore import Keystore
from faas_seal.project.secrets import SecretFiles, transport_public
from faas_sealed.formats.file import claimed_author
from faas_sealed.formats.keys import key_id
from faas_sealed.formats.primitives import context
from faas_sealed.formats.token import KeyToken, seal_token

from tests.command.serving.conftest import LocalRun, Project
from tests.support import wait_until


def token(project: Project, seed: bytes) -> dict[str, str]:
    """Return a header for any request, sealed to a transport key."""
    author = claimed_author(project.sealed_file().read_bytes())
    key = Keystore(project.folder).function_key("program")
    text = seal_token(
        KeyToken(key=key, exp=int(time.time()) + 60),
        transport_public(seed),
        context("program", author),
    )
    return {"X-Function-Key": text}


def seeds(project: Project) -> tuple[bytes, ...]:
    return SecretFiles(project.folder).transport_seeds("program-transport")


def answers(served: LocalRun, header: dict[str, str]) -> bool:
    return served.request("/function/program", b"answer = 'yes'", header).text == "yes"


def test_a_key_sealed_to_the_transport_key_opens_the_function(project: Project) -> None:
    project.seal()
    with project.serving() as served:
        assert answers(served, token(project, seeds(project)[0]))
        stranger = served.request("/function/program", b"", token(project, bytes(32)))
        assert stranger.status == 400


def test_the_transport_key_is_changed_without_a_failed_call(project: Project) -> None:
    project.seal()
    (first,) = seeds(project)
    with project.serving() as served:
        assert answers(served, token(project, first))
        assert project.run("keygen", "--transport", "program").returncode == 0
        assert answers(served, token(project, first))
        second, _ = seeds(project)
        wait_until(lambda: answers(served, token(project, second)), "the next key is taken")
        project.seal()
        for _ in range(20):
            assert answers(served, token(project, first))
            assert answers(served, token(project, second))


def test_the_first_key_that_is_denied_is_denied_to_the_next_call(project: Project) -> None:
    project.seal()
    id = key_id(Keystore(project.folder).function_key("program"))
    with project.serving() as served:
        assert served.call("", b"answer = 'yes'").status == 200
        assert project.run("deny", "program", id).returncode == 0
        assert served.call("", b"answer = 'yes'").status == 403


def test_a_denied_key_opens_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.add(environment={"seal_denied": "program-denied"})
    files = SecretFiles(tmp_path)
    files.write("program-denied", ["# nobody yet"])
    project.seal()
    key = Keystore(tmp_path).function_key("program")
    with project.serving() as served:
        assert served.call("", b"answer = 'yes'").status == 200
        files.write("program-denied", [key_id(key)])
        wait_until(lambda: served.call("").status == 403, "the key is denied")
