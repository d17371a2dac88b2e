"""Writing the files of a seal: keys, sealed folders, the stack file, states and terms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.keys import AUTHOR_PUBLIC

from faas_seal.project.files import Replacement, replace_together
from faas_seal.project.keystore import Keystore
from faas_seal.project.secrets import SecretFiles, transport_secret
from faas_seal.project.source_folder import CONSTRAINTS, source_of
from faas_seal.project.stackfile import (
    SEALED_FILE,
    SEALED_FOLDER,
    Function,
    StackFile,
    sealed_folder,
)
from faas_seal.sealing.plan import Plan
from faas_seal.sealing.source import Source
from faas_seal.sealing.state import state_path


def pointing_to_sealed(
    stack: StackFile, function: Function, author: bytes, transport: bytes | None
) -> StackFile:
    """Return the stack file in which a function is built from its sealed folder alone.

    `author` is the author's public key (32 bytes), `transport` the function's (1,216 bytes).
    Raises StackFileRefused.
    """
    return stack.with_copies_sealed().sealed(
        function.name,
        handler=f"./{SEALED_FOLDER}/{function.name}",
        source=source_of(function),
        author=AUTHOR_PUBLIC.encode(author),
        transport=None if transport is None else transport_secret(function),
    )


def write_function_key(plan: Plan) -> Path | None:
    """Write the function key of a plan if it is new, and return its path."""
    if plan.function_key is None or not plan.function_key_is_new:
        return None
    return Keystore(plan.stack.folder).add(plan.name, plan.function_key)


def write_transport_secret(plan: Plan) -> Path | None:
    """Write the transport secret of a plan if it is new, and return its path."""
    if plan.new_transport_seed is None:
        return None
    files = SecretFiles(plan.stack.folder)
    secret = transport_secret(plan.function)
    return files.write_transport(secret, plan.name, [plan.new_transport_seed])


def write_plans(plans: Sequence[Plan], before: StackFile, after: StackFile) -> None:
    """Write sealed folders, the stack file that points to them, states and terms.

    All files are written beside their places before the first is moved there.
    """
    files: list[Replacement] = []
    for plan in plans:
        if plan.file is not None:
            files += _sealed(before, plan.name, plan.source, plan.file)
    if after is not before:
        files.append(after.replacement())
    store = Keystore(before.folder)
    for plan in plans:
        if plan.file is not None:
            store.prepare()
            path = state_path(before.folder, plan.name)
            files.append(Replacement(path, plan.state, store.folder))
        files += _terms(store, plan)
    replace_together(files)
    for plan in plans:
        _remove_old_constraints(plan.folder, plan.source)


def write_signed(before: StackFile, function: Function, source: Source, file: SealedFile) -> None:
    """Write the sealed folder of a file that was signed elsewhere, and the stack file.

    No state is written, because its digest needs the signing key.
    """
    header = file.header
    after = pointing_to_sealed(before, function, header.author, header.transport)
    files = _sealed(before, function.name, source, file)
    if after is not before:
        files.append(after.replacement())
    replace_together(files)
    _remove_old_constraints(sealed_folder(before.folder, function.name), source)


def write_terms(plan: Plan) -> None:
    """Write the terms of a plan, for the next seal."""
    replace_together(_terms(Keystore(plan.stack.folder), plan))


def _sealed(stack: StackFile, name: str, source: Source, file: SealedFile) -> list[Replacement]:
    folder = sealed_folder(stack.folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    # Temporary files must not lie in the sealed folder: faas-cli would send them, too.
    beside = folder.parent
    required = source.required.files
    return [
        *(Replacement(folder / file, content, beside) for file, content in required.items()),
        Replacement(folder / SEALED_FILE, file.serialise(), beside),
    ]


def _remove_old_constraints(folder: Path, source: Source) -> None:
    if CONSTRAINTS not in source.required.files:
        (folder / CONSTRAINTS).unlink(missing_ok=True)


def _terms(store: Keystore, plan: Plan) -> list[Replacement]:
    if plan.terms == plan.terms_before:
        return []
    store.prepare()
    # Only the owner may read it: function keys are in it.
    path = store.terms_path(plan.name)
    return [Replacement(path, plan.terms.serialise(), store.folder, 0o600)]
