"""Every parser that a stranger can reach, and what seeds its inputs."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from faas_sealed.formats.bundle import pack, unpack
from faas_sealed.formats.errors import (
    FileRefused,
    MalformedBody,
    MalformedBundle,
    MalformedFile,
    MalformedKey,
    MalformedTrace,
    UnknownKey,
    WrongSignature,
)
from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.header import parse_header, serialise_header
from faas_sealed.formats.stream import encode_head

from tests.formats import forge
from tests.formats.second.bundle import read_bundle
from tests.formats.second.stream import FINAL, MESSAGE, PUSH, open_stream, stream_key
from tests.formats.second.suite import Refused
from tests.formats.vector import PATHS, Vector
from tests.fuzz import readers
from tests.fuzz.engine import Target

# Longer vectors are about bounds, and slow.
MAX_SEED_BYTES = 4096


@cache
def vectors(kind: str) -> list[Vector]:
    return [Vector(path) for path in PATHS if path.parent.name == kind]


def seeds(kind: str, name: str) -> list[bytes]:
    """Return the value `name` of each vector of a kind, good and bad, none twice."""
    found = dict.fromkeys(vector[name] for vector in vectors(kind))
    return [value for value in found if len(value) <= MAX_SEED_BYTES]


def unsigned(data: bytes) -> bytes:
    """Return header and ciphertext of a sealed file, as `signed` takes them."""
    lines = data.split(b"\n", 3)
    return lines[1] + b"\n" + lines[3] if len(lines) == 4 else b""


def heads(direction: str) -> list[bytes]:
    """Return the head in each vector whose stream opens, also where the head is a bad one."""
    found: dict[bytes, None] = {}
    for vector in vectors("stream"):
        with suppress(Refused):
            key = stream_key(vector["session"], direction)
            found[open_stream(vector["stream"], key)[0]] = None
    return [head for head in found if len(head) <= MAX_SEED_BYTES]


def frame(tag: int, plaintext: bytes) -> bytes:
    return bytes([tag]) + len(plaintext).to_bytes(2, "big") + plaintext


PLAIN_HEAD = frame(MESSAGE, b'{"headers":[]}')
FRAMES = [
    PLAIN_HEAD + frame(FINAL, b"body"),
    PLAIN_HEAD + frame(MESSAGE, b"body") + frame(FINAL, b""),
    PLAIN_HEAD + frame(MESSAGE, b"") + frame(MESSAGE, bytes(300)) + frame(FINAL, bytes(40)),
    PLAIN_HEAD
    + frame(PUSH, b"\x80" + bytes(9))
    + frame(PUSH, b"body\x80")
    + frame(FINAL, b"\x80\0"),
    frame(FINAL, b'{"headers":[]}'),
]


TARGETS = {
    target.name: target
    for target in (
        Target(
            "key-text",
            "keys",
            seeds("keys", "text"),
            readers.key_text,
            (MalformedKey,),
            serialise=readers.write_key,
            others=[readers.second_key_text],
        ),
        Target(
            "key-token",
            "token",
            seeds("token", "token"),
            readers.token,
            (MalformedKey,),
            others=[readers.second_token],
        ),
        Target(
            "sealed-token",
            "token",
            [
                forge.token_line(),
                forge.token_line(bind="A" * 43, resume="A" * 43, session="A" * 43),
            ],
            readers.token,
            (MalformedKey,),
            prepare=readers.sealed_token,
            others=[readers.second_token],
        ),
        Target(
            "resumed-token",
            "resumed",
            seeds("resumed", "token"),
            readers.resumed,
            (MalformedKey,),
            others=[readers.second_resumed],
        ),
        # What a caller could seal.
        Target(
            "sealed-resumed",
            "resumed",
            [
                forge.resumed_content(),
                forge.resumed_content(1, b"B" * 32),
                forge.resumed_content(3, b"B" * 32, session=b"S" * 32),
            ],
            readers.resumed,
            (MalformedKey,),
            prepare=readers.sealed_resumed,
            others=[readers.second_resumed],
        ),
        Target(
            "ticket",
            "ticket",
            seeds("ticket", "ticket"),
            readers.ticket,
            (ValueError,),
            serialise=readers.write_ticket,
            others=[readers.second_ticket],
        ),
        # What a function could confirm.
        Target(
            "confirmed-ticket",
            "ticket",
            [forge.EXP.to_bytes(8, "big") + readers.TICKET, bytes(112)],
            readers.ticket,
            (ValueError,),
            prepare=readers.confirmed,
            serialise=readers.write_ticket,
            others=[readers.second_ticket],
        ),
        Target(
            "lines",
            "discovery",
            seeds("discovery", "lines"),
            readers.lines,
            (MalformedFile, WrongSignature),
        ),
        Target(
            "signed-lines",
            "discovery",
            [lines.split(b"\n")[1] for lines in seeds("discovery", "lines") if b"\n" in lines],
            readers.lines,
            (MalformedFile, WrongSignature),
            prepare=readers.signed_lines,
            others=[readers.second_lines],
        ),
        Target(
            "file",
            "file",
            seeds("file", "file"),
            readers.file,
            (MalformedFile, WrongSignature),
            serialise=SealedFile.serialise,
        ),
        Target(
            "header",
            "file",
            [file.partition(b"\n")[0] for file in map(unsigned, seeds("file", "file"))],
            parse_header,
            (MalformedFile,),
            serialise=serialise_header,
        ),
        # What an author could sign.
        Target(
            "signed-file",
            "file",
            list(map(unsigned, seeds("file", "file"))),
            readers.opened_file,
            (FileRefused, UnknownKey),
            prepare=readers.signed,
            others=[readers.second_opened_file],
        ),
        Target(
            "bundle",
            "bundle",
            seeds("bundle", "bundle"),
            unpack,
            (MalformedBundle,),
            serialise=pack,
            unique=False,
            others=[read_bundle],
            memory_per_byte=1100,  # deflate's best
        ),
        Target(
            "trace",
            "trace",
            seeds("trace", "trace"),
            readers.trace,
            (MalformedTrace,),
            others=[readers.second_trace],
        ),
        Target(
            "stream",
            "stream",
            list(map(readers.sealed_frames, FRAMES)),
            readers.stream,
            (MalformedBody,),
            others=[readers.stream_byte_by_byte, readers.second_stream],
        ),
        # What a caller could seal.
        Target(
            "frames",
            "stream",
            FRAMES,
            readers.stream,
            (MalformedBody,),
            prepare=readers.sealed_frames,
            others=[readers.stream_byte_by_byte, readers.second_stream],
        ),
        Target(
            "request-head",
            "stream",
            heads("request"),
            readers.request_head,
            (MalformedBody,),
            serialise=encode_head,
            unique=False,
            others=[readers.second_request_head],
        ),
        Target(
            "response-head",
            "stream",
            heads("response"),
            readers.response_head,
            (MalformedBody,),
            serialise=encode_head,
            unique=False,
            others=[readers.second_response_head],
        ),
    )
}
