"""Parsers as a stranger reaches them, the second implementation's beside each."""

from __future__ import annotations

import json
from typing import Any

from faas_sealed.formats.bundle import unpack
from faas_sealed.formats.encoding import base64_encode
from faas_sealed.formats.file import SealedFile, verify, verify_lines
from faas_sealed.formats.header import serialise_header
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import FUNCTION_KEY, TEXT_FORMS
from faas_sealed.formats.primitives import context
from faas_sealed.formats.stream import Head, Opener, decode_head
from faas_sealed.formats.ticket import Ticket, accept_ticket, open_resumed, ticket_root
from faas_sealed.formats.token import KeyToken, open_token
from faas_sealed.formats.trace import open_trace

from tests.formats import forge
from tests.formats.second import hpke
from tests.formats.second.bundle import read_bundle
from tests.formats.second.file import open_file, read_lines
from tests.formats.second.stream import open_stream, read_head, seal_stream
from tests.formats.second.suite import Refused, aead_seal
from tests.formats.second.text import base64_decode, parse_key, read_trace
from tests.formats.second.ticket import accept_ticket as second_accept_ticket
from tests.formats.second.ticket import confirmation, read_resumed
from tests.formats.second.token import read_token

AUTHOR = forge.public()
TRANSPORT = PrivateKey(forge.TRANSPORT_SEED)
SECRET, ENC = hpke.encapsulate(TRANSPORT.public)
ROOT = ticket_root(forge.TRANSPORT_SEED)
TICKET = forge.ticket()
TICKET_NOW = forge.EXP
SESSION_KEY = bytes(range(32))
STREAM_HEADER = bytes(range(24))
NOW = 1_700_000_001


# Key texts. A header's bytes reach a program as latin-1 (PEP 3333).


def key_text(data: bytes) -> tuple[str, bytes]:
    text = data.decode("latin-1")
    form = next((form for form in TEXT_FORMS if text.startswith(form.prefix)), FUNCTION_KEY)
    return form.prefix, form.decode(text)


def second_key_text(data: bytes) -> tuple[str, bytes]:
    text = data.decode("latin-1")
    prefix = next((form.prefix for form in TEXT_FORMS if text.startswith(form.prefix)), "fsk1_")
    return prefix, parse_key(prefix, text)


def write_key(value: tuple[str, bytes]) -> bytes:
    prefix, key = value
    return next(form for form in TEXT_FORMS if form.prefix == prefix).encode(key).encode()


# Key tokens, and what a caller could seal in one.


def token(data: bytes) -> KeyToken:
    return open_token(data.decode("latin-1"), TRANSPORT, context("greet", AUTHOR))


def second_token(data: bytes) -> KeyToken:
    members = read_token(data.decode("latin-1"), forge.TRANSPORT_SEED, "greet", AUTHOR)
    key, bind, session, resume = (
        None if members[name] is None else base64_decode(members[name])
        for name in ("key", "bind", "session", "resume")
    )
    return KeyToken(key or b"", members["exp"], bind, session, resume)


def sealed_token(plaintext: bytes) -> bytes:
    """Seal what is said to be a token, always to the same encapsulated secret."""
    key, nonce = hpke.key_schedule(SECRET, b"faas-seal/v1 token\0" + context("greet", AUTHOR))
    return b"fsx1_" + base64_encode(ENC + aead_seal(key, plaintext, b"", nonce)).encode()


# Resumed tokens, and what a caller could seal in one.


def resumed(data: bytes) -> KeyToken:
    return open_resumed(data.decode("latin-1"), ROOT, context("greet", AUTHOR))


def second_resumed(data: bytes) -> KeyToken:
    token = read_resumed(data.decode("latin-1"), forge.TRANSPORT_SEED, "greet", AUTHOR)
    return KeyToken(token.key, token.exp, token.bind, token.session)


