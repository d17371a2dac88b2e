"""Keys as editors, shells and mounts hand them over: taken, or refused for what they are."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from faas_seal import AuthorKey, FunctionKey, Identity, InsecureKeyFile, TransportKey
from faas_seal.errors import MalformedKeyFile, WrongKindOfKey
from faas_seal.project import keystore
from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    AUTHOR_SEED,
    FUNCTION_KEY,
    IDENTITY_PUBLIC,
    IDENTITY_SEED,
    SESSION,
    TRANSPORT_SEED,
    TextForm,
    key_id,
)
from faas_sealed.formats.transport import serialise_transport_secret

from tests.command.conftest import Run

KEY = bytes(range(32))
TEXT = FUNCTION_KEY.encode(KEY)

TAKEN = {
    "a byte-order mark": f"\ufeff{TEXT}\n".encode(),
    "UTF-16 of PowerShell": f"{TEXT}\r\n".encode("utf-16"),
    "UTF-16, big-endian": f"\ufeff{TEXT}\n".encode("utf-16-be"),
    "UTF-16 without a mark": f"# mine\r\n{TEXT}\r\n".encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "single quotes": f"'{TEXT}'\n".encode(),
    "double quotes": f'"{TEXT}"'.encode(),
    "quotes of a word processor": f"“{TEXT}”\n".encode(),
    "an address": f"<{TEXT}>\n".encode(),
    "spaces that nobody sees": f"\u00a0{TEXT}\u200b \n".encode(),
    "a comment behind it": f"{TEXT}  # Ada's\n".encode(),
    "a line end that is spelled out": f"'{TEXT}\\n'".encode(),
    "a broken line": f"{TEXT[:30]}\r\n{TEXT[30:]}\n".encode(),
    "a comment in another encoding": f"# Jürgen\n{TEXT}\n".encode("utf-16"),
}

REFUSED = {
    "nothing": (b"", "holds 0 keys, expected one"),
    "a comment": (b"# my key\n", "holds 0 keys, expected one"),
    "two keys": (f"{TEXT}\n{TEXT}\n".encode(), "holds 2 keys, expected one"),
    "a name": (f'export GREET_KEY="{TEXT}"\n'.encode(), "it has its name, GREET_KEY"),
    "a header": (f"X-Function-Key: {TEXT}\n".encode(), "it has its name, X-Function-Key"),
    "a name in YAML": (f"key: {TEXT}\n".encode(), "it has its name, key"),
    "half a quote": (f'"{TEXT}\n'.encode(), "a quotation mark on one side"),
    "a path": (b"/run/secrets/greet.key\n", "this is the path of a file"),
    "base64": (base64.b64encode(f"{TEXT}\n".encode()), "this is one in base64"),
    "an id": (f"{key_id(KEY)}\n".encode(), "an id, which opens nothing"),
    "raw bytes": (os.urandom(31) + b"\xff", "holds no key: it is not text"),
    "a token": (b"fsx1_AAAA\n", "a key token, which is for one request"),
    "a trace": (b"fse1_AAAA\n", "a sealed trace"),
    "a sealed file": (b"faas-seal/v1\n{}\n", "a sealed file"),
    "a private key": (b"-----BEGIN PRIVATE KEY-----\nAAAA\n", "a key of another program"),
    "a key of SSH": (b"ssh-ed25519 AAAA me@host\n", "a key of another program"),
    "a damaged key": (f"{TEXT[:-1]}_\n".encode(), "damaged"),
    "a signing key": (AUTHOR_SEED.encode(KEY).encode(), "holds an author's signing key"),
    "an identity": (IDENTITY_SEED.encode(KEY).encode(), "holds an identity"),
    "a transport secret": (
        serialise_transport_secret("greet", [KEY, KEY]).encode(),
        "holds a transport secret",
    ),
}

# The places that a key comes from: each gets bytes, and returns the options that name them.
Place = Callable[[bytes], list[str]]


@pytest.fixture(params=["file", "command", "variable"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)

    def give(data: bytes) -> list[str]:
        path = tmp_path / "given.key"
        path.write_bytes(data)
        path.chmod(0o600)
        if request.param == "file":
            return ["--key-file", "given.key"]
        if request.param == "command":
            return ["--key-command", f"cat {path}"]
        try:
            monkeypatch.setenv("GREET_KEY", data.decode())
        except ValueError:
            pytest.skip("no variable can hold this")
        return ["--key-env", "GREET_KEY"]

    return give


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN.keys())
def test_what_stands_around_a_key_does_not_count(run: Run, place: Place, data: bytes) -> None:
    assert run("header", "greet", *place(data)).stdout == f"X-Function-Key: {TEXT}\n"


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_key_is_refused_for_what_it_is(
    run: Run, place: Place, data: bytes, message: str
) -> None:
    result = run("header", "greet", *place(data), status=3)
    assert message in result.stderr
    assert "hint: " in result.stderr
    assert "ls -l" not in result.stderr
    assert TEXT[5:30] not in result.output


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN.keys())
def test_standard_input_is_read_as_files_are(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("header", "greet", "--key-file", "-", input=data)
    assert result.stdout == f"X-Function-Key: {TEXT}\n"


@pytest.mark.parametrize(
    ("form", "options", "hint"),
    [
        (IDENTITY_SEED, ["header", "greet", "--key-file"], "--identity"),
        (AUTHOR_SEED, ["header", "greet", "--key-file"], ".faas-seal/NAME.key"),
        (FUNCTION_KEY, ["seal", "greet", "--author-key-file"], "--key-file"),
        (AUTHOR_SEED, ["verify", "greet", "--author"], "seal_author"),
        (IDENTITY_SEED, ["seal", "greet", "--to"], "faas-seal keygen --identity prints"),
        (FUNCTION_KEY, ["seal", "greet", "--to"], "faas-seal keygen --identity"),
        (TRANSPORT_SEED, ["seal", "greet", "--transport-key"], "inspect NAME"),
    ],
)
def test_a_key_of_another_kind_is_told_where_it_belongs(
    project: Path, run: Run, form: TextForm, options: list[str], hint: str
) -> None:
    run("seal")
    path = project / "given.key"
    path.write_text(f"# a comment\n{form.encode(KEY)}\n")
    path.chmod(0o600)
    error, told = run(*options, "given.key", status=3).stderr.splitlines()
    assert " holds a" in error
    assert ", expected a" in error
    assert told.startswith("hint: ")
    assert hint in told


def test_public_keys_are_taken_as_secret_ones_are(project: Path, run: Run) -> None:
    run("seal")
    author = keystore.known_author()
    assert author is not None
    (project / "author.pub").write_text(f"'{AUTHOR_PUBLIC.encode(author)}'\r\n", "utf-16")
    run("verify", "greet", "--author", "author.pub")
    ada, eve = (PrivateKey(bytes([n]) * 32).public for n in (1, 2))
    (project / "team.keys").write_text(
        f"{IDENTITY_PUBLIC.encode(ada)}  # Ada\r\n# Eve\r\n'{IDENTITY_PUBLIC.encode(eve)}'\r\n",
        "utf-16",
    )
    assert "opens for Ada (" in (said := run("seal", "--to", "team.keys").stdout)
    assert ", Eve (" in said


# Files that others can read.


def test_a_key_that_others_can_read_is_refused_with_a_way_that_works(
    project: Path, run: Run
) -> None:
    path = project / "given.key"
    path.write_text(f"{TEXT}\n")
    path.chmod(0o644)
    refused = run("header", "greet", "--key-file", "given.key", status=3).stderr
    assert "other users can read given.key (mode 0644)" in refused
    way = refused.partition("hint: ")[2].strip()
    subprocess.run(way, shell=True, check=True)  # noqa: S602
    run("header", "greet", "--key-file", "given.key")


def mounted_read_only(path: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell, for which the folder at `path` is mounted read-only."""
    mount = f"mount --bind {path} {path} && mount -o remount,ro,bind {path}"
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    return subprocess.run(
        [*inside, f"{mount} || exit 99; {command}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not on PATH")
@pytest.mark.parametrize("mode", [0o444, 0o644, 0o440])
def test_a_key_on_a_read_only_mount_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    """As secrets are mounted in containers."""
    monkeypatch.chdir(tmp_path)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "greet").write_text(TEXT)
    (secrets / "greet").chmod(mode)
    header = f"{sys.executable} -c 'from faas_seal.cli import main; main()' header greet"
    done = mounted_read_only(secrets, f"{header} --key-file {secrets / 'greet'}")
    if done.returncode == 99:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert done.stdout == f"X-Function-Key: {TEXT}\n", done.stderr
    read = f"import faas_seal; print(faas_seal.FunctionKey.from_file({str(secrets / 'greet')!r}))"
    assert mounted_read_only(secrets, f'{sys.executable} -c "{read}"').returncode == 0


