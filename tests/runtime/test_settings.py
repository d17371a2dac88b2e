"""Settings, the sealed file at the start, and the table that documents the settings."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.file import Recipient, seal
from faas_sealed.formats.keys import AUTHOR_PUBLIC, AUTHOR_SEED, TRANSPORT_SEED, author_public
from faas_sealed.settings import SECRETS, Settings, default_workers, duration

from tests.support import INDEX, PATIENCE, free_port, seal_files

SEED = b"seed of the author in this test "
AUTHOR = AUTHOR_PUBLIC.encode(author_public(SEED))
HANDLER = {"handler.py": "def handle(event, context):\n    return 'served'\n"}
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "settings.md"
DEFAULT_FILE = Path("/function/function.sealed")

GOOD = {
    "seal_file": ("/elsewhere/file", "pushed_file", Path("/elsewhere/file")),
    "seal_transport": ("greet-transport", "transport", SECRETS / "greet-transport"),
    "seal_denied": ("/elsewhere/denied", "denied", Path("/elsewhere/denied")),
    "seal_accept": ("sealed", "accept", frozenset({"sealed"})),
    "seal_discovery": ("off", "discovery", False),
    "seal_pad": ("on", "pad", True),
    "seal_audit": ("on", "audit", True),
    "seal_isolation": ("request", "isolation", "request"),
    "seal_workers": ("3", "workers", 3),
    "seal_waiting": ("4", "waiting", 4),
    "seal_readers": ("5", "readers", 5),
    "seal_burst_requests": ("6", "burst_requests", 6),
    "seal_linger": ("7ms", "linger", 0.007),
    "seal_max_body": ("8KiB", "max_body", 8192),
    "seal_stream_timeout": ("1.5h", "stream_timeout", 5400.0),
    "seal_log": ("json", "log", "json"),
    "exec_timeout": ("9", "exec_timeout", 9.0),
    "read_timeout": ("250us", "read_timeout", 0.00025),
    "upstream_url": ("http://localhost:8000", "port", 8000),
}
BAD = {
    "seal_author": ["nonsense", "fsap1_", AUTHOR[:-1], AUTHOR + "A", AUTHOR_SEED.encode(SEED)],
    "seal_isolation": ["none", "BURST", "request burst", "warm"],
    "seal_accept": ["token", "raw;sealed", "raw,"],
    "seal_discovery": ["yes", "1"],
    "seal_pad": ["yes"],
    "seal_audit": ["true"],
    "seal_workers": ["0", "-1", "1.5", "many", "1000000", "\u0661"],
    "seal_waiting": ["0", "x"],
    "seal_readers": ["0", "x"],
    "seal_burst_requests": ["00", "-1", "x"],
    "seal_linger": ["0", "0s", "-1s", "20 ms", "20msx", "ms", "1.2.3s", "501h", "\u0663s"],
    "seal_warm_ttl": ["60s", "0"],
    "seal_max_body": ["x", "32MB", "-1", "1.5MiB", "\u0661"],
    "seal_stream_timeout": ["0", "10 m"],
    "seal_log": ["xml"],
    "exec_timeout": ["-1", "thirty", "1e3"],
    "read_timeout": ["-1s", "s"],
    "upstream_url": ["127.0.0.1:5000", "https://127.0.0.1:5000", "http://", "http://x:99999"],
}


def read(**environ: str) -> Settings:
    return Settings.from_environ({"seal_author": AUTHOR, **environ}, DEFAULT_FILE)


def table() -> Iterator[tuple[str, str]]:
    """Yield name and default from the document."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert rows
    yield from rows


@pytest.mark.parametrize("name", GOOD)
def test_each_setting_is_read(name: str) -> None:
    text, member, value = GOOD[name]
    assert getattr(read(**{name: text}), member) == value
    assert getattr(read(), member) != value


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in BAD for value in BAD[name]])
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SealError) as refused:
        read(**{name: value})
    assert str(refused.value).startswith(f"{name}")
    assert "\n" not in str(refused.value)


def test_what_should_be_a_public_key_is_never_repeated() -> None:
    secret = AUTHOR_SEED.encode(SEED)
    with pytest.raises(SealError) as refused:
        read(seal_author=secret)
    assert secret not in str(refused.value)


def test_a_burst_may_have_no_bound() -> None:
    assert read(seal_burst_requests="0").burst_requests == 0


@pytest.mark.parametrize(("name", "value"), [("seal_isolation", "warm"), ("seal_warm_ttl", "60s")])
def test_what_once_kept_a_process_warm_is_refused_with_what_does_so_now(
    name: str, value: str
) -> None:
    with pytest.raises(SealError, match="seal_linger: 60s") as refused:
        read(**{name: value})
    assert str(refused.value).startswith(name)


