"""The other verbs of faas-cli, as they are: push, local-run, generate."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from faas_seal.scan.places import in_folder
from faas_seal.scan.search import Search
from ruamel.yaml import YAML

from tests.openfaas import containers
from tests.openfaas.canary import Canary
from tests.openfaas.project import ROOT, Project, succeed
from tests.support import free_port, wait_until

INQUIRY = {"product": "sensor", "quantity": 40, "month": 11, "region": "uk", "years": 3}


def test_generate_writes_what_kubernetes_needs(sealed: Project) -> None:
    printed = succeed(sealed.faas_cli("generate"))
    resource = YAML(typ="safe").load(printed)
    assert resource["spec"]["image"] == sealed.image("greet")
    assert resource["spec"]["environment"] == sealed.environment("greet")


def test_local_run_serves_the_function(sealed: Project) -> None:
    port = free_port()
    with local_run(sealed, port):
        url = f"http://127.0.0.1:{port}/?name=Ada"
        response = requests.get(url, headers=sealed.header("greet"), timeout=10)
    assert response.text == "greetings, Ada"


def test_push_stores_ciphertext(project: Project, canary: Canary, tmp_path: Path) -> None:
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry not found")
    with registry(tmp_path) as address:
        project = Project(project.folder, prefix=f"{address}/{project.prefix}")
        project.new("greet")
        canary.write(project.folder / "greet")
        succeed(project.faas_seal("seal", "greet"))
        succeed(project.faas_cli("build"))
        succeed(project.faas_cli("push"))
        containers.docker("image", "rm", "--force", project.image("greet"))
        with containers.running(project, "greet") as container:
            assert container.get("/", project.header("greet")).text == "greetings, stranger"
        containers.docker("image", "rm", "--force", project.image("greet"))
    search = Search({"template": "faas_sealed.runtime", "source": canary.word})
    assert {hit.canary for hit in in_folder(search, tmp_path)} == {"template"}


def test_the_sample_of_the_stack_file_quotes_a_price(project: Project) -> None:
    shutil.copy(ROOT / "stack.yml", project.folder / "stack.yaml")
    shutil.copytree(ROOT / "function-samples", project.folder / "function-samples")
    succeed(project.faas_seal("seal", "pricing"))
    succeed(
        project.faas_cli("build", "--filter", "pricing", environment={"REGISTRY": project.prefix})
    )
    with containers.running(project, "pricing") as container:
        quote = requests.post(
            container.url, json=INQUIRY, headers=project.header("pricing"), timeout=10
        )
    assert quote.json() == {
        "currency": "EUR",
        "unit_price": "28.08",
        "total": "1123.20",
        "valid_days": 14,
    }


@contextmanager
def local_run(project: Project, port: int) -> Iterator[None]:
    """Run `faas-cli local-run` until it answers, and end it as Ctrl-C does."""
    with subprocess.Popen(
        ["faas-cli", "local-run", "greet", f"--port={port}", "--build=false"],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: containers.is_ready(url), "local-run serves the function")
            yield
        finally:
            # A terminal sends it to faas-cli and to the docker that it waits for.
            os.killpg(process.pid, signal.SIGINT)


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Serve an image registry that keeps its files in a folder; yield its address."""
    address = f"127.0.0.1:{free_port()}"
    configuration = folder / "registry.yml"
    storage = {"filesystem": {"rootdirectory": str(folder)}}
    configuration.write_text(
        json.dumps({"version": "0.1", "storage": storage, "http": {"addr": address}})
    )
    with subprocess.Popen(
        ["docker-registry", "serve", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until(lambda: listens(address), "the registry listens")
            yield address
        finally:
            process.terminate()


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
