"""Checks of one function: its source, its settings, its sealed file and its keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from faas_sealed.formats.errors import (
    FileRefused,
    KeyRefused,
    MissingKey,
    SealError,
    WrongSignature,
)
from faas_sealed.formats.file import SealedFile, verify
from faas_sealed.formats.header import Header
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public, key_id

from faas_seal.doctor.check import Check
from faas_seal.doctor.secret_checks import checks_of_secrets
from faas_seal.project import keystore
from faas_seal.project.keystore import Keystore
from faas_seal.project.signatures import signed_by
from faas_seal.project.source_folder import source_folder, source_of
from faas_seal.project.stackfile import Function, StackFile, sealed_file
from faas_seal.sealing.copied import copied_parts
from faas_seal.sealing.drift import in_step
from faas_seal.sealing.exposure import copied_in_clear, left_behind, warnings_for
from faas_seal.sealing.image_requirements import read_requirements
from faas_seal.sealing.selection import Part
from faas_seal.sealing.setting_checks import check_settings, unknown_settings
from faas_seal.sealing.terms import Terms


class FunctionChecks:
    """The checks of one function of a stack file."""

    def __init__(self, stack: StackFile, function: Function) -> None:
        self.function = function
        self.name = function.name
        self._stack = stack
        self._path = sealed_file(stack.folder, function.name)

    @property
    def header(self) -> Header | None:
        """The header of the sealed file, or None if that is not in order."""
        try:
            return self._file.header
        except (OSError, SealError):
            return None

    def checks(self) -> Iterator[Check]:
        """Yield the checks. After a failure, those that make no sense any more are left out."""
        name = self.name
        try:
            source = source_folder(self._stack, self.function)
        except SealError as error:
            yield Check.of_error(name, error)
            return
        if build := left_behind(self._stack, name):
            yield Check(name, False, f"{build} holds the source", f"faas-seal seal --clean {name}")
        yield from self._settings()
        if not self._path.exists():
            yield from self._requirements(source)
            yield self._not_sealed()
            return
        yield from self._sealed()

    @cached_property
    def _file(self) -> SealedFile:
        """The sealed file, verified with the author whose signature the container wants."""
        named = self.function.environment.get("seal_author")
        author = AUTHOR_PUBLIC.decode(named) if named else author_public(keystore.author_seed())
        return signed_by(author, self._path.read_bytes(), verify)

    def _sealed(self) -> Iterator[Check]:
        """Yield the checks of the sealed file; the first that fails is the last."""
        name = self.name
        try:
            header = self._file.header
            ids = [slot.id for slot in header.slots]
            own_id = self._own_key_id()
        except FileRefused as error:
            yield Check(name, False, str(error), self._seal_anew())
            return
        except SealError as error:
            yield Check.of_error(name, error, self._seal_anew())
            return
        if own_id is not None and own_id not in ids:
            finding = (
                f"sealed for another key: it opens with {', '.join(ids)}, and yours is {own_id}"
            )
            step = f"put that key back, or seal for yours: faas-seal seal {name}"
            yield Check(name, False, finding, step)
            return
        try:
            unchanged = in_step(self._stack, name, keystore.author_seed())
        except KeyRefused as error:
            yield Check(name, None, f"not known to be in order: {error}", error=error)
            return
        except WrongSignature as error:
            yield Check(name, False, str(error), self._seal_anew())
            return
        except SealError as error:
            yield Check.of_error(name, error, f"mend that, and then: faas-seal seal {name}")
            return
        if header.expires is not None and header.expires <= time.time():
            yield Check(name, False, "has expired", f"faas-seal seal {name}")
            return
        if not unchanged:
            finding = "the source has changed since it was sealed"
            if unchanged is None:
                finding = "sealed elsewhere, and whether the source has changed since is not known"
            yield Check(name, unchanged, finding, f"faas-seal seal {name}")
            return
        yield from checks_of_secrets(self._stack, self.function, header)
        for warning in warnings_for(self._stack, name, source_of(self.function)):
            yield Check(name, False, warning, "change the stack file")
        for line in copied_in_clear(self._stack):
            yield Check(name, False, line, f"faas-seal seal {name}")
        yield Check(name, True, f"sealed as its source is, content id {header.content_id}")

    def _not_sealed(self) -> Check:
        try:
            keystore.author_seed()
        except MissingKey:  # seal makes it
            pass
        except KeyRefused as error:
            finding = "not sealed yet, and the signing key is refused"
            return Check(self.name, False, finding, error=error)
        return Check(self.name, False, "not sealed yet", f"faas-seal seal {self.name}")

    def _settings(self) -> Iterator[Check]:
        try:
            check_settings(self.function)
        except SealError as error:
            yield Check.of_error(self.name, error)
        for line in unknown_settings(self.function):
            yield Check(self.name, False, line, "mend it in the stack file")

    def _requirements(self, source: Path) -> Iterator[Check]:
        try:
            read_requirements((Part("", source, str(source)), *copied_parts(self._stack)))
        except SealError as error:
            yield Check.of_error(self.name, error)

    def _own_key_id(self) -> str | None:
        """Return the id of the project's own key, or None if only recipients open the function."""
        store = Keystore(self._stack.folder)
        own = Terms.load(store.terms_path(self.name)).own_key
        return key_id(store.function_key(self.name)) if own else None

    def _seal_anew(self) -> str:
        """Return how to seal the function again. Another author's is not taken over unasked."""
        command = f"faas-seal seal {self.name}"
        named, mine = self.function.environment.get("seal_author"), keystore.known_author()
        if not named or (mine is not None and named == AUTHOR_PUBLIC.encode(mine)):
            return command
        return (
            f"{command} --author-key-file FILE, with its author's key; "
            f"or take it over: {command} --new-author"
        )