@pytest.mark.parametrize("name", ["seal_file", "seal_transport", "seal_denied"])
def test_a_key_where_the_name_of_a_secret_should_be_is_never_repeated(name: str) -> None:
    secret = TRANSPORT_SEED.encode(SEED)
    with pytest.raises(SealError) as refused:
        read(**{name: secret})
    assert secret not in str(refused.value)


@pytest.mark.parametrize("name", GOOD)
def test_an_empty_value_is_the_default(name: str) -> None:
    assert read(**{name: ""}) == read()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("500ms", 0.5), ("1m30s", 90), ("1h", 3600), ("1.5s", 1.5), (".5s", 0.5)],
)
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1S", "1d", "one", "1s1", "0", "0s"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        duration(text)


def test_no_limit_is_one_that_nobody_reaches() -> None:
    settings = read(exec_timeout="0", read_timeout="0s")
    assert settings.exec_timeout == settings.read_timeout == 500 * 3600


def test_there_are_four_workers_for_each_cpu_and_at_least_four() -> None:
    assert read().workers == default_workers()
    assert 4 <= default_workers() <= 4 * (os.cpu_count() or 1)


def test_the_document_names_every_setting_and_no_other() -> None:
    assert {name for name, _ in table()} == {"seal_author", *GOOD}


def test_the_document_has_the_defaults() -> None:
    members = {name: member for name, (_, member, _) in GOOD.items()} | {"upstream_url": "host"}
    written = {name: default.strip("`") for name, default in table()}
    by_words = {"seal_author", "seal_file", "seal_transport", "seal_denied", "seal_workers"}
    for name, member in members.items():
        if name not in by_words:
            assert getattr(read(**{name: written[name]}), member) == getattr(read(), member)
            assert read() == read(**{name: written[name]})
    assert written["seal_workers"] == "4 for each CPU of the container, at least 4"
    assert {written[name] for name in ("seal_file", "seal_transport", "seal_denied")} == {"none"}


def start(folder: Path, stdin: int = subprocess.DEVNULL, **environ: str) -> tuple[int, str]:
    """Start the runtime, which must end by itself; return its status and what it said."""
    variables = {
        "PATH": os.environ["PATH"],
        "upstream_url": f"http://127.0.0.1:{free_port()}",
        "seal_author": AUTHOR,
        "seal_file": str(folder / "function.sealed"),
        **environ,
    }
    ended = subprocess.run(
        [sys.executable, str(INDEX)],
        env=variables,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def sealed(expires: int | None = None) -> bytes:
    file = seal_files(HANDLER, b"k" * 32, SEED)
    if expires is None:
        return file.serialise()
    return seal(
        b"bundle",
        function="tested",
        seed=SEED,
        recipients=[Recipient(b"k" * 32)],
        created=1,
        expires=expires,
    ).serialise()


FILES = {
    "missing": (None, "cannot read the sealed file"),
    "empty": (b"", "this is not a sealed file"),
    "plaintext": (b"def handle(event, context): ...\n", "this is not a sealed file"),
    "cut": (sealed()[:-1], "the ciphertext is altered"),
    "longer": (sealed() + b"x", "the ciphertext is altered"),
    "altered": (sealed()[:-1] + bytes([sealed()[-1] ^ 1]), "the ciphertext is altered"),
    "renamed": (sealed().replace(b'"tested"', b'"tasted"'), "the file is altered"),
    "foreign": (
        seal_files(HANDLER, b"k" * 32, b"another" + SEED[7:]).serialise(),
        "signed by another author",
    ),
    "expired": (sealed(expires=2), "has expired"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_does_not_verify_never_runs(kind: str, tmp_path: Path) -> None:
    data, words = FILES[kind]
    if data is not None:
        (tmp_path / "function.sealed").write_bytes(data)
    status, said = start(tmp_path)
    assert status == 1
    assert said.startswith("faas-seal: error: ")
    assert str(tmp_path / "function.sealed") in said
    assert words in said
    assert said.count("\n") == 1
    assert said.endswith("\n")


def test_a_bad_setting_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "function.sealed").write_bytes(sealed())
    assert start(tmp_path, seal_isolation="none") == (
        1,
        "faas-seal: error: seal_isolation is 'none': expected burst or request\n",
    )
    status, said = start(tmp_path, seal_author="")
    assert (status, said.count("\n")) == (1, 1)
    assert "seal_author is not set" in said


def test_an_address_that_is_taken_ends_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "function.sealed").write_bytes(sealed())
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        status, said = start(tmp_path, upstream_url=f"http://127.0.0.1:{port}")
    assert status == 1
    assert said == (
        f"faas-seal: error: cannot listen on 127.0.0.1:{port} (upstream_url): "
        "Address already in use\n"
    )
