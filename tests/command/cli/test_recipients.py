"""Recipients: who can open a function with an identity, how long, and what is remembered."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_seal.project.recipients import parse_recipients
from faas_seal.sealing.terms import Terms
from faas_sealed.formats import bundle
from faas_sealed.formats.errors import MalformedKey, UnknownKey
from faas_sealed.formats.file import SealedFile, Slot, claimed_author, verify
from faas_sealed.formats.grant import open_grant
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import (
    FUNCTION_KEY,
    IDENTITY_PUBLIC,
    IDENTITY_SEED,
    TRANSPORT_PUBLIC,
    identity_id,
    key_id,
)

from tests.command.conftest import HANDLER, Run, contents

ADA, BOB, EVE = (PrivateKey(bytes([number]) * 32) for number in (1, 2, 3))
DAY = 24 * 3600


def text(identity: PrivateKey) -> str:
    return IDENTITY_PUBLIC.encode(identity.public)


def id_of(identity: PrivateKey) -> str:
    return identity_id(identity.public)


def sealed(project: Path) -> SealedFile:
    author = keystore.known_author()
    assert author
    return verify((project / "sealed" / "greet" / "function.sealed").read_bytes(), author)


def slot_of(file: SealedFile, identity: PrivateKey) -> Slot:
    (slot,) = (slot for slot in file.header.slots if slot.to and slot.to.id == id_of(identity))
    return slot


def key_of(file: SealedFile, identity: PrivateKey) -> bytes:
    """Return the function key that an identity finds in a sealed file."""
    to = slot_of(file, identity).to
    assert to
    return open_grant(to, identity, file.header.context)


def opened(file: SealedFile, identity: PrivateKey) -> dict[str, bytes]:
    return bundle.unpack(file.bundle(file.content_key(key_of(file, identity), time.time())))


def recipients(file: SealedFile) -> set[str]:
    return {slot.to.id for slot in file.header.slots if slot.to}


@pytest.fixture
def team(project: Path) -> Path:
    """A recipient file with Ada and Bob."""
    path = project / "team.keys"
    path.write_text(f"# The team.\n\n# Ada\n{text(ADA)}\n{text(BOB)}  # Bob\n")
    return path


def change(project: Path) -> None:
    (project / "greet" / "handler.py").write_text(f"{HANDLER}# {os.urandom(4).hex()}\n")


# Identities.


def test_an_identity_is_made_and_only_its_public_half_is_printed(home: Path, run: Run) -> None:
    result = run("keygen", "--identity")
    path = home / ".config" / "faas-seal" / "identity.key"
    seed = keystore.read_key_file(path, IDENTITY_SEED)
    assert result.stdout == text(PrivateKey(seed)) + "\n"
    assert IDENTITY_SEED.encode(seed) not in result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    again = run("keygen", "--identity")
    assert "you have an identity already" in again.stderr
    assert again.stdout == result.stdout


def test_an_identity_is_made_elsewhere(tmp_path: Path, home: Path, run: Run) -> None:
    path = tmp_path / "me.key"
    result = json.loads(run("keygen", "--identity", "-o", str(path), "--json").stdout)
    seed = keystore.read_key_file(path, IDENTITY_SEED)
    assert result == {"file": str(path), "identity": text(PrivateKey(seed))}
    assert not (home / ".config").exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "words", [["greet", "--identity"], ["--author", "--identity"], ["--identity", "--transport"]]
)
def test_one_kind_of_key_is_made_at_a_time(run: Run, words: list[str]) -> None:
    run("keygen", *words, status=2)


# Recipient files.


def test_a_comment_names_whose_a_key_is() -> None:
    ada, bob, eve = map(text, (ADA, BOB, EVE))
    found = parse_recipients(f"# A team\n\n# Ada \x1b[31m\n{ada}\n{bob} #Bob\n  {eve}\n", "team")
    assert [(r.id, r.name) for r in found] == [
        (id_of(ADA), "Ada [31m"),
        (id_of(BOB), "Bob"),
        (id_of(EVE), ""),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# nobody\n", "team names no recipient"),
        (f"# Ada\n{text(ADA)[:-1]}_\n", "team, line 2: identity's public key is damaged"),
        (
            f"{IDENTITY_SEED.encode(bytes(32))}\n",
            "team, line 1 holds an identity, expected an identity's public key",
        ),
        (f"{text(ADA)} Ada\n", "team, line 1: "),
    ],
)
def test_what_is_no_recipient_file_is_refused(content: str, message: str) -> None:
    with pytest.raises(MalformedKey) as caught:
        parse_recipients(content, "team")
    assert str(caught.value).startswith(message)
    assert "fsi1_" not in str(caught.value)


@pytest.mark.parametrize("name", ["0123456789abcdef", "0123456789ABCDEF" * 2])
@pytest.mark.parametrize("form", ["# {name}\n{key}\n", "{key} # {name}\n"])
def test_nobody_is_called_like_an_id(project: Path, run: Run, name: str, form: str) -> None:
    (project / "team.keys").write_text(form.format(name=name, key=text(ADA)))
    said = run("seal", "--to", "team.keys", status=2).stderr
    assert f"the name {name} has the form of an id" in said
    assert "hint: a name is the comment beside the key, or above it" in said
    (project / "team.keys").write_text(form.format(name=f"{name}0", key=text(ADA)))
    run("seal", "--to", "team.keys")


# Sealing to recipients.


def test_each_recipient_gets_a_function_key_of_their_own(
    project: Path, team: Path, run: Run
) -> None:
    said = run("seal", "--to", team.name, "--to", text(EVE)).stdout
    assert f"opens for Ada ({id_of(ADA)}), Bob ({id_of(BOB)}), {id_of(EVE)}" in said
    file = sealed(project)
    keys = {key_of(file, identity) for identity in (ADA, BOB, EVE)}
    own = Keystore(project).function_key("greet")
    assert len(keys | {own}) == 4
    assert {key_id(key) for key in keys | {own}} == {slot.id for slot in file.header.slots}
    for identity in (ADA, BOB, EVE):
        assert opened(file, identity)["handler.py"] == HANDLER.encode()
    to = slot_of(file, ADA).to
    assert to
    with pytest.raises(UnknownKey):
        open_grant(to, BOB, file.header.context)


def test_a_plain_seal_seals_to_the_same_with_the_same_keys(
    project: Path, team: Path, run: Run
) -> None:
    run("seal", "--to", team.name)
    before = sealed(project)
    files = contents(project)
    assert "unchanged" in run("seal").stdout
    assert "unchanged" in run("seal", "--to", team.name).stdout
    assert contents(project) == files
    change(project)
    team.unlink()
    run("seal")
    after = sealed(project)
    assert after.header.content_id != before.header.content_id
    assert recipients(after) == {id_of(ADA), id_of(BOB)}
    assert key_of(after, ADA) == key_of(before, ADA)


def test_keys_and_names_are_remembered_where_only_their_owner_reads(
    project: Path, team: Path, run: Run
) -> None:
    team.write_text(team.read_text().replace("Ada", "Ada of the till"))
    run("seal", "--to", team.name)
    path = Keystore(project).terms_path("greet")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {known.name for known in Terms.load(path).recipients} == {"Ada of the till", "Bob"}
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    assert b"till" not in data
    path.chmod(0o640)
    assert "chmod 600 .faas-seal/greet.terms" in run("seal", status=3).stderr


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"invokers": [{}]}', '{"invokers": 1}'])
def test_damaged_terms_are_refused_and_not_forgotten(project: Path, run: Run, content: str) -> None:
    run("seal", "--to", text(ADA))
    path = Keystore(project).terms_path("greet")
    path.write_text(content)
    assert ".faas-seal/greet.terms is damaged" in run("seal", status=3).stderr
    assert recipients(sealed(project)) == {id_of(ADA)}


@pytest.mark.parametrize("word", ["Ada", id_of(ADA), text(ADA)], ids=["name", "id", "key"])
def test_whoever_is_dropped_can_open_what_was_sealed_before_and_no_more(
    project: Path, team: Path, run: Run, word: str
) -> None:
    run("seal", "--to", team.name)
    before = sealed(project)
    said = run("seal", "--drop", word).stderr
    assert f"Ada ({id_of(ADA)}) can no longer call it; a copy of what was sealed before" in said
    after = sealed(project)
    assert recipients(after) == {id_of(BOB)}
    assert opened(before, ADA)
    with pytest.raises(UnknownKey):
        after.content_key(key_of(before, ADA), time.time())
    refused = run("seal", "--drop", word, status=2).stderr
    assert f"the recipients are Bob ({id_of(BOB)})" in refused


@pytest.mark.usefixtures("project")
def test_a_key_id_is_not_taken_for_that_of_an_identity(team: Path, run: Run) -> None:
    run("seal", "--to", team.name)
    assert len(id_of(ADA)) == 32
    refused = run("seal", "--drop", "0123456789abcdef", status=2).stderr
    assert "0123456789abcdef: that is the id of a key" in refused


def test_a_recipient_who_comes_back_gets_a_new_key(project: Path, team: Path, run: Run) -> None:
    run("seal", "--to", team.name)
    before = key_of(sealed(project), ADA)
    run("seal", "--drop", "Ada")
    run("seal", "--to", team.name)
    assert key_of(sealed(project), ADA) != before


def test_a_build_server_needs_the_signing_key_alone(
    project: Path, team: Path, run: Run, home: Path
) -> None:
    run("seal", "--to", team.name)
    before = key_of(sealed(project), ADA)
    author = home / ".config" / "faas-seal" / "author.key"
    author.rename(project.parent / "author.key")
    for folder in (".faas-seal", ".secrets"):
        shutil.rmtree(project / folder)
    command = f"cat {project.parent / 'author.key'}"
    options = ("--no-own-key", "--to", team.name, "--author-key-command", command)
    run("seal", *options)
    file = verify_any(project)
    assert recipients(file) == {id_of(ADA), id_of(BOB)}
    assert len(file.header.slots) == 2
    assert key_of(file, ADA) != before
    assert file.header.transport is not None
    assert FUNCTION_KEY.prefix.encode() not in b"".join(
        content for _, _, content in contents(project).values()
    )
    assert "unchanged" in run("seal", *options).stdout
    assert verify_any(project).header == file.header


def verify_any(project: Path) -> SealedFile:
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    return verify(data, claimed_author(data))


def test_without_a_key_of_ones_own_somebody_must_be_able_to_open_it(
    project: Path, run: Run
) -> None:
    assert "nobody could open greet" in run("seal", "--no-own-key", status=2).stderr
    run("seal", "--no-own-key", "--to", text(ADA))
    assert not (project / ".faas-seal" / "greet.key").exists()
    given = run("seal", "--key-file", "-", input=FUNCTION_KEY.encode(bytes(32)), status=2).stderr
    assert "hint: --own-key" in given
    run("seal", "--own-key")
    assert len(sealed(project).header.slots) == 2
    refused = run("seal", "--no-own-key", "--drop", id_of(ADA), status=2).stderr
    assert "nobody could open greet" in refused


def test_at_most_256_keys_open_a_file(project: Path, run: Run) -> None:
    keys = (PrivateKey(number.to_bytes(32, "big")) for number in range(256))
    (project / "many.keys").write_text("".join(f"{text(key)}\n" for key in keys))
    assert "at most 256 keys" in run("seal", "--to", "many.keys", status=2).stderr


# Expiry.


def test_a_file_and_a_key_expire(project: Path, team: Path, run: Run) -> None:
    now = time.time()
    run("seal", "--to", team.name, "--key-expires", "30d", "--expires", "12w")
    file = sealed(project)
    assert file.header.expires is not None
    assert -1 <= file.header.expires - now - 84 * DAY < 60
    until = slot_of(file, ADA).expires
    assert until is not None
    assert -1 <= until - now - 30 * DAY < 60
    with pytest.raises(UnknownKey):
        file.content_key(key_of(file, ADA), until)
    own = Keystore(project).function_key("greet")
    assert file.content_key(own, until)
    change(project)
    run("seal")
    assert sealed(project).header.expires == file.header.expires
    assert slot_of(sealed(project), ADA).expires == until
    run("seal", "--to", text(ADA), "--key-expires", "never", "--expires", "never")
    assert (sealed(project).header.expires, slot_of(sealed(project), ADA).expires) == (None, None)
    assert slot_of(sealed(project), BOB).expires == until


def test_a_date_counts_through_its_end(project: Path, run: Run) -> None:
    run("seal", "--expires", "2099-12-31")
    assert sealed(project).header.expires == 4102444800
    assert "unchanged" in run("seal", "--expires", "2099-12-31").stdout


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("word", ["soon", "30", "30 d", "2099-13-01", "2001-01-01", "0d", "-1d"])
def test_what_is_no_time_to_come_is_refused(run: Run, word: str) -> None:
    assert "--expires" in run("seal", f"--expires={word}", status=2).stderr


@pytest.mark.usefixtures("project")
def test_the_expiry_of_keys_is_for_those_that_are_named(run: Run) -> None:
    assert "is for the keys of --to" in run("seal", "--key-expires", "30d", status=2).stderr


def test_a_file_that_has_expired_is_not_sealed_again_without_a_word(
    project: Path, run: Run
) -> None:
    run("seal", "--to", text(ADA), "--key-expires", "1h", "--expires", "1h")
    path = Keystore(project).terms_path("greet")
    members = json.loads(path.read_text())
    members["expires"] = members["invokers"][0]["expires"] = int(time.time()) - 1
    path.write_text(json.dumps(members))
    assert "hint: faas-seal seal greet --expires 30d" in run("seal", status=2).stderr
    said = run("seal", "--expires", "30d").stderr
    assert f"no longer opens for {id_of(ADA)}, whose key has expired" in said


# Rotation.


def test_rotate_seals_anew_for_the_same(project: Path, team: Path, run: Run) -> None:
    run("seal", "--to", team.name)
    before = sealed(project)
    run("rotate", "greet")
    after = sealed(project)
    assert after.header.commit != before.header.commit
    assert after.header.created > before.header.created
    assert {slot.id for slot in after.header.slots} == {slot.id for slot in before.header.slots}
    assert "unchanged" in run("seal").stdout


def test_rotate_gives_new_keys_to_whoever_has_an_identity(
    project: Path, team: Path, run: Run
) -> None:
    run("seal", "--to", team.name)
    before = sealed(project)
    run("rotate", "greet", "--keys")
    after = sealed(project)
    own = key_id(Keystore(project).function_key("greet"))
    assert {slot.id for slot in after.header.slots} & {s.id for s in before.header.slots} == {own}
    assert opened(after, ADA)
    with pytest.raises(UnknownKey):
        after.content_key(key_of(before, ADA), time.time())
    assert "unchanged" in run("seal").stdout


@pytest.mark.usefixtures("project")
def test_new_keys_want_recipients(run: Run) -> None:
    run("seal")
    assert "has no recipients" in run("rotate", "greet", "--keys", status=2).stderr
    run("rotate", status=2)


# What is told of them.


def test_inspect_tells_who_can_open_a_file(project: Path, team: Path, run: Run) -> None:
    run("seal", "--to", team.name, "--to", text(EVE), "--key-expires", "2099-12-31")
    said = run("inspect", "greet").stdout
    ada = slot_of(sealed(project), ADA).id
    until = "until 2100-01-01 00:00:00 UTC"
    assert f"{ada}, {until}, of Ada, identity {id_of(ADA)}\n" in said
    assert f", of identity {id_of(EVE)}\n" in said
    slots = {
        slot["id"]: slot for slot in json.loads(run("inspect", "greet", "--json").stdout)["slots"]
    }
    assert slots[ada]["name"] == "Ada"
    assert slots[slot_of(sealed(project), EVE).id]["name"] is None
    Keystore(project).terms_path("greet").unlink()
    assert "Ada" not in run("inspect", "greet").stdout


def test_scan_looks_for_the_keys_of_recipients(project: Path, run: Run) -> None:
    run("seal", "--to", text(ADA))
    key = key_of(sealed(project), ADA)
    (project / "leak").write_bytes(b"." * 100 + key + b"." * 100)
    assert key_id(key) in run("scan", "leak", status=1).stdout


@pytest.mark.usefixtures("project")
def test_a_file_of_recipients_that_is_not_there_is_told_with_what_it_would_hold(run: Run) -> None:
    said = run("seal", "greet", "--to", "nofile", status=2).stderr
    assert "there is no file nofile" in said
    assert "hint: a recipient is a public key, fsip1_…, or a file of such keys" in said


@pytest.mark.usefixtures("project")
def test_a_public_key_that_nothing_can_be_sealed_to_is_refused(run: Run) -> None:
    for option, form in (("--to", IDENTITY_PUBLIC), ("--transport-key", TRANSPORT_PUBLIC)):
        damaged = form.encode(b"\xff" * 1216)  # no coefficient of ML-KEM is as large
        said = run("seal", option, damaged, status=3).stderr
        assert "the public key is damaged" in said
