"""Sealing in two steps, for an author whose signing key is elsewhere.

The first step encrypts a function and writes a file for the author to sign. The second step
makes the sealed file from that file and the author's signature.
"""

from __future__ import annotations

from pathlib import Path

from faas_sealed.formats.encoding import base64_decode
from faas_sealed.formats.file import SealedFile, Unsigned
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY

from faas_seal.errors import UsageError
from faas_seal.project.stackfile import Function, StackFile
from faas_seal.sealing.errors import ForAnotherAuthor, NoAuthorNamed, NoSignature
from faas_seal.sealing.options import SealOptions
from faas_seal.sealing.plan import Plan, make_plan, source_to_seal
from faas_seal.sealing.writing import write_signed, write_terms


def plan_unsigned(
    stack: StackFile, name: str, author: bytes | None, options: SealOptions
) -> tuple[Plan, Unsigned]:
    """Encrypt a function, for `author` (public key, 32 bytes) to sign. Nothing is written yet.

    If `author` is None, the stack file names the author. Raises SealError for anything that
    keeps the function from being sealed.
    """
    function = stack.function(name)
    plan = make_plan(
        stack,
        function,
        author or _named_author(function),
        options,
        function_key=options.key.read(FUNCTION_KEY) if options.key else None,
    )
    return plan, plan.encrypted()


def write_unsigned(plan: Plan, unsigned: Unsigned, path: Path) -> None:
    """Write the file that the author has to sign, and the terms. The keys must be written first."""
    write_terms(plan)
    path.write_bytes(unsigned.lines + unsigned.ciphertext)


def finish(
    stack: StackFile, name: str, author: bytes | None, unsigned: Path, signature: Path
) -> SealedFile:
    """Make the sealed file from an unsigned file and its signature; write and return it.

    `author` is a public key (32 bytes); if it is None, the stack file names the author. Raises
    NoSignature, ForAnotherAuthor, and SealError for files that do not belong together.
    """
    function = stack.function(name)
    author = author or _named_author(function)
    try:
        signed = base64_decode(signature.read_text("ascii").strip())
    except ValueError:
        raise NoSignature(signature, unsigned) from None
    file = Unsigned.parse(unsigned.read_bytes()).signed(signed)
    if file.header.author != author:
        raise ForAnotherAuthor(unsigned, AUTHOR_PUBLIC.encode(file.header.author))
    if file.header.function != function.name:
        raise UsageError(
            f"{unsigned} is for the function {file.header.function}, not for {function.name}",
            hint=f"faas-seal seal {file.header.function}",
        )
    source = source_to_seal(stack, function, author, new_author=True)
    write_signed(stack, function, source, file)
    return file


def _named_author(function: Function) -> bytes:
    named = function.environment.get("seal_author")
    if not named:
        raise NoAuthorNamed(function.name)
    return AUTHOR_PUBLIC.decode(named)
