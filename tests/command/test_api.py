from __future__ import annotations

import doctest
import os
from pathlib import Path

import faas_seal
import pytest
from faas_seal import (
    AuthorKey,
    FunctionKey,
    MalformedKey,
    UnknownKey,
    WrongSignature,
    open_sealed,
    seal,
    verify,
)
from faas_seal.errors import InsecureKeyFile, SourceRefused
from faas_sealed.formats.grant import open_grant
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY, IDENTITY_PUBLIC, TRANSPORT_PUBLIC

from tests.command.conftest import HANDLER, Run

ONES = bytes([1]) * 32
FILES = {"handler.py": HANDLER.encode(), "data/x": b"\x00"}


def test_the_example_of_the_documentation_runs() -> None:
    result = doctest.testmod(faas_seal)
    assert result.attempted > 0
    assert result.failed == 0


def test_seals_files_for_several_keys_and_opens_them() -> None:
    author, keys = AuthorKey.generate(), [FunctionKey.generate(), FunctionKey.generate()]
    sealed = seal(FILES, function="greet", author=author, keys=keys, created=7)
    header = verify(sealed, author=author.public)
    assert (header.function, header.created) == ("greet", 7)
    assert {slot.id for slot in header.slots} == {key.id for key in keys}
    for key in keys:
        assert open_sealed(sealed, author=author.public, key=key) == FILES
    with pytest.raises(UnknownKey):
        open_sealed(sealed, author=author.public, key=FunctionKey.generate())
    with pytest.raises(WrongSignature):
        open_sealed(sealed, author=AuthorKey.generate().public, key=keys[0])


def test_seals_for_identities_a_transport_key_and_a_time() -> None:
    author, identity, transport = AuthorKey.generate(), PrivateKey(bytes(32)), PrivateKey(ONES)
    sealed = seal(
        FILES,
        function="greet",
        author=author,
        identities=[IDENTITY_PUBLIC.encode(identity.public)],
        transport=TRANSPORT_PUBLIC.encode(transport.public),
        expires=2**40,
    )
    header = verify(sealed, author=author.public)
    assert (header.transport, header.expires) == (transport.public, 2**40)
    [slot] = header.slots
    assert slot.to is not None
    key = FunctionKey(FUNCTION_KEY.encode(open_grant(slot.to, identity, header.context)))
    assert open_sealed(sealed, author=author.public, key=key) == FILES
    with pytest.raises(MalformedKey):
        seal(FILES, function="greet", author=author, identities=["fsip1_x"])


def test_seals_a_folder_as_the_command_does(project: Path) -> None:
    author, key = AuthorKey.generate(), FunctionKey.generate()
    (project / "greet" / "test_it.py").touch()
    sealed = seal("greet", function="greet", author=author, keys=[key])
    assert set(open_sealed(sealed, author=author.public, key=key)) == {
        "handler.py",
        "requirements.txt",
    }
    with pytest.raises(SourceRefused):
        seal({"main.py": b""}, function="greet", author=author, keys=[key])


def test_opens_what_the_command_sealed(project: Path, run: Run) -> None:
    run("seal")
    author, key = AuthorKey.from_file(), FunctionKey.from_file(".faas-seal/greet.key")
    sealed = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    assert open_sealed(sealed, author=author.public, key=key)["handler.py"] == HANDLER.encode()


def test_keys_are_read_from_closed_files_only(tmp_path: Path) -> None:
    path = tmp_path / "greet.key"
    path.write_text(FunctionKey.generate().text)
    path.chmod(0o644)
    with pytest.raises(InsecureKeyFile):
        FunctionKey.from_file(path)
    with pytest.raises(MalformedKey):
        FunctionKey("fsk1_short")


def test_keys_do_not_show_themselves() -> None:
    key, author = FunctionKey(FunctionKey.generate().text), AuthorKey(os.urandom(32))
    assert key.text not in repr(key)
    assert key.id in repr(key)
    assert repr(author.seed) not in repr(author)