def test_what_is_not_ones_own_to_change_has_another_way(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    path = project / "given.key"
    path.write_text(f"{TEXT}\n")
    path.chmod(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    refused = run("header", "greet", "--key-file", "given.key", status=3).stderr
    assert "and it is not yours to change" in refused
    way, _, other = refused.partition("hint: ")[2].partition(", and name that file; or ")
    subprocess.run(way, shell=True, check=True)  # noqa: S602
    copy = home / "name.key"
    os.chown(copy, 12345, -1) if os.getuid() == 0 else None
    assert run("header", "greet", "--key-file", str(copy)).stdout.startswith("X-Function-Key")
    assert "--key-file - (or --author-key-file -) < given.key" in other
    run("header", "greet", "--key-file", "-", input=path.read_text())


# In Python.


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (FunctionKey, FUNCTION_KEY),
        (AuthorKey, AUTHOR_SEED),
        (Identity, IDENTITY_SEED),
        (TransportKey, TRANSPORT_SEED),
    ],
)
def test_a_key_in_python_is_its_text_alone_and_the_error_says_so(
    kind: type[FunctionKey | AuthorKey | Identity | TransportKey], form: TextForm
) -> None:
    text = form.encode(KEY)
    for given in (f"'{text}'", f'"{text}"\n', f" {text}", f"\ufeff{text}"):
        with pytest.raises(MalformedKey, match="has something around it") as caught:
            kind(given)
        assert text not in str(caught.value)
        assert kind(given.strip().strip("\ufeff\"'")) == kind(text)
        assert ".strip()" in caught.value.hint


