from __future__ import annotations

import doctest
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faas_seal
import pytest
from faas_seal import (
    AlteredSealedFile,
    AuthorKey,
    FileRefused,
    FunctionExpired,
    FunctionKey,
    Identity,
    InsecureKeyFile,
    MalformedFile,
    MalformedKey,
    SealedFileMissing,
    SealedFileRefused,
    SourceRefused,
    TransportKey,
    UnknownFunction,
    UnknownKey,
    UsageError,
    WrongAuthor,
    WrongSignature,
    open_sealed,
    seal,
    verify,
)
from faas_sealed.formats.bundle import MAX_NAME_BYTES
from faas_sealed.formats.keys import IDENTITY_PUBLIC, TRANSPORT_PUBLIC

from tests.command.conftest import HANDLER, Run

FILES = {"handler.py": HANDLER.encode(), "data/x": b"\x00"}


def test_the_example_of_the_documentation_runs() -> None:
    result = doctest.testmod(faas_seal)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.usefixtures("project")
def test_the_example_of_the_page_on_calling_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "calling.md").read_text("utf-8")
    section = page.partition("\n## Keys and sealing in Python\n")[2].partition("\n## ")[0]
    [example] = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    made: dict[str, object] = {}
    exec(example, made)  # noqa: S102
    assert isinstance(made["key"], FunctionKey)
    assert isinstance(made["files"], dict)
    assert made["files"]["handler.py"] == HANDLER.encode()


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
    author, identity, transport = AuthorKey.generate(), Identity.generate(), TransportKey.generate()
    as_values = seal(
        FILES,
        function="greet",
        author=author,
        identities=[identity],
        transport=transport,
        expires=2**40,
    )
    as_texts = seal(
        FILES,
        function="greet",
        author=author,
        identities=[identity.public],
        transport=transport.public,
        expires=2**40,
    )
    for sealed in (as_values, as_texts):
        header = verify(sealed, author=author)
        assert header.transport == TRANSPORT_PUBLIC.decode(transport.public)
        assert header.expires == 2**40
        [slot] = header.slots
        assert slot.to is not None
        assert slot.to.id == identity.id
        key = FunctionKey.of_identity(identity, header, lifetime=60)
        assert (key.id, key.function, key.lifetime) == (slot.id, header, 60)
        assert open_sealed(sealed, author=author, key=key) == FILES
        assert open_sealed(sealed, author=author.public, key=identity) == FILES
        with pytest.raises(UnknownKey):
            open_sealed(sealed, author=author, key=Identity.generate())
        with pytest.raises(UnknownKey):
            FunctionKey.of_identity(Identity.generate(), header)


def test_a_text_that_is_no_public_key_is_refused() -> None:
    author = AuthorKey.generate()
    no_point = IDENTITY_PUBLIC.encode(b"\xff" * IDENTITY_PUBLIC.length)
    for identity in ("fsip1_x", TransportKey.generate().public, Identity.generate().text, no_point):
        with pytest.raises(MalformedKey):
            seal(FILES, function="greet", author=author, identities=[identity])
    for transport in ("", "fstp1_x", Identity.generate().public):
        with pytest.raises(MalformedKey):
            seal(FILES, function="greet", author=author, transport=transport)
    sealed = seal(FILES, function="greet", author=author, keys=[FunctionKey.generate()])
    with pytest.raises(MalformedKey):
        verify(sealed, author="fsap1_x")


def test_what_cannot_be_sealed_is_refused() -> None:
    author, keys = AuthorKey.generate(), [FunctionKey.generate()]
    for function in ("Greet", "a b", "", "gr\u00fc\u00df", "x" * 64):
        with pytest.raises(UsageError):
            seal(FILES, function=function, author=author, identities=[Identity.generate()])
    with pytest.raises(MalformedFile):
        seal(FILES, function="greet", author=author)
    with pytest.raises(SourceRefused):
        seal({**FILES, "x" * (MAX_NAME_BYTES + 1): b""}, function="greet", author=author, keys=keys)
    with pytest.raises(SourceRefused):
        seal({"main.py": b""}, function="greet", author=author, keys=keys)


def test_a_file_that_is_not_the_authors_says_whose_it_is() -> None:
    author, other, key = AuthorKey.generate(), AuthorKey.generate(), FunctionKey.generate()
    sealed = seal(FILES, function="greet", author=author, keys=[key])
    readers: tuple[Callable[[], object], ...] = (
        lambda: verify(sealed, author=other),
        lambda: open_sealed(sealed, author=other.public, key=key),
    )
    for read in readers:
        with pytest.raises(WrongAuthor) as caught:
            read()
        assert (caught.value.expected, caught.value.found) == (other.public, author.public)
        assert isinstance(caught.value, WrongSignature)
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    with pytest.raises(AlteredSealedFile):
        verify(altered, author=author)
    with pytest.raises(WrongSignature) as refused:
        verify(altered, author=other)
    assert not isinstance(refused.value, WrongAuthor), "nobody knows who has altered it"
    with pytest.raises(MalformedFile):
        verify(b"no sealed file", author=author)


