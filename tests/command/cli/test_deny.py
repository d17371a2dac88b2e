"""`faas-seal deny`: which ids it writes, and what it says to do."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from faas_seal.project.keystore import Keystore
from faas_seal.project.stackfile import StackFile
from faas_sealed.formats.file import claimed_author, verify
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import IDENTITY_PUBLIC, identity_id, key_id

from tests.command.conftest import Run

deny_command = import_module("faas_seal.cli.deny")  # the package has the command of that name
ADA, BOB = (PrivateKey(bytes([number]) * 32) for number in (1, 2))


def denied(project: Path, run: Run) -> set[str]:
    """Return the ids that are denied, as listed; they are those of the secret."""
    listed = run("deny", "greet").stdout.split()
    lines = (project / ".secrets" / "greet-denied").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == listed
    return set(listed)


def keys_of(project: Path, identity: PrivateKey) -> set[str]:
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    slots = verify(data, claimed_author(data)).header.slots
    return {slot.id for slot in slots if slot.to and slot.to.id == identity_id(identity.public)}


def key_of_ada(project: Path) -> str:
    (id,) = keys_of(project, ADA)
    return id


@pytest.fixture
def sealed(project: Path, run: Run) -> Path:
    """The function, sealed for Ada too."""
    (project / "team.keys").write_text(f"# Ada\n{IDENTITY_PUBLIC.encode(ADA.public)}\n")
    run("seal", "--to", "team.keys")
    return project


def test_a_key_is_denied_by_a_secret_that_the_function_gets(sealed: Path, run: Run) -> None:
    id = key_id(Keystore(sealed).function_key("greet"))
    said = run("deny", "greet", id)
    assert "faas-seal up greet" in said.stderr
    assert "local-run takes the secret by itself" in said.stderr
    assert "stays readable to whoever could read it" in said.stderr
    assert denied(sealed, run) == {id}
    function = StackFile.load(sealed / "stack.yaml").function("greet")
    assert set(function.secrets) == {"greet-transport", "greet-denied"}
    assert function.environment["seal_denied"] == "greet-denied"
    again = run("deny", "greet", "0123456789abcdef").stderr
    assert "faas-cli secret create greet-denied --from-file .secrets/greet-denied" in again
    assert "local-run takes the secret by itself" in again
    assert denied(sealed, run) == {id, "0123456789abcdef"}


@pytest.mark.parametrize(
    "word", ["Ada", identity_id(ADA.public), IDENTITY_PUBLIC.encode(ADA.public)]
)
def test_a_recipient_goes_by_name_id_or_key(sealed: Path, run: Run, word: str) -> None:
    run("deny", "greet", word)
    assert denied(sealed, run) == {key_of_ada(sealed)}
    run("deny", "greet", word)
    assert denied(sealed, run) == {key_of_ada(sealed)}


def test_whoever_is_allowed_again_leaves_no_trace(sealed: Path, run: Run) -> None:
    run("deny", "greet", "0123456789abcdef")
    path = sealed / ".secrets" / "greet-denied"
    path.write_text(path.read_text() + "# of the audit in May\nfedcba9876543210\n")
    before = path.read_text()
    run("deny", "greet", "Ada")
    run("deny", "greet", "--allow", "Ada")
    assert path.read_text() == before
    assert "is not denied" in run("deny", "greet", "--allow", "Ada", status=2).stderr


@pytest.mark.parametrize("word", ["Eve", "0123", "fsip1_x"])
def test_what_is_no_key_id_is_refused(sealed: Path, run: Run, word: str) -> None:
    run("deny", "greet", word, status=3 if word.startswith("fsip1_") else 2)
    assert not (sealed / ".secrets" / "greet-denied").exists()


@pytest.mark.usefixtures("sealed")
def test_an_identity_that_nothing_is_sealed_to_is_not_taken_for_a_key(run: Run) -> None:
    identity = identity_id(PrivateKey(bytes(32)).public)
    said = run("deny", "greet", identity, status=2).stderr
    assert f"nothing is sealed to the identity {identity}" in said
    assert "hint: faas-seal inspect" in said
    public = IDENTITY_PUBLIC.encode(PrivateKey(bytes(32)).public)
    assert f"the identity {identity}" in run("deny", "greet", public, status=2).stderr
    assert "neither a key id nor a recipient" in run("deny", "greet", "f" * 20, status=2).stderr


@pytest.mark.usefixtures("sealed")
def test_nobody_is_denied_unless_somebody_is(run: Run) -> None:
    assert run("deny", "greet").stdout == ""
    run("deny", "nobody", status=2)


OTHER = "0123456789abcdef"


def rename(project: Path, name: str) -> None:
    """Give all recipients a name, as an older version has let them have it."""
    path = Keystore(project).terms_path("greet")
    path.write_text(path.read_text().replace('"name": "Ada"', f'"name": "{name}"'))


def test_a_recipient_who_is_called_like_a_key_is_not_denied_in_its_place(
    sealed: Path, run: Run
) -> None:
    own = key_id(Keystore(sealed).function_key("greet"))
    rename(sealed, own)
    assert f"denied {own}\n" in run("deny", "greet", own).stdout
    assert denied(sealed, run) == {own}


def test_a_recipient_who_is_called_like_an_identity_is_not_denied_in_its_place(
    sealed: Path, run: Run
) -> None:
    bob = identity_id(BOB.public)
    run("seal", "--to", IDENTITY_PUBLIC.encode(BOB.public))
    rename(sealed, bob)
    run("deny", "greet", bob.upper())
    assert denied(sealed, run) == keys_of(sealed, BOB)
    run("seal", "--drop", bob)
    assert keys_of(sealed, ADA)
    assert not keys_of(sealed, BOB)


def test_all_recipients_of_one_name_are_denied(sealed: Path, run: Run) -> None:
    (sealed / "more.keys").write_text(f"{IDENTITY_PUBLIC.encode(BOB.public)} # Ada\n")
    run("seal", "--to", "more.keys")
    both = keys_of(sealed, ADA) | keys_of(sealed, BOB)
    said = run("deny", "greet", "Ada")
    assert "Ada is the name of several recipients, and means all of them" in said.stderr
    for id in both:
        assert f"denied {id}, of Ada, identity " in said.stdout
    assert denied(sealed, run) == both
    said = run("deny", "greet", "--allow", "Ada")
    assert all(f"allowed {id}, of Ada" in said.stdout for id in both)
    assert denied(sealed, run) == set()


def test_all_keys_of_an_identity_are_denied(
    sealed: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = sealed / "sealed" / "greet" / "function.sealed"
    read = verify(file.read_bytes(), claimed_author(file.read_bytes()))
    (slot,) = (slot for slot in read.header.slots if slot.to)
    slots = (*read.header.slots, replace(slot, id=OTHER))
    header = replace(read.header, slots=slots)
    monkeypatch.setattr(deny_command, "read_sealed", lambda _: replace(read, header=header))
    run("deny", "greet", "Ada")
    assert denied(sealed, run) == {slot.id, OTHER}


def test_a_word_that_comes_twice_is_taken_once(sealed: Path, run: Run) -> None:
    id = key_of_ada(sealed)
    said = run("deny", "greet", "Ada", id, "Ada", OTHER, OTHER).stdout
    assert said.count(f"denied {id}") == 1
    assert "denies 2 keys" in said
    assert run("deny", "greet").stdout.split() == [id, OTHER]
    # An older version has written ids twice.
    path = sealed / ".secrets" / "greet-denied"
    path.write_text(path.read_text() + f"# since 2026-01-01, Ada\n{id}\n")
    run("deny", "greet", "--allow", "Ada", "--allow", id, "--allow", "Ada")
    assert denied(sealed, run) == {OTHER}
    assert "Ada" not in path.read_text()


def test_a_key_is_not_denied_and_allowed_at_once(sealed: Path, run: Run) -> None:
    run("deny", "greet", "Ada")
    for word in "Ada", key_of_ada(sealed), identity_id(ADA.public):
        said = run("deny", "greet", word, "--allow", "Ada", status=2).stderr
        assert f"denied and allowed at once: {key_of_ada(sealed)}" in said
    assert denied(sealed, run) == {key_of_ada(sealed)}
