"""What there is of a function full of canaries in its image, and in its container after calls."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from faas_seal.scan import proof
from faas_seal.scan.places import in_file, in_folder, in_process, processes
from faas_seal.scan.search import Hit, Search
from faas_sealed.formats.file import SealedFile, claimed_author, verify
from faas_sealed.formats.keys import FUNCTION_KEY

from tests.leaks.conftest import may_trace
from tests.leaks.plants import Plants, report
from tests.openfaas import containers
from tests.openfaas.containers import Container, docker
from tests.openfaas.project import Project, new_project, succeed

NAME = "victim"
CIPHERTEXT = "ciphertext"
LINGER = 0.02
END = 0.05


@dataclass(frozen=True)
class Victim:
    """The function, sealed and built, and a search for what is secret of it."""

    project: Project
    plants: Plants
    sealed: SealedFile
    function_key: bytes
    search: Search


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    project, plants = new_project(tmp_path_factory.mktemp("victim")), Plants()
    project.new(NAME)
    (project.folder / NAME / "handler_test.py").unlink()
    for name, text in plants.sealable.items():
        path = project.folder / NAME / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    succeed(project.faas_seal("seal", NAME))
    succeed(project.faas_cli("build"))
    data = (project.folder / "sealed" / NAME / "function.sealed").read_bytes()
    sealed = verify(data, claimed_author(data))
    function_key = FUNCTION_KEY.decode(project.header(NAME)["X-Function-Key"])
    search = plants.search(sealed, function_key)
    search = Search(search.canaries | {CIPHERTEXT: sealed.ciphertext[:32]})
    proof.prove_forms(search)
    yield Victim(project, plants, sealed, function_key, search)
    docker("image", "rm", "--force", project.image(NAME))


@pytest.fixture(scope="module")
def called(victim: Victim) -> Iterator[Container]:
    """The function's container, after calls of many kinds."""
    project = victim.project
    with containers.running(project, NAME) as container:
        for act, status in (
            ("answer", 200),
            ("from_data", 200),
            ("fail", 500),
            ("fail_in_thread", 200),
            ("fail_to_import", 500),
            ("leave", 502),
            ("print_exception", 200),
            ("answer", 200),
        ):
            assert call(victim, container, act).status_code == status, act
        for key in (victim.plants.wrong_key, victim.plants.malformed_key):
            assert call(victim, container, "answer", key).status_code in (400, 403)
        yield container


def call(victim: Victim, container: Container, act: str, key: str = "") -> requests.Response:
    plants = victim.plants
    return requests.post(
        f"{container.url}/{act}/{plants.path}?query={plants.query}",
        plants.body.encode(),
        headers={
            "X-Canary": plants.header,
            "X-Function-Key": key or FUNCTION_KEY.encode(victim.function_key),
        },
        timeout=20,
    )


def test_the_image_has_the_sealed_file_alone(victim: Victim, tmp_path: Path) -> None:
    saved = tmp_path / "image.tar"
    docker("save", "--output", str(saved), victim.project.image(NAME))
    check_that_all_is_sealed(in_file(victim.search, saved))


@pytest.mark.parametrize("folder", ["build", "sealed"])
def test_the_folders_have_the_sealed_file_alone(victim: Victim, folder: str) -> None:
    check_that_all_is_sealed(in_folder(victim.search, victim.project.folder / folder))


def check_that_all_is_sealed(hits: set[Hit]) -> None:
    """The ciphertext is found, which shows that the place was searched; all else is not."""
    assert {hit.canary for hit in hits} == {CIPHERTEXT}, report(hits)


def test_what_docker_tells_has_nothing(victim: Victim, called: Container) -> None:
    told = [called.docker(verb) for verb in ("logs", "inspect", "top", "diff")]
    assert "handler-error" in told[0]
    # The watchdog logs paths with their queries.
    search = victim.search.without("path", "query")
    hits = search.in_bytes("\n".join(told).encode(), "what docker tells")
    assert not hits, report(hits)


def test_the_container_has_written_nothing(victim: Victim, called: Container) -> None:
    for line in called.docker("diff").splitlines():
        kind, path = line.split(" ", 1)
        assert kind in "AC"
        copied = subprocess.run(
            ["docker", "cp", f"{called.id}:{path}", "-"], capture_output=True, check=True
        )
        hits = victim.search.in_bytes(copied.stdout, path)
        assert not hits, report(hits)


def test_memory_has_nothing_the_watchdogs_no_code(victim: Victim, called: Container) -> None:
    root = json.loads(called.docker("inspect"))[0]["State"]["Pid"]
    if not may_trace() or not Path(f"/proc/{root}").exists():
        pytest.skip("not run: it takes root on the machine where the containers run")
    proof.prove_processes()
    time.sleep(LINGER + END)
    # Requests pass through the watchdog, and it forwards their raw keys.
    through_watchdog = (*victim.plants.data, "function key", "function key as text")
    search = victim.search.without(CIPHERTEXT)
    hits = in_process(search.without(*through_watchdog), root)
    function = [pid for pid in processes(root) if pid != root]
    assert len(function) >= 3
    for pid in function:
        hits |= in_process(search, pid)
    assert not hits, report(hits)
