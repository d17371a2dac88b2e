"""Sealed bodies, and libsodium's secretstream out of ChaCha20 and Poly1305 (RFC 8439)."""

from __future__ import annotations

import hmac
import json
import re
import struct
from collections.abc import Iterable
from typing import Any, NoReturn

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.poly1305 import Poly1305

from tests.formats.second.suite import Refused, hkdf

MESSAGE, PUSH, REKEY, FINAL = range(4)


def chacha20(key: bytes, start: bytes, data: bytes) -> bytes:
    """Encrypt from `start`: the block counter, 4 bytes little-endian, and the nonce, 12."""
    return Cipher(algorithms.ChaCha20(key, start), mode=None).encryptor().update(data)


def hchacha20(key: bytes, start: bytes) -> bytes:
    """draft-irtf-cfrg-xchacha, section 2.2: a block of ChaCha20 without its last addition."""
    block = struct.unpack("<16I", chacha20(key, start, bytes(64)))
    added = struct.unpack("<8I", b"expand 32-byte k" + start)
    pairs = zip(block[:4] + block[12:], added, strict=True)
    return struct.pack("<8I", *((word - other) % 2**32 for word, other in pairs))


class Secretstream:
    """One direction of a stream: its key, message counter and nonce after each message."""

    def __init__(self, key: bytes, header: bytes, counter: int = 1) -> None:
        self.key = hchacha20(key, header[:16])
        self.nonce = header[16:]
        self.counter = counter

    def push(self, tag: int, plaintext: bytes) -> bytes:
        first = self._block(1, bytes([tag]) + bytes(63))
        return self._seal(tag, first, self._block(2, plaintext))

    def pull(self, message: bytes) -> tuple[int, bytes] | None:
        first = message[:1] + self._block(1, bytes(64))[1:]
        tag = message[0] ^ self._block(1, bytes(1))[0]
        ciphertext = message[1:-16]
        plaintext = self._block(2, ciphertext)
        sealed = self._seal(tag, first, ciphertext)
        return (tag, plaintext) if hmac.compare_digest(sealed, message) else None

    def _seal(self, tag: int, first: bytes, ciphertext: bytes) -> bytes:
        # libsodium pads by as many bytes as the ciphertext is longer than whole blocks.
        padding = bytes(len(ciphertext) % 16)
        lengths = struct.pack("<QQ", 0, 64 + len(ciphertext))
        mac = Poly1305.generate_tag(
            self._block(0, bytes(32)), first + ciphertext + padding + lengths
        )
        self.nonce = bytes(a ^ b for a, b in zip(self.nonce, mac[:8], strict=True))
        self.counter = (self.counter + 1) % 2**32
        if tag & REKEY or not self.counter:
            both = self._block(0, self.key + self.nonce)
            self.key, self.nonce, self.counter = both[:32], both[32:], 1
        return first[:1] + ciphertext + mac

    def _block(self, block: int, data: bytes) -> bytes:
        return chacha20(self.key, struct.pack("<II", block, self.counter) + self.nonce, data)


def seal_stream(key: bytes, header: bytes, frames: Iterable[tuple[int, bytes]]) -> bytes:
    """Write a stream of any tags and plaintexts, the first one the head."""
    stream = Secretstream(key, header)
    messages = [stream.push(tag, plaintext) for tag, plaintext in frames]
    return header + b"".join(struct.pack(">I", len(each)) + each for each in messages)


def open_stream(data: bytes, key: bytes) -> tuple[bytes, bytes]:
    """Return what the first frame holds, and what the others hold as one."""
    stream = Secretstream(key, data[:24]) if len(data) >= 24 else None
    at, tag = 24, MESSAGE
    plaintexts: list[bytes] = []
    while stream and at < len(data) and tag != FINAL:
        length = int.from_bytes(data[at : at + 4], "big")
        message = data[at + 4 : at + 4 + length]
        if not 17 <= length <= 65_553 or len(message) != length:
            raise Refused("malformed-body")
        opened = stream.pull(message)
        if opened is None:
            raise Refused("malformed-body")
        tag, plaintext = opened
        if tag not in (MESSAGE, PUSH, FINAL):
            raise Refused("malformed-body")
        plaintexts.append(unpadded(plaintext) if tag == PUSH else plaintext)
        at += 4 + length
    if tag != FINAL or at != len(data):
        raise Refused("malformed-body")
    return plaintexts[0], b"".join(plaintexts[1:])


def unpadded(plaintext: bytes) -> bytes:
    match = re.fullmatch(b"(.*)\x80\x00*", plaintext, re.DOTALL)
    if match is None:
        raise Refused("malformed-body")
    return match[1]


def padded(content: bytes, size: int) -> tuple[int, bytes]:
    """Return tag and plaintext of a frame that looks as if it held `size` bytes."""
    if len(content) == size:
        return MESSAGE, content
    return PUSH, (content + b"\x80").ljust(size, b"\0")


def padded_frames(head: bytes, pieces: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """Return the frames of a sender that hides lengths; `pieces` are sent as they come."""
    frames = [padded(head, _filled(len(head)))]
    before = None
    for piece in pieces:
        while piece:
            content, piece = piece[:65_536], piece[65_536:]
            frames.append(padded(content, 65_536 if before == 65_536 else _filled(len(content))))
            before = len(content)
    if before is None:
        frames.append(padded(b"", 256))
    return [*frames, (FINAL, b"")]


def _filled(length: int) -> int:
    size = 256
    while size < length:
        size *= 2
    return size


def read_head(data: bytes, direction: str) -> dict[str, Any]:
    """Return the members of a head of `direction`, request or response."""
    try:
        head = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_int=_status,
            parse_float=_no,
            parse_constant=_no,
        )
    except (ValueError, RecursionError):
        raise Refused("malformed-body") from None
    members = {"request": ["headers"], "response": ["headers", "status"]}[direction]
    if len(data) > 65_536 or not isinstance(head, dict) or sorted(head) != members:
        raise Refused("malformed-body")
    headers = head["headers"]
    if not isinstance(headers, list) or not all(map(_is_header, headers)):
        raise Refused("malformed-body")
    # True is no integer here, and _status has seen all that are.
    if direction == "response" and type(head["status"]) is not int:
        raise Refused("malformed-body")
    return head


def _is_header(value: Any) -> bool:
    if not isinstance(value, list) or [type(each) for each in value] != [str, str]:
        return False
    try:
        value[1].encode("utf-8")
    except UnicodeEncodeError:
        return False
    name = re.fullmatch(r"[-!#$%&'*+.^_`|~A-Za-z0-9]+", value[0])
    return name is not None and not set(value[1]) & set("\r\n\0")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        _no()
    return dict(pairs)


def _status(digits: str) -> int:
    if not re.fullmatch("[2-5][0-9][0-9]", digits):
        _no()
    return int(digits)


def _no(_: str = "") -> NoReturn:
    raise ValueError


def stream_key(session: bytes, direction: str) -> bytes:
    return hkdf(session, direction)
