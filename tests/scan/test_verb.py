"""`faas-seal scan`: what it finds, where, and when it does not say that there is nothing."""

from __future__ import annotations

import base64
import gzip
import json
import marshal
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..command.conftest import Run
from ..openfaas import programs

WORD = "the answer of the model is seventeen"
HANDLER = f'''\
FACTOR = "{WORD}"


def handle(event, context):
    return {{"statusCode": 200, "body": FACTOR}}
'''


@pytest.fixture
def project(project: Path) -> Path:
    """The project with a constant that is worth hiding, and an empty folder."""
    (project / "greet" / "handler.py").write_text(HANDLER)
    (project / "greet" / "requirements.txt").write_text("# nothing that is worth hiding\n")
    (project / "target").mkdir()
    return project


def in_tar(project: Path, content: bytes, name: str = "app/file") -> bytes:
    inner = project / "inner"
    inner.write_bytes(content)
    with tarfile.open(project / "made.tar", "w") as archive:
        archive.add(inner, name)
    return (project / "made.tar").read_bytes()


def as_image(project: Path, word: bytes) -> bytes:
    return in_tar(project, in_tar(project, word), "blobs/layer")


def as_compressed_image(project: Path, word: bytes) -> bytes:
    return in_tar(project, gzip.compress(in_tar(project, word)), "blobs/layer")


def as_zip(project: Path, word: bytes) -> bytes:
    with zipfile.ZipFile(project / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("file", word)
    return (project / "made.zip").read_bytes()


def as_bytecode(_: Path, word: bytes) -> bytes:
    return marshal.dumps(compile(f"def f(): return {word.decode()!r}", "f", "exec"))


@pytest.mark.parametrize(
    "hide",
    [
        lambda _, word: word,
        lambda _, word: base64.b64encode(b"x" + word),
        lambda _, word: word.hex().encode(),
        lambda _, word: word.decode().encode("utf-16"),
        lambda _, word: gzip.compress(word),
        as_zip,
        as_bytecode,
        as_image,
        as_compressed_image,
    ],
    ids=["plain", "base64", "hex", "UTF-16", "gzip", "zip", "bytecode", "image", "packed image"],
)
def test_a_constant_is_found_wherever_it_lies(
    project: Path, run: Run, hide: Callable[[Path, bytes], bytes]
) -> None:
    path = project / "target" / "innocent"
    path.write_bytes(hide(project, WORD.encode()))
    for target in ("target", "target/innocent"):
        said = run("scan", target, status=1).stdout
        assert said.startswith(f"✗ {target}: ")
        assert "greet/handler.py:1 (constant)" in said
        assert "target/innocent" in said


@pytest.mark.usefixtures("project")
def test_where_nothing_is_the_status_is_0(run: Run) -> None:
    run("seal")
    assert run("scan", "sealed", "stack.yaml").stdout.startswith("✓ sealed: 0 hits, of ")


def test_only_what_is_nobody_elses_is_looked_for(project: Path, run: Run) -> None:
    (project / "greet" / "handler.py").write_text(
        HANDLER + 'TYPE = "application/x-www-form-urlencoded"\nraise NotImplementedError\n'
    )
    library = Path(json.__file__).parent
    run("scan", str(library), str(Path(programs.__file__).parents[2] / "template"))


def test_a_function_key_is_found_and_not_shown(project: Path, run: Run) -> None:
    run("seal")
    text = next(
        line
        for line in (project / ".faas-seal" / "greet.key").read_text().splitlines()
        if line.startswith("fsk1_")
    )
    (project / "target" / "log").write_text(f"X-Function-Key: {text}")
    said = run("scan", "target", status=1).stdout
    assert "the function key " in said
    assert text not in said


def test_another_source_can_be_named(project: Path, run: Run) -> None:
    other = project / "other"
    shutil.copytree(project / "greet", other)
    (other / "handler.py").write_text(HANDLER.replace(WORD, "quite another secret word"))
    (project / "target" / "file").write_text("quite another secret word")
    run("scan", "target")
    assert "other/handler.py:1" in run("scan", "target", "--source", "other", status=1).stdout


def test_programs_read_json(project: Path, run: Run) -> None:
    (project / "target" / "file").write_text(WORD)
    result = json.loads(run("scan", "target", "--json", status=1).stdout)
    assert result["needles"] > 1
    assert {
        "place": "target/file",
        "canary": "greet/handler.py:1 (constant)",
        "form": "bytes",
    } in result["hits"]


@pytest.fixture
def carrier() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has its standard input in its memory."""
    program = "import sys; word = sys.stdin.readline(); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read other processes' memory")
@pytest.mark.parametrize(("word", "status"), [(WORD, 1), (secrets.token_hex(20), 0)])
@pytest.mark.usefixtures("project")
def test_the_memory_of_a_process_is_searched(
    run: Run, carrier: subprocess.Popen[bytes], word: str, status: int
) -> None:
    assert carrier.stdin is not None
    assert carrier.stdout is not None
    carrier.stdin.write(f"{word}\n".encode())
    carrier.stdin.flush()
    carrier.stdout.readline()
    run("scan", f"pid:{carrier.pid}", status=status)


@pytest.mark.usefixtures("project")
def test_what_is_no_target_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no process" in run("scan", "pid:4194305", status=2).stderr
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no docker on PATH" in run("scan", "nothing-here", status=1).stderr


def test_a_tar_that_breaks_off_is_no_clean_one(project: Path, run: Run) -> None:
    (project / "cut.tar").write_bytes(in_tar(project, secrets.token_bytes(5000))[:3000])
    assert "cannot be read as a tar" in run("scan", "cut.tar", status=1).stderr


def test_without_a_source_there_is_nothing_to_look_for(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no source to look for" in run("scan", str(project), status=2).stderr


def test_an_image_that_docker_has(project: Path, run: Run) -> None:
    found = programs.find()
    if isinstance(found, str):
        pytest.skip(found)
    image = f"faas-seal-test-scan-{secrets.token_hex(6)}"
    for content, status in ((b"nothing", 0), (WORD.encode(), 1)):
        (project / "target" / "file").write_bytes(content)
        (project / "target" / "Dockerfile").write_text("FROM scratch\nCOPY file /app/file\n")
        build = ["docker", "build", "--quiet", "--tag", image, "target"]
        subprocess.run(build, check=True, capture_output=True)
        try:
            said = run("scan", image, status=status).stdout
        finally:
            subprocess.run(["docker", "rmi", "--force", image], check=True, capture_output=True)
        assert ("app/file" in said) == bool(status)
