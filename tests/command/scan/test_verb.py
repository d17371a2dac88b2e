"""`faas-seal scan`: what it finds, where, and when it does not say that there is nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import marshal
import os
import pty
import secrets
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from faas_seal.project.keystore import author_seed
from faas_seal.scan import compressed as streams
from faas_seal.scan.compressed import ZSTANDARD
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    author_public,
    key_id,
)

from tests.command.conftest import Run
from tests.openfaas import programs
from tests.support import FAAS_SEAL, has_ended, wait_until

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


def as_zip(project: Path, word: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(project / "made.zip", "w", method) as archive:
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
        lambda _, word: base64.encodebytes(bytes(38) + word),
        lambda _, word: gzip.compress(word),
        lambda _, word: bz2.compress(word),
        lambda _, word: lzma.compress(word),
        as_zip,
        lambda project, word: as_zip(project, word, zipfile.ZIP_LZMA),
        as_bytecode,
        as_image,
        as_compressed_image,
        lambda project, word: bz2.compress(as_image(project, word)),
    ],
    ids=[
        *("plain", "base64", "hex", "UTF-16", "base64 in lines", "gzip", "bzip2", "xz", "zip"),
        *("zip with LZMA", "bytecode", "image", "image of packed layers", "packed image"),
    ],
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


def test_keys_that_are_not_the_projects_are_found_and_not_shown(project: Path, run: Run) -> None:
    key, seed = secrets.token_bytes(32), secrets.token_bytes(32)
    texts = FUNCTION_KEY.encode(key), AUTHOR_SEED.encode(seed)
    (project / "target" / texts[0]).write_text(f"X-Function-Key: {texts[0]}\n{texts[1]}\n")
    for option in ((), ("--json",)):
        result = run("scan", "target", *option, status=1)
        assert f"the function key {key_id(key)}" in result.stdout
        assert f"the author's signing key of {AUTHOR_PUBLIC.encode(author_public(seed))}" in (
            result.stdout
        )
        assert not any(text in result.output for text in texts)


def test_the_authors_key_is_found_as_bytes_too(project: Path, run: Run) -> None:
    run("keygen", "--author")
    (project / "target" / "file").write_text(author_seed().hex())
    assert "the bytes of the author's signing key" in run("scan", "target", status=1).stdout


@pytest.mark.parametrize(
    ("source", "leak", "said"),
    [
        ('{\n"uk": 1.13,\n"fr": 0.97,\n"de": 1.02\n}\n', None, "greet/rates.json:1 (lines)"),
        ("async def prices_of_this_month(): ...", "prices_of_this_month", "rates.py:1 (name)"),
        ('{"a hidden rate of x": 1}', "'a hidden rate of x'", "greet/rates.json:1 (string)"),
        ("class PricesOfThisMonth: ...", "PricesOfThisMonth", "rates.py:1 (name)"),
        ('X = b"a rate of bytes 1.13"', "a rate of bytes 1.13", "rates.py:1 (constant)"),
        (
            'X = ["a rate of 1.13 for x", "a rate of 0.97 for y"]',
            "a rate of 0.97 for y",
            "rates.py:1 (constant 2)",
        ),
        ("X = '" + "rate " * 9000 + "'", "rate " * 9000, "rates.py:1 (constant)"),
    ],
    ids=["short lines", "coroutine", "JSON", "class", "bytes", "second constant", "long constant"],
)
def test_what_is_looked_for_of_a_source(
    project: Path, run: Run, source: str, leak: str | None, said: str
) -> None:
    name = "rates.json" if "rates.json" in said else "rates.py"
    (project / "greet" / name).write_text(source)
    (project / "target" / "file").write_text(leak or source)
    assert said in run("scan", "target", status=1).stdout


def test_the_name_of_a_module_is_found_in_that_of_its_bytecode(project: Path, run: Run) -> None:
    (project / "greet" / "prices_of_this_month.py").write_text("")
    (project / "target" / "prices_of_this_month.cpython-312.pyc").touch()
    said = run("scan", "target", status=1).stdout
    assert "the name of prices_of_this_month.py as bytes in the name of target/" in said


def test_a_source_without_anything_to_look_for_does_not_keep_the_others(
    project: Path, run: Run
) -> None:
    (project / "tiny").mkdir()
    (project / "tiny" / "handler.py").write_text("def handle(e, c): 1\n")
    (project / "target" / "file").write_text(WORD)
    said = run("scan", "target", "--source", "tiny", "--source", "greet", status=1)
    assert "warning: tiny has nothing in it" in said.stderr
    assert "greet/handler.py:1 (constant)" in said.stdout
    refused = run("scan", "target", "--source", "tiny", status=2).stderr
    assert "the source is too short to be recognised" in refused


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
@pytest.mark.parametrize(
    ("word", "status"),
    [
        (WORD, 1),
        (secrets.token_hex(20), 0),
        # The runtime warms up with a key of no function.
        (FUNCTION_KEY.encode(secrets.token_bytes(32)), 0),
    ],
    ids=["source", "something else", "a key of nothing"],
)
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read other processes' memory")
def test_a_function_key_in_memory_is_found(
    project: Path, run: Run, carrier: subprocess.Popen[bytes]
) -> None:
    run("seal")
    text = (project / ".faas-seal" / "greet.key").read_text().splitlines()[-1]
    assert carrier.stdin is not None
    assert carrier.stdout is not None
    carrier.stdin.write(f"{text}\n".encode())
    carrier.stdin.flush()
    carrier.stdout.readline()
    result = run("scan", f"pid:{carrier.pid}", status=1)
    assert "the function key " in result.stdout
    assert text not in result.output


@pytest.mark.usefixtures("project")
def test_what_is_no_target_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no process" in run("scan", "pid:4194305", status=2).stderr
    assert "hint: pid:NUMBER" in run("scan", "pid:1x", status=2).stderr
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


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("inner", [False, True], ids=["a file", "in a tar"])
def test_a_stream_that_breaks_off_is_no_clean_one(
    project: Path, run: Run, pack: Callable[[bytes], bytes], inner: bool
) -> None:
    cut = pack(secrets.token_bytes(5000))[:-100]
    (project / "target" / "file").write_bytes(in_tar(project, cut) if inner else cut)
    assert "is damaged or cut off" in run("scan", "target", status=1).stderr


def test_a_folder_without_anything_is_no_clean_one(project: Path, run: Run) -> None:
    assert "nothing in target to search" in run("scan", "target", status=1).stderr
    assert project.is_dir()


@pytest.mark.usefixtures("project")
def test_a_process_that_has_ended_is_no_clean_one(run: Run) -> None:
    ended = subprocess.Popen(["true"])
    wait_until(lambda: has_ended(ended.pid), "it has ended")
    assert f"process {ended.pid} has ended" in run("scan", f"pid:{ended.pid}", status=1).stderr
    ended.wait()


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
            *FAAS_SEAL,
            *arguments,
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


def test_what_is_compressed_in_an_unknown_way_is_an_error(project: Path, run: Run) -> None:
    (project / "target" / "a.zst").write_bytes(ZSTANDARD + secrets.token_bytes(100))
    zipped = bytearray(as_zip(project, WORD.encode()))
    zipped[8:10] = (93).to_bytes(2, "little")
    (project / "target" / "b.zip").write_bytes(zipped)
    result = run("scan", "target", "--json", status=1)
    unread = json.loads(result.stdout)["unread"]
    assert ["Zstandard" in unread[0], "93" in unread[1], len(unread)] == [True, True, 2]
    assert "target/a.zst is compressed with Zstandard" in result.stderr
    assert "target/b.zip" in result.stderr


def test_without_a_source_there_is_nothing_to_look_for(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there is no source to look for" in run("scan", str(project), status=2).stderr


def test_an_image_that_docker_has(project: Path, run: Run) -> None:
    if reason := programs.no_docker():
        pytest.skip(reason)
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


def test_what_docker_does_not_save_to_its_end_is_an_error(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Docker itself cannot be made to fail halfway.
    saved = in_tar(project, WORD.encode(), "first")
    (project / "saved.tar").write_bytes(saved[: saved.index(WORD.encode()) + 512])
    (project / "programs").mkdir()
    docker = project / "programs" / "docker"
    docker.write_text(
        '#!/bin/sh\n[ "$1" = image ] && exit 0\ncat saved.tar\necho disk on fire >&2\nexit 1\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:{os.environ['PATH']}")
    result = run("scan", "an/image:latest", status=1)
    assert "in an/image:latest > first" in result.stdout
    assert "docker save an/image:latest failed: disk on fire" in result.stderr


def test_a_search_that_takes_long_shows_how_far_it_is_on_a_terminal_only(project: Path) -> None:
    with (project / "target" / "large").open("wb") as large:
        large.truncate(400_000_000)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    command = [*FAAS_SEAL, "scan", "target", "--json"]
    ours, terminal = pty.openpty()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # Linux's way to say that nobody has the terminal any more
            while piece := os.read(ours, 1000):
                shown += piece
        os.close(ours)
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["hits"] == []
    assert b"searching" in shown
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert done.stderr == b""


@pytest.mark.usefixtures("project")
def test_a_search_that_cannot_find_does_not_say_that_there_is_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_STREAMS", {})
    result = run("scan", "target", status=1)
    assert "the search does not find" in result.stderr
    assert not result.stdout
