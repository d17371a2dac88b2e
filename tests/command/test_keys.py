"""Keys as values: made, read, written as text and compared in Python alone."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path

import pytest
from faas_seal import (
    AuthorKey,
    AuthorKeyMissing,
    FunctionKey,
    Identity,
    InsecureKeyFile,
    KeyFileMissing,
    KeyFileRefused,
    MalformedKey,
    MalformedKeyFile,
    TransportKey,
)
from faas_sealed.formats.transport import serialise_transport_secret

from tests.command.conftest import Run

Key = AuthorKey | FunctionKey | Identity | TransportKey
KINDS = (AuthorKey, FunctionKey, Identity, TransportKey)
PREFIXES = {AuthorKey: "fsa1_", FunctionKey: "fsk1_", Identity: "fsi1_", TransportKey: "fst1_"}
PUBLIC = {AuthorKey: "fsap1_", Identity: "fsip1_", TransportKey: "fstp1_"}

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def secret_of(key: Key) -> bytes:
    return key.secret if isinstance(key, FunctionKey) else key.seed


@every_kind
def test_a_key_is_its_text_form(kind: type[Key]) -> None:
    key = kind.generate()
    assert key.text.startswith(PREFIXES[kind])
    assert len(secret_of(key)) == 32
    assert kind(key.text) == key
    assert hash(kind(key.text)) == hash(key)
    assert copy.deepcopy(key) == pickle.loads(pickle.dumps(key)) == key  # noqa: S301
    assert kind.generate() != key


@every_kind
def test_keys_of_different_kinds_are_different(kind: type[Key]) -> None:
    others = [other for other in KINDS if other is not kind]
    same_secret = {other: other.generate() for other in others}
    assert all(kind.generate() != other for other in same_secret.values())
    seed = bytes(32)
    if kind is not FunctionKey:
        seeds = [other(seed) for other in (AuthorKey, Identity, TransportKey) if other is not kind]
        assert all(kind(seed) != other for other in seeds)  # type: ignore[arg-type]
    assert kind.generate() != kind.generate().text


@pytest.mark.parametrize("kind", [AuthorKey, Identity, TransportKey])
def test_a_key_with_a_public_half_is_made_of_its_bytes_too(
    kind: type[AuthorKey | Identity | TransportKey],
) -> None:
    seed = os.urandom(32)
    key = kind(seed)
    assert key.seed == seed
    assert kind(key.text) == key
    assert key.public == kind(seed).public
    assert key.public.startswith(PUBLIC[kind])
    with pytest.raises(MalformedKey, match="is 31 bytes, expected 32"):
        kind(seed[:31])


@every_kind
def test_no_repr_shows_a_secret(kind: type[Key]) -> None:
    key = kind.generate()
    for shown in (repr(key), str(key), f"{key}", repr([key]), repr({"key": key})):
        assert key.text not in shown
        assert key.text[5:25] not in shown
        assert repr(secret_of(key)) not in shown
        assert kind.__name__ in shown
    assert repr(kind(key.text)) == repr(key)


@every_kind
def test_an_id_is_no_secret_and_belongs_to_the_key(kind: type[Key]) -> None:
    key = kind.generate()
    if isinstance(key, FunctionKey | Identity):
        assert len(bytes.fromhex(key.id)) == (8 if kind is FunctionKey else 16)
        assert key.id in repr(key)


@every_kind
@pytest.mark.parametrize("text", ["", "fsk1_", "fsa1_x", "fsap1_AAAA", "a key", "fsx1_AAAA"])
def test_a_text_that_is_no_key_is_refused(kind: type[Key], text: str) -> None:
    with pytest.raises(MalformedKey):
        kind(text)


@every_kind
def test_a_damaged_or_another_kind_of_key_is_refused_without_being_shown(kind: type[Key]) -> None:
    text = kind.generate().text
    damaged = text[:-2] + ("AA" if text[-2:] != "AA" else "BA")
    for wrong in (damaged, text[:-1], text + "A", text.upper(), f" {text}", f"{text}\n"):
        with pytest.raises(MalformedKey) as caught:
            kind(wrong)
        assert text[5:25] not in str(caught.value) + caught.value.hint
    for other in KINDS:
        if other is not kind:
            with pytest.raises(MalformedKey):
                kind(other.generate().text)


@every_kind
def test_a_key_is_read_from_a_file_that_only_its_owner_reads(
    kind: type[Key], tmp_path: Path
) -> None:
    key = kind.generate()
    path = write(tmp_path / "a.key", f"# mine\n\n{key.text}\n")
    assert kind.from_file(path) == kind.from_file(str(path)) == key
    for mode in (0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(InsecureKeyFile) as caught:
            kind.from_file(path)
        assert caught.value.path == path


@every_kind
def test_what_is_wrong_with_a_key_file_is_told_with_its_path(
    kind: type[Key], tmp_path: Path
) -> None:
    other = Identity if kind is not Identity else AuthorKey
    for content in ("", "no key\n", f"{other.generate().text}\n"):
        path = write(tmp_path / "a.key", content)
        with pytest.raises(MalformedKeyFile) as caught:
            kind.from_file(path)
        assert caught.value.path == path
        assert str(path) in str(caught.value)
    with pytest.raises(KeyFileMissing) as missing:
        kind.from_file(tmp_path / "missing.key")
    assert missing.value.path == tmp_path / "missing.key"
    with pytest.raises(KeyFileRefused) as refused:
        kind.from_file(tmp_path)
    assert refused.value.path == tmp_path


def test_without_a_path_the_users_own_key_is_read(home: Path, run: Run) -> None:
    folder = home / ".config" / "faas-seal"
    with pytest.raises(AuthorKeyMissing) as missing:
        AuthorKey.from_file()
    assert missing.value.path == folder / "author.key"
    with pytest.raises(KeyFileMissing):
        Identity.from_file()
    run("keygen", "--author")
    public = run("keygen", "--identity").stdout.strip()
    assert AuthorKey.from_file() == AuthorKey.from_file(folder / "author.key")
    assert Identity.from_file().public == public


def test_a_transport_key_is_read_from_the_secret_of_a_project(project: Path, run: Run) -> None:
    run("seal")
    path = project / ".secrets" / "greet-transport"
    first = TransportKey.from_file(path)
    assert first == TransportKey.from_file(".secrets/greet-transport")
    assert path.stat().st_mode & 0o004, "others read it there: a container must"
    run("keygen", "--transport", "greet")
    assert TransportKey.from_file(path) != first


def test_of_two_transport_keys_the_newer_is_read(tmp_path: Path) -> None:
    new, old = TransportKey.generate(), TransportKey.generate()
    text = serialise_transport_secret("greet", [new.seed, old.seed])
    assert TransportKey.from_file(write(tmp_path / "secret", text)) == new


def test_keys_cannot_be_changed() -> None:
    for key in (AuthorKey.generate(), Identity.generate(), TransportKey.generate()):
        with pytest.raises(AttributeError):
            key.seed = bytes(32)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        FunctionKey.generate().secret = bytes(32)  # type: ignore[misc]
