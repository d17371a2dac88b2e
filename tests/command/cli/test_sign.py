"""A signing key that is elsewhere: what it signs goes there and back."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_sealed.formats import bundle
from faas_sealed.formats.file import SealedFile, verify
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public
from nacl.signing import SigningKey

from tests.command.conftest import HANDLER, Run

SEED = bytes(range(32))
AUTHOR = AUTHOR_PUBLIC.encode(author_public(SEED))


def opened(project: Path) -> dict[str, bytes]:
    file = sealed(project)
    return bundle.unpack(file.bundle(file.content_key(Keystore(project).function_key("greet"), 0)))


def sealed(project: Path) -> SealedFile:
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    return verify(data, author_public(SEED))


def key_file(project: Path, seed: bytes = SEED) -> str:
    path = project.parent / f"{seed[0]}.key"
    keystore.write_author_key(path, seed)
    return str(path)


def sign(project: Path, run: Run) -> None:
    said = run("sign", "greet.unsigned", "--author-key-file", key_file(project))
    (project / "greet.signature").write_text(said.stdout)


FINISH = ("seal", "greet", "--unsigned", "greet.unsigned", "--signature", "greet.signature")


@pytest.fixture
def unsigned(project: Path, run: Run) -> Path:
    """What is to be signed of the function, which is not sealed yet."""
    run("seal", "greet", "--author", AUTHOR, "--unsigned", "greet.unsigned")
    return project / "greet.unsigned"


def test_what_is_signed_elsewhere_is_sealed_here(
    project: Path, unsigned: Path, run: Run, home: Path
) -> None:
    assert not (project / "sealed").exists()
    assert HANDLER.encode() not in unsigned.read_bytes()
    sign(project, run)
    assert "sealed into sealed/greet" in run(*FINISH, "--author", AUTHOR).stdout
    assert opened(project)["handler.py"] == HANDLER.encode()
    assert f"seal_author: {AUTHOR}" in (project / "stack.yaml").read_text()
    assert not (home / ".config").exists()
    run("seal", "greet", "--unsigned", "again.unsigned")
    assert sealed(project).header.transport is not None


def test_another_program_can_sign_the_first_two_lines(
    project: Path, unsigned: Path, run: Run
) -> None:
    lines = b"".join(unsigned.read_bytes().splitlines(keepends=True)[:2])
    signature = SigningKey(SEED).sign(lines).signature
    text = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    (project / "greet.signature").write_text(f"{text}\n")
    run(*FINISH, "--author", AUTHOR)
    assert opened(project)["handler.py"] == HANDLER.encode()


@pytest.mark.usefixtures("unsigned")
def test_whoever_signs_is_told_what(project: Path, run: Run) -> None:
    said = run("sign", "greet.unsigned", "--author-key-file", key_file(project)).stderr
    assert f"signed as {AUTHOR}: greet, content id " in said


@pytest.mark.usefixtures("unsigned")
def test_another_author_cannot_sign_it(project: Path, run: Run) -> None:
    run("sign", "greet.unsigned", "--author-key-file", key_file(project, bytes(32)), status=4)


def test_what_is_altered_is_neither_signed_nor_sealed(
    project: Path, unsigned: Path, run: Run
) -> None:
    sign(project, run)
    whole = unsigned.read_bytes()
    for at in (60, len(whole) - 1):
        unsigned.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        run(*FINISH, "--author", AUTHOR, status=4)
        run("sign", "greet.unsigned", "--author-key-file", f"{project.parent / '0.key'}", status=4)
    assert not (project / "sealed").exists()


@pytest.mark.parametrize("text", ["", "abc", "é", "A" * 86])
def test_what_is_no_signature_is_refused(
    project: Path, unsigned: Path, run: Run, text: str
) -> None:
    (project / "greet.signature").write_text(text)
    run(*FINISH, "--author", AUTHOR, status=4)
    assert unsigned.exists()
    assert not (project / "sealed").exists()


def test_what_another_author_signed_is_not_sealed_for_this_one(
    project: Path, unsigned: Path, run: Run
) -> None:
    sign(project, run)
    other = AUTHOR_PUBLIC.encode(author_public(bytes(32)))
    assert (
        f"is for another author to sign: {AUTHOR}"
        in run(*FINISH, "--author", other, status=4).stderr
    )
    assert "does not say who signs greet" in run(*FINISH, status=2).stderr
    assert unsigned.exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "words",
    [
        ("greet", "--author", AUTHOR),
        ("greet", "--signature", "x"),
        ("--author", AUTHOR, "--unsigned", "x"),
        ("greet", "--author", AUTHOR, "--unsigned", "x", "--watch"),
        ("greet", "--author", AUTHOR, "--unsigned", "x", "--author-key-env", "KEY"),
    ],
    ids=" ".join,
)
def test_half_of_what_is_needed_is_refused(run: Run, words: tuple[str, ...]) -> None:
    run("seal", *words, status=2)