def test_a_file_that_has_expired_is_not_opened() -> None:
    author, key = AuthorKey.generate(), FunctionKey.generate()
    sealed = seal(FILES, function="greet", author=author, keys=[key], created=1, expires=2)
    with pytest.raises(FunctionExpired):
        open_sealed(sealed, author=author, key=key)


def test_an_error_about_a_file_has_its_path(project: Path, run: Run) -> None:
    run("seal")
    path = project / "sealed" / "greet" / "function.sealed"
    key = FunctionKey.of_project("greet", project)
    (project / "greet.key").write_text(key.text)
    (project / "greet.key").chmod(0o600)

    def read(file: Path, author: AuthorKey | str) -> FunctionKey:
        return FunctionKey.from_file("greet.key", sealed_file=file, author=author)

    author = AuthorKey.from_file()
    assert read(path, author) == read(path, author.public) == key
    assert read(path, author).function == key.function
    with pytest.raises(WrongAuthor) as wrong:
        read(path, AuthorKey.generate())
    assert (wrong.value.path, wrong.value.found) == (path, author.public)
    with pytest.raises(SealedFileMissing) as missing:
        read(project / "nowhere", author)
    assert missing.value.path == project / "nowhere"
    path.write_bytes(path.read_bytes()[:-1])
    readers: tuple[Callable[[], object], ...] = (
        lambda: read(path, author),
        lambda: FunctionKey.of_project("greet"),
    )
    for read_again in readers:
        with pytest.raises(SealedFileRefused) as altered:
            read_again()
        assert altered.value.path is not None
        assert altered.value.path.resolve() == path
        assert isinstance(altered.value, FileRefused)


@pytest.mark.usefixtures("project")
def test_an_error_about_a_function_has_its_name() -> None:
    with pytest.raises(UnknownFunction) as caught:
        FunctionKey.of_project("gret")
    assert (caught.value.function, caught.value.known) == ("gret", ("greet",))


def test_seals_a_folder_as_the_command_does(project: Path) -> None:
    author, key = AuthorKey.generate(), FunctionKey.generate()
    (project / "greet" / "test_it.py").touch()
    sealed = seal("greet", function="greet", author=author, keys=[key])
    assert set(open_sealed(sealed, author=author.public, key=key)) == {
        "handler.py",
        "requirements.txt",
    }


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


def test_an_argument_of_another_type_is_named() -> None:
    author, key, identity = AuthorKey.generate(), FunctionKey.generate(), Identity.generate()
    sealed = seal(FILES, function="greet", author=author, keys=[key])
    anything: Any = "greet.key"
    for call, said in (
        (lambda: seal(FILES, function="greet", author=anything, keys=[key]), "author is a str"),
        (lambda: seal(FILES, function="greet", author=author, keys=anything), "a key in keys is"),
        (
            lambda: seal(FILES, function="greet", author=author, identities=identity.public),
            "identities is a str",
        ),
        (lambda: verify(anything, author=author), "sealed is a str, expected bytes"),
        (lambda: open_sealed(sealed, author=author, key=anything), "key is a str, expected Fun"),
        (lambda: FunctionKey.of_identity(anything, verify(sealed, author=author)), "identity is"),
    ):
        with pytest.raises(TypeError, match=said):
            call()


def test_a_file_that_nobody_could_open_is_not_sealed() -> None:
    with pytest.raises(MalformedFile, match="nobody could open") as refused:
        seal(FILES, function="greet", author=AuthorKey.generate())
    assert refused.value.hint == "give keys or identities"


def test_a_wrong_key_is_named_by_its_id() -> None:
    author, wrong = AuthorKey.generate(), FunctionKey.generate()
    sealed = seal(FILES, function="greet", author=author, keys=[FunctionKey.generate()])
    with pytest.raises(UnknownKey, match=wrong.id):
        open_sealed(sealed, author=author, key=wrong)


@pytest.mark.usefixtures("project")
def test_a_sealed_file_needs_its_author(run: Run) -> None:
    run("seal")
    with pytest.raises(UsageError, match="without its author"):
        FunctionKey.from_file(".faas-seal/greet.key", sealed_file="sealed/greet/function.sealed")
