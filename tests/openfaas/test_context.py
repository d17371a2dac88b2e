"""What a build sends: to the Docker daemon, and to a builder on another machine."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from faas_seal.scan.search import Search

from tests.openfaas.canary import Canary
from tests.openfaas.programs import Builder
from tests.openfaas.project import Project, succeed
from tests.openfaas.recorder import Recorder

EVERYTHING = "FROM scratch\nCOPY . /\n"
TEMPLATE = "the template"
SOURCE = "the source"


@pytest.fixture
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with Recorder(tmp_path_factory.mktemp("daemon") / "socket") as recorder:
        yield recorder


def test_a_build_before_sealing_sends_no_source_to_the_daemon(
    project: Project, builder: Builder, canary: Canary, recorder: Recorder
) -> None:
    project.new("greet")
    canary.write(project.folder / "greet")
    environment = {**builder.environment(), "DOCKER_HOST": recorder.host}
    assert project.faas_cli("build", environment=environment).returncode != 0
    assert found_in(recorder.sent(), canary) == {TEMPLATE}


@pytest.mark.parametrize("ignore_file", [True, False])
def test_the_ignore_file_is_what_keeps_source_from_the_daemon(
    project: Project, builder: Builder, canary: Canary, recorder: Recorder, ignore_file: bool
) -> None:
    project.new("greet")
    canary.write(project.folder / "greet")
    succeed(project.faas_cli("build", "--shrinkwrap"))
    folder = project.folder / "build" / "greet"
    (folder / "Dockerfile").write_text(EVERYTHING)
    if not ignore_file:
        (folder / ".dockerignore").unlink()
    environment = {**builder.environment(), "DOCKER_HOST": recorder.host}
    succeed(docker_build(folder, project.image("everything"), environment))
    expected = {TEMPLATE} if ignore_file else {TEMPLATE, SOURCE}
    assert found_in(recorder.sent(), canary) == expected


def test_a_remote_builder_gets_ciphertext(sealed: Project, canary: Canary, tmp_path: Path) -> None:
    secret = tmp_path / "payload-secret"
    secret.write_text("secret")
    with remote_builder() as (url, received):
        builder = (f"--remote-builder={url}", f"--payload-secret={secret}")
        succeed(sealed.faas_cli("publish", "--platforms=linux/amd64", *builder))
    assert found_in(received, canary) == {TEMPLATE}


@contextmanager
def remote_builder() -> Iterator[tuple[str, list[bytes]]]:
    """Serve as OpenFaaS's remote builder does; yield its address and the tars it gets."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(202)
            self.end_headers()
            self.wfile.write(b'{"status": "success", "image": "example", "log": []}\n')

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def found_in(sent: Iterable[bytes], canary: Canary) -> set[str]:
    """Return what of template and source is found, so that a search that is blind is seen."""
    search = Search({TEMPLATE: "faas_sealed.runtime", SOURCE: canary.word})
    return {hit.canary for data in sent for hit in search.in_bytes(data, "what was sent")}


def docker_build(
    folder: Path, image: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "build", "--tag", image, "."],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
