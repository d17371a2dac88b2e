"""Every function of the stack file, sealed, served and called as its page says."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.command.serving.conftest import LocalRun, Project

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "function-samples"
NAMES = sorted(page.parent.name for page in SAMPLES.glob("*/README.md"))
# Two of them have requirements of their own, which are installed first.
INSTALL_SECONDS = 300.0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("samples")
    shutil.copy(ROOT / "stack.yml", folder)
    shutil.copytree(SAMPLES, folder / "function-samples")
    return Project(folder)


@pytest.fixture(scope="module")
def served(project: Project) -> Iterator[LocalRun]:
    """All of them, behind one local gateway."""
    project.seal()
    with project.serving(patience=INSTALL_SECONDS) as served:
        yield served


def page(name: str) -> tuple[str, str]:
    """Return the command of a sample's page that calls it, and what the page says comes."""
    block = re.findall(r"```\n(.*?)```", (SAMPLES / name / "README.md").read_text(), re.DOTALL)[0]
    seal, serve, call, answer = block.split("\n", 3)
    assert seal == f"faas-seal seal {name}"
    assert serve == f"faas-seal local-run {name} &"
    return call, answer


def test_there_is_a_page_for_each_function_of_the_stack_file() -> None:
    functions = re.findall(r"^  (\w+):$", (ROOT / "stack.yml").read_text(), re.MULTILINE)
    assert sorted(functions) == NAMES
    overview = (SAMPLES / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[(\w+)\]", overview, re.MULTILINE)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_answers_as_its_page_says(served: LocalRun, project: Project, name: str) -> None:
    call, answer = page(name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", call],
        cwd=project.folder,
        env={
            **project.variables,
            "PATH": path,
            "OPENFAAS_URL": f"http://127.0.0.1:{served.port}",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == answer.strip(), done.stderr


@pytest.mark.parametrize(
    ("kind", "age", "status", "text"),
    [
        ("payment.refunded", 0, 202, '{"action":"unbook","id":"evt_1"}'),
        ("customer.created", 0, 204, ""),
        ("payment.refunded", 3600, 401, '{"error":"the event is too old"}'),
    ],
)
def test_a_signed_event_is_taken_if_it_is_new(
    served: LocalRun, kind: str, age: int, status: int, text: str
) -> None:
    sys.path.insert(0, str(SAMPLES))
    try:
        from webhook.signature import sign
    finally:
        sys.path.remove(str(SAMPLES))
    body = json.dumps({"id": "evt_1", "type": kind}).encode()
    signed = {"X-Signature": sign(body, time.time() - age)}
    answer = served.call("", body, signed, name="webhook")
    assert (answer.status, answer.text.strip()) == (status, text)


def test_a_license_is_issued_and_checked(served: LocalRun) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    issued = served.call("/issue", b"customer=Ada&edition=team", form, name="licensing")
    assert issued.status == 200
    checked = served.call(f"/check?code={issued.text.strip()}", name="licensing", method="GET")
    assert checked.json()["customer"] == "Ada"
    assert checked.json()["valid"] is True


def test_a_picture_becomes_a_thumbnail(served: LocalRun) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(picture, "JPEG")
    answer = served.call("?size=60", picture.getvalue(), name="thumbnail")
    assert answer.header("Content-Type") == "image/png"
    assert Image.open(io.BytesIO(answer.body)).size == (60, 40)


def test_events_have_the_type_of_a_stream(served: LocalRun) -> None:
    answer = served.call("?series=1,2,3&steps=4", name="ticker", method="GET")
    assert answer.header("Content-Type") == "text/event-stream"
    assert answer.text.count("data: {") == 4