def test_errors_know_the_file_and_the_kinds(tmp_path: Path) -> None:
    path = tmp_path / "given.key"
    path.write_text(SESSION.encode(KEY))
    path.chmod(0o600)
    with pytest.raises(WrongKindOfKey) as caught:
        FunctionKey.from_file(path)
    assert (caught.value.path, caught.value.expected, caught.value.found) == (
        path,
        "fsk1_",
        "fss1_",
    )
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(MalformedKeyFile, match="it is not text"):
        FunctionKey.from_file(path)
    path.chmod(0o644)
    with pytest.raises(InsecureKeyFile) as insecure:
        FunctionKey.from_file(path)
    assert insecure.value.changeable


# Transport secrets, which functions read, too.


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_transport_secret_that_no_function_takes_is_refused_with_a_way_that_works(
    project: Path, run: Run, encoding: str
) -> None:
    run("seal")
    path = project / ".secrets" / "greet-transport"
    before = path.read_text()
    path.write_text(before, encoding)
    (project / "greet" / "handler.py").write_text("def handle(event, context): return 1\n")
    refused = run("seal", status=3).stderr
    assert ".secrets/greet-transport" in refused
    assert "a function takes its transport secret only in ASCII" in refused
    subprocess.run(refused.partition("hint: ")[2], shell=True, check=True)  # noqa: S602
    assert path.read_text("ascii") == before
    run("seal")