def sealed_resumed(content: bytes) -> bytes:
    """Seal what is said to be the content of a resumed token, always with the same ticket."""
    return forge.resumed_text(content, TICKET).encode()


# Tickets as a client gets them, and what a function could confirm.


def ticket(data: bytes) -> Ticket:
    return accept_ticket(data.decode("latin-1"), forge.RESUME, TICKET_NOW)


def second_ticket(data: bytes) -> Ticket:
    try:
        sealed, texp = second_accept_ticket(data.decode("latin-1"), forge.RESUME, TICKET_NOW)
    except Refused:
        raise ValueError from None
    return Ticket(sealed, forge.RESUME, texp)


def confirmed(granted: bytes) -> bytes:
    """Confirm what is said to be texp and a ticket."""
    return b"fsxt1_" + base64_encode(granted + confirmation(forge.RESUME, granted)).encode()


def write_ticket(ticket: Ticket) -> bytes:
    return forge.ticket_text(ticket.sealed, ticket.texp, ticket.resume).encode()


# Sealed files.


def file(data: bytes) -> SealedFile:
    return verify(data, AUTHOR)


def signed(data: bytes) -> bytes:
    """Sign a header's line; what follows it is the ciphertext."""
    line, _, ciphertext = data.partition(b"\n")
    return forge.sign(line, ciphertext)


def opened_file(data: bytes) -> tuple[str, dict[str, bytes]]:
    sealed = verify(data, AUTHOR)
    content_key = sealed.content_key(forge.FUNCTION_KEY, NOW)
    return sealed.header.function, unpack(sealed.bundle(content_key))


def second_opened_file(data: bytes) -> tuple[str, dict[str, bytes]]:
    opened = open_file(data, AUTHOR, forge.FUNCTION_KEY, NOW)
    return opened.header["function"], read_bundle(opened.bundle)


def lines(data: bytes) -> Any:
    return json.loads(serialise_header(verify_lines(data, AUTHOR)))


def signed_lines(line: bytes) -> bytes:
    return forge.sign(line, b"")


def second_lines(data: bytes) -> Any:
    return read_lines(data, AUTHOR)


# Traces.


def trace(data: bytes) -> str:
    return open_trace(data.decode("latin-1"), forge.CONTENT_KEY, context("greet", AUTHOR))


def second_trace(data: bytes) -> str:
    return read_trace(data.decode("latin-1"), forge.CONTENT_KEY, "greet", AUTHOR)


# Sealed bodies.


def stream(data: bytes) -> tuple[bytes | None, bytes]:
    opener = Opener(SESSION_KEY)
    body = b"".join(opener.feed(data))
    opener.finish()
    return opener.head, body


def stream_byte_by_byte(data: bytes) -> tuple[bytes | None, bytes]:
    opener = Opener(SESSION_KEY)
    body = b"".join(b"".join(opener.feed(bytes([byte]))) for byte in data)
    opener.finish()
    return opener.head, body


def second_stream(data: bytes) -> tuple[bytes, bytes]:
    return open_stream(data, SESSION_KEY)


def sealed_frames(data: bytes) -> bytes:
    """Seal frames: each is a tag, a length of 2 bytes, and the plaintext."""
    frames, at = [], 0
    while at + 3 <= len(data):
        end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
        frames.append((data[at], data[at + 3 : end]))
        at = end
    # What is left over stands behind the last frame.
    return seal_stream(SESSION_KEY, STREAM_HEADER, frames) + data[at:]


# Heads of sealed bodies.


def request_head(data: bytes) -> Head:
    return decode_head(data, response=False)


def second_request_head(data: bytes) -> Head:
    return Head(tuple(map(tuple, read_head(data, "request")["headers"])))


def response_head(data: bytes) -> Head:
    return decode_head(data, response=True)


def second_response_head(data: bytes) -> Head:
    members = read_head(data, "response")
    return Head(tuple(map(tuple, members["headers"])), members["status"])
