"""`seal` where the signing key is elsewhere: what is to be signed goes there and back."""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.encoding import base64_decode
from faas_sealed.formats.errors import MalformedFile, WrongSignature
from faas_sealed.formats.file import Unsigned
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY

from faas_seal.cli.common import say
from faas_seal.cli.seal_once import Order, changed_terms, write_keys
from faas_seal.errors import UsageError
from faas_seal.project.keystore import Keystore
from faas_seal.project.stackfile import Function, StackFile
from faas_seal.sealing.draft import draft_of
from faas_seal.sealing.opening import gather
from faas_seal.sealing.plan import remember_terms, write_signed
from faas_seal.sealing.terms import Terms


def prepare(path: Path, order: Order, author: bytes | None, unsigned: Path) -> None:
    """Write to `unsigned` what the author (public key, 32 bytes) has to sign of a function."""
    stack = StackFile.load(path)
    function = _one(stack, order.names)
    author = author or _named_author(function)
    store = Keystore(stack.folder)
    opening = gather(
        stack,
        function,
        author,
        changed_terms(Terms.load(store.terms_path(function.name)), order, function.name),
        function_key=order.key.read(FUNCTION_KEY) if order.key else None,
        transport=order.transport,
        new_author=order.new_author,
    )
    draft = draft_of(stack, function, author, new_author=order.new_author)
    prepared = draft.prepare(opening)
    write_keys(stack, store, function, opening)
    remember_terms(stack, function.name, opening.terms)
    unsigned.write_bytes(prepared.lines + prepared.ciphertext)
    say(f"{function.name}: wrote {unsigned}, for {AUTHOR_PUBLIC.encode(author)} to sign")


def finish(
    path: Path, names: tuple[str, ...], author: bytes | None, unsigned: Path, signature: Path
) -> None:
    """Seal a function with what `prepare` wrote and the author's signature."""
    stack = StackFile.load(path)
    function = _one(stack, names)
    author = author or _named_author(function)
    try:
        signed = base64_decode(signature.read_text("ascii").strip())
    except ValueError:
        raise MalformedFile(
            f"{signature} holds no signature", hint=f"faas-seal sign {unsigned} > {signature}"
        ) from None
    file = Unsigned.parse(unsigned.read_bytes()).signed(signed)
    if file.header.author != author:
        raise WrongSignature(
            f"{unsigned} is for the author {AUTHOR_PUBLIC.encode(file.header.author)}",
            hint="write it again: faas-seal seal NAME --author KEY --unsigned FILE",
        )
    if file.header.function != function.name:
        raise UsageError(
            f"{unsigned} is of {file.header.function}",
            hint=f"faas-seal seal {file.header.function}",
        )
    draft = draft_of(stack, function, author, new_author=True)
    write_signed(stack, draft, file)
    say(f"{function.name}: sealed into {draft.folder}, content id {file.header.content_id}")


def _one(stack: StackFile, names: tuple[str, ...]) -> Function:
    if len(names) != 1:
        raise UsageError("--unsigned is for one function", hint="faas-seal seal greet --unsigned …")
    return stack.function(names[0])


def _named_author(function: Function) -> bytes:
    named = function.environment.get("seal_author")
    if not named:
        raise UsageError(
            f"the stack file does not say who signs {function.name}", hint="--author fsap1_…"
        )
    return AUTHOR_PUBLIC.decode(named)
