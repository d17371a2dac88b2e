"""The sealed file: three lines of text, signed, then ciphertext.

faas-seal/v1 LF
header LF          canonical JSON
signature LF       base64 Ed25519 over the two lines above
ciphertext         to the end of the file
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from faas_sealed.formats.encoding import base64_decode, base64_encode
from faas_sealed.formats.errors import FunctionExpired, MalformedFile, UnknownKey, WrongSignature
from faas_sealed.formats.header import (
    FUNCTION_NAME,
    MAX_HEADER_BYTES,
    MAX_SLOTS,
    Grant,
    Header,
    Slot,
    parse_header,
    serialise_header,
)
from faas_sealed.formats.keys import author_public, key_id
from faas_sealed.formats.primitives import (
    KEY_BYTES,
    SALT_BYTES,
    aead_open,
    aead_seal,
    context,
    hkdf,
    salted_open,
    salted_seal,
)

__all__ = [
    "MAGIC",
    "MAX_HEADER_BYTES",
    "MAX_SLOTS",
    "Grant",
    "Header",
    "Recipient",
    "SealedFile",
    "Slot",
    "Unsigned",
    "claimed_author",
    "prepare",
    "seal",
    "verify",
    "verify_lines",
]

MAGIC = b"faas-seal/v1"
SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class Recipient:
    """One who can open a sealed file with a function key (32 bytes), until `expires`.

    `to` is that key, sealed to their identity, or None.
    """

    function_key: bytes = field(repr=False)
    expires: int | None = None
    to: Grant | None = None


@dataclass(frozen=True)
class SealedFile:
    """A sealed file whose signature has been verified."""

    header: Header
    lines: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    def serialise(self) -> bytes:
        return self.lines + self.ciphertext

    def content_key(self, function_key: bytes, now: float) -> bytes:
        """Return the content key (32 bytes) that `function_key` unwraps at the time `now`.

        Raises FunctionExpired, or UnknownKey for any reason why the key does not open
        this file. The commitment is compared before anything is decrypted with the
        content key, so that no two keys open one file to two programs.
        """
        slot = self.slot(function_key)
        self.check_expiry(slot, now)
        return self.unwrap(slot, function_key)

    def slot(self, function_key: bytes) -> Slot | None:
        """Return the slot with the id of `function_key`, if there is one."""
        wanted = key_id(function_key)
        return next((slot for slot in self.header.slots if slot.id == wanted), None)

    def check_expiry(self, slot: Slot | None, now: float) -> None:
        """Raise FunctionExpired or UnknownKey if file or slot is of no use at the time `now`."""
        if self.header.expires is not None and now >= self.header.expires:
            raise FunctionExpired
        if slot is not None and slot.expires is not None and now >= slot.expires:
            raise UnknownKey

    def unwrap(self, slot: Slot | None, function_key: bytes) -> bytes:
        """Return the content key in `slot`, or raise UnknownKey."""
        if slot is None:
            raise UnknownKey
        try:
            key = salted_open(function_key, b"slot", slot.salt + slot.wrapped, self.header.context)
        except ValueError:
            raise UnknownKey from None
        if not hmac.compare_digest(hkdf(key, b"commit"), self.header.commit):
            raise UnknownKey
        return key

    def bundle(self, content_key: bytes) -> bytes:
        """Decrypt the bundle, or raise MalformedFile."""
        try:
            return aead_open(hkdf(content_key, b"payload"), self.ciphertext, self.header.context)
        except ValueError as error:
            raise MalformedFile(str(error)) from None


@dataclass(frozen=True)
class Unsigned:
    """A sealed file before its author has signed `lines`: the first two, line feeds included."""

    lines: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Unsigned:
        """Parse the two lines with the ciphertext behind them, or raise MalformedFile."""
        end = data.find(b"\n", len(MAGIC) + 1) + 1
        if not data.startswith(MAGIC + b"\n") or not end:
            raise MalformedFile("this is nothing to sign: its first line is not faas-seal/v1")
        return cls(data[:end], data[end:])

    def signature(self, seed: bytes) -> bytes:
        """Return the signature (64 bytes) that a signing seed (32 bytes) makes over `lines`."""
        return bytes(SigningKey(seed).sign(self.lines).signature)

    def signed(self, signature: bytes) -> SealedFile:
        """Return the sealed file with an Ed25519 signature (64 bytes) over `lines`.

        Raises WrongSignature unless the author whom the header names has made it.
        """
        line = base64_encode(signature).encode("ascii") + b"\n"
        data = self.lines + line + self.ciphertext
        return verify(data, claimed_author(data))


def seal(
    bundle: bytes,
    *,
    function: str,
    seed: bytes,
    recipients: Iterable[Recipient],
    created: int,
    expires: int | None = None,
    transport: bytes | None = None,
    preload: Iterable[str] = (),
) -> SealedFile:
    """Encrypt `bundle` under a new content key for all `recipients`, and sign it.

    `seed` is the author's signing seed (32 bytes). The rest is as with `prepare`.
    """
    unsigned = prepare(
        bundle,
        function=function,
        author=author_public(seed),
        recipients=recipients,
        created=created,
        expires=expires,
        transport=transport,
        preload=preload,
    )
    return unsigned.signed(unsigned.signature(seed))


def prepare(
    bundle: bytes,
    *,
    function: str,
    author: bytes,
    recipients: Iterable[Recipient],
    created: int,
    expires: int | None = None,
    transport: bytes | None = None,
    preload: Iterable[str] = (),
) -> Unsigned:
    """Encrypt `bundle` under a new content key for all `recipients`, for `author` to sign.

    `author` is a public key (32 bytes), `transport` the function's transport public key
    (1,216 bytes), `preload` the names of libraries to import before a request arrives.
    Raises MalformedFile for what the format does not allow.
    """
    if not FUNCTION_NAME.fullmatch(function):
        raise MalformedFile(f"a function's name is a DNS label, found {function!r}")
    content_key = os.urandom(KEY_BYTES)
    aad = context(function, author)
    ciphertext = aead_seal(hkdf(content_key, b"payload"), bundle, aad)
    header = Header(
        function=function,
        author=author,
        created=created,
        expires=expires,
        transport=transport,
        preload=tuple(sorted(set(preload))),
        commit=hkdf(content_key, b"commit"),
        length=len(ciphertext),
        sha256=hashlib.sha256(ciphertext).digest(),
        slots=tuple(
            sorted((_wrap(content_key, aad, r) for r in recipients), key=lambda slot: slot.id)
        ),
    )
    return Unsigned(MAGIC + b"\n" + serialise_header(header) + b"\n", ciphertext)


def _wrap(content_key: bytes, aad: bytes, recipient: Recipient) -> Slot:
    sealed = salted_seal(recipient.function_key, b"slot", content_key, aad)
    return Slot(
        id=key_id(recipient.function_key),
        salt=sealed[:SALT_BYTES],
        wrapped=sealed[SALT_BYTES:],
        expires=recipient.expires,
        to=recipient.to,
    )


def verify(data: bytes, author: bytes) -> SealedFile:
    """Return the sealed file in `data` if `author` (public key, 32 bytes) signed it.

    The signature is verified before the header is parsed. Raises WrongSignature for
    another author or an altered header or ciphertext, MalformedFile for another form.
    """
    header_line, signature_line, ciphertext = _split(data)
    header = _verified_header(header_line, signature_line, author)
    if header.length != len(ciphertext):
        raise WrongSignature(
            f"the ciphertext is altered: {len(ciphertext)} bytes, expected {header.length}"
        )
    if header.sha256 != hashlib.sha256(ciphertext).digest():
        raise WrongSignature("the ciphertext is altered")
    return SealedFile(header, data[: len(data) - len(ciphertext)], ciphertext)


def verify_lines(data: bytes, author: bytes) -> Header:
    """Return the header in the three lines that discovery answers, which have no ciphertext.

    The lines are `SealedFile.lines`; `author` and the errors are those of `verify`.
    """
    header_line, signature_line, rest = _split(data)
    if rest:
        raise MalformedFile("there is more than the three lines of a sealed file")
    return _verified_header(header_line, signature_line, author)


def _verified_header(header_line: bytes, signature_line: bytes, author: bytes) -> Header:
    try:
        signature = base64_decode(signature_line.decode("ascii"))
        if len(signature) != SIGNATURE_BYTES:
            raise ValueError
    except ValueError:
        raise MalformedFile("the signature is malformed") from None
    try:
        VerifyKey(author).verify(MAGIC + b"\n" + header_line + b"\n", signature)
    except BadSignatureError:
        raise WrongSignature("the file is altered, or signed by another author") from None
    header = parse_header(header_line)
    if header.author != author:
        raise WrongSignature("the header names another author than the one who signed it")
    return header


def claimed_author(data: bytes) -> bytes:
    """Return the public key that a sealed file names as its author's. Nothing is verified."""
    return parse_header(_split(data)[0]).author


def _split(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the header's line, the signature's line and the ciphertext."""
    if not data.startswith(MAGIC + b"\n"):
        raise MalformedFile("this is not a sealed file: its first line is not faas-seal/v1")
    header_at = len(MAGIC) + 1
    end_of_header = data.find(b"\n", header_at, header_at + MAX_HEADER_BYTES + 1)
    end_of_signature = data.find(b"\n", end_of_header + 1, end_of_header + 2 * SIGNATURE_BYTES)
    if not 0 <= end_of_header < end_of_signature:
        raise MalformedFile("this is not a sealed file: it does not begin with its three lines")
    return (
        data[header_at:end_of_header],
        data[end_of_header + 1 : end_of_signature],
        data[end_of_signature + 1 :],
    )
