"""`faas-seal scan`: what it finds, where, and when it does not say that there is nothing."""

from __future__ import annotations

import base64
import gzip
import io
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


def two_files(project: Path, second: bytes) -> bytes:
    """Return a tar of which the second header is at byte 1536."""
    with tarfile.open(project / "made.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        for number, content in enumerate((secrets.token_bytes(600), second.ljust(900, b"."))):
            entry = tarfile.TarInfo(f"file{number}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
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
    os.mkfifo("pipe")
    assert "pipe is neither a file nor a folder" in run("scan", "pipe", status=2).stderr
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no docker on PATH" in run("scan", "nothing-here", status=1).stderr


@pytest.mark.parametrize("end", [2300, 1536, 1700], ids=["content", "header", "in a header"])
def test_a_tar_that_breaks_off_is_no_clean_one(project: Path, run: Run, end: int) -> None:
    (project / "cut.tar").write_bytes(two_files(project, b"")[:end])
    result = run("scan", "cut.tar", status=1)
    assert result.stdout.startswith("? cut.tar: 0 hits")
    assert "cut.tar cannot be read as a tar" in result.stderr


def test_what_a_broken_header_hides_is_found_and_the_rest_still_an_error(
    project: Path, run: Run
) -> None:
    broken = bytearray(two_files(project, gzip.compress(WORD.encode())))
    broken[1536:1540] = b"????"
    (project / "broken.tar").write_bytes(broken)
    result = run("scan", "broken.tar", status=1)
    assert "broken.tar > behind its last file" in result.stdout
    assert "breaks off at byte 1536" in result.stderr


def test_what_stands_behind_the_end_of_a_tar_is_found(project: Path, run: Run) -> None:
    (project / "more.tar").write_bytes(in_tar(project, b"nothing") + WORD.encode())
    assert "more.tar > behind its last file" in run("scan", "more.tar", status=1).stdout


def bereft(*capabilities: str) -> list[str]:
    """Return what to put before a command so that root lacks these (capabilities(7))."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) not found")
    less = ",".join(f"-{name}" for name in capabilities)
    return ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}"]


def run_bereft(capabilities: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *bereft(*capabilities),
            *(sys.executable, "-c", "from faas_seal.cli import main; main()", *arguments),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )


def test_a_folder_that_cannot_be_read_is_an_error_and_the_others_are_searched(
    project: Path,
) -> None:
    closed = project / "target" / "closed"
    closed.mkdir(mode=0o000)
    (project / "target" / "open").write_text(WORD)
    try:
        done = run_bereft(("dac_override", "dac_read_search"), "scan", "target")
    finally:
        closed.chmod(0o700)
    assert done.returncode == 1
    assert "in target/open" in done.stdout
    assert "target/closed cannot be read: Permission denied" in done.stderr


@pytest.mark.usefixtures("project")
def test_memory_that_is_closed_is_an_error_that_says_what_to_do(
    carrier: subprocess.Popen[bytes],
) -> None:
    done = run_bereft(("sys_ptrace",), "scan", f"pid:{carrier.pid}")
    assert done.returncode == 1
    assert "is closed to you" in done.stderr
    assert f"hint: as root: sudo faas-seal scan pid:{carrier.pid}" in done.stderr


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
