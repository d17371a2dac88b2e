"""Sealed bodies: the head and body of a request or response as one authenticated stream.

header of 24 bytes   libsodium's secretstream (XChaCha20-Poly1305)
frame …              length of its ciphertext, a big-endian u32, then the ciphertext

The first frame is the head, the others are the body. A frame with the tag PUSH is padded, with
the byte 0x80 and zero bytes at the end of its plaintext, because anyone on the way can read how
long a frame is. Only a stream that ended with the tag FINAL is whole: what was read before is
authentic, but perhaps not all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from nacl import bindings
from nacl.exceptions import RuntimeError as SodiumError

from faas_sealed.formats.encoding import json_parse
from faas_sealed.formats.errors import MalformedBody
from faas_sealed.formats.primitives import KEY_BYTES, hkdf
from faas_sealed.formats.wire import is_header

CONTENT_TYPE = "application/vnd.faas-seal.stream"
CHUNK_BYTES = 65_536
SESSION_BYTES = KEY_BYTES

_HEADER_BYTES = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_LENGTH_BYTES = 4
_OVERHEAD_BYTES = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_LEAST_PADDED = 256
_PADDED = bindings.crypto_secretstream_xchacha20poly1305_TAG_PUSH
_MESSAGE = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_State = bindings.crypto_secretstream_xchacha20poly1305_state
_init_push = bindings.crypto_secretstream_xchacha20poly1305_init_push
_push = bindings.crypto_secretstream_xchacha20poly1305_push
_init_pull = bindings.crypto_secretstream_xchacha20poly1305_init_pull
_pull = bindings.crypto_secretstream_xchacha20poly1305_pull


def request_key(session: bytes) -> bytes:
    """Return the key (32 bytes) of the request's stream in a session (32 bytes)."""
    return hkdf(session, b"request")


def response_key(session: bytes) -> bytes:
    """Return the key (32 bytes) of the response's stream in a session (32 bytes)."""
    return hkdf(session, b"response")


@dataclass(frozen=True)
class Head:
    """The headers of a request, or of a response with its `status` (200 to 599)."""

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    status: int | None = None


def encode_head(head: Head) -> bytes:
    """Return the plaintext of the first frame.

    Raises ValueError for a head that `decode_head` would refuse. That includes one longer
    than CHUNK_BYTES, which does not fit into a frame.
    """
    members: dict[str, object] = {"headers": head.headers}
    if head.status is not None:
        members["status"] = head.status
    data = json.dumps(members, separators=(",", ":")).encode()
    _parse_head(data, response=head.status is not None)
    return data


def decode_head(data: bytes, *, response: bool) -> Head:
    """Return the head in the plaintext of the first frame, or raise MalformedBody."""
    try:
        return _parse_head(data, response=response)
    except ValueError as error:
        raise MalformedBody(f"the head of the stream is malformed: {error}") from None


def _parse_head(data: bytes, *, response: bool) -> Head:
    """Return the head in `data`; a ValueError repeats nothing of it."""
    if len(data) > CHUNK_BYTES:
        raise ValueError(f"it is longer than {CHUNK_BYTES} bytes")
    members = json_parse(data)
    expected = {"headers", "status"} if response else {"headers"}
    if not isinstance(members, dict) or set(members) != expected:
        raise ValueError(f"expected exactly the members {' '.join(sorted(expected))}")
    if not isinstance(members["headers"], list):
        raise ValueError("headers is not a list")
    headers = tuple(map(_header, members["headers"]))
    status = members.get("status")
    if response and (type(status) is not int or not 200 <= status <= 599):
        raise ValueError("status is not an integer from 200 to 599")
    return Head(headers, status)


def _header(value: object) -> tuple[str, str]:
    match value:
        case [str(name), str(content)] if is_header(name, content) and _is_unicode(content):
            return name, content
    raise ValueError("a header is not a pair of a name and a value of the allowed form")


def _is_unicode(text: str) -> bool:
    # JSON can escape half a surrogate pair, which no UTF-8 can hold.
    return not any("\ud800" <= character <= "\udfff" for character in text)


class Sealer:
    """Writes one stream. Each piece that a method returns can be sent at once.

    With `pad`, the length of a frame says little of what is in it; see `padded_size`. Behind a
    whole chunk it says nothing. The final frame is not padded, so it should be empty then.
    """

    def __init__(self, key: bytes, *, pad: bool = False) -> None:
        self._pad = pad
        self._state = _State()
        self._header = _init_push(self._state, key)
        self._started = False
        self._final = False
        self._behind_chunk = False  # whether the frame before held CHUNK_BYTES

    def start(self, head: Head, *, final: bool = False) -> bytes:
        """Return the stream's header and the frame of its head; `final` if there is no body.

        Raises ValueError as `encode_head` does.
        """
        if self._started:
            raise ValueError("the stream has been started")
        plaintext = encode_head(head)
        self._started = True
        return self._header + self._frame(plaintext, final, padded_size(len(plaintext)))

    def frame(self, plaintext: bytes, final: bool = False) -> bytes:
        """Return one frame of the body: at most CHUNK_BYTES, the last one `final`."""
        if not self._started or self._final:
            raise ValueError("a frame stands between the head and the final frame")
        if len(plaintext) > CHUNK_BYTES:
            raise ValueError(f"a frame holds {CHUNK_BYTES} bytes, found {len(plaintext)}")
        size = CHUNK_BYTES if self._behind_chunk else padded_size(len(plaintext))
        self._behind_chunk = len(plaintext) == CHUNK_BYTES
        return self._frame(plaintext, final, size)

    def _frame(self, plaintext: bytes, final: bool, size: int) -> bytes:
        """Return one frame, whose plaintext is filled to `size` if it is to be padded."""
        self._final = final
        tag = _FINAL if final else _MESSAGE
        missing = size - len(plaintext)
        if self._pad and not final and missing:
            tag = _PADDED
            plaintext += b"\x80" + bytes(missing - 1)
        ciphertext = _push(self._state, plaintext, tag=tag)
        return len(ciphertext).to_bytes(_LENGTH_BYTES, "big") + ciphertext

    def frames(self, plaintext: bytes) -> Iterator[bytes]:
        """Yield the frames of a piece of the body, of any length. An empty piece has no frames."""
        for at in range(0, len(plaintext), CHUNK_BYTES):
            yield self.frame(plaintext[at : at + CHUNK_BYTES])


def padded_size(size: int) -> int:
    """Return the length to which a plaintext of `size` bytes, at most CHUNK_BYTES, is padded.

    It is a power of two, and 256 at least.
    """
    return max(_LEAST_PADDED, 1 << (size - 1).bit_length())


def seal_pieces(
    key: bytes, head: Head, pieces: Iterable[bytes], *, pad: bool = False
) -> Iterator[bytes]:
    """Yield a stream whose body is `pieces`, each sealed as it comes and never held back.

    The final frame is empty: a piece is known to be the last only after it was sent. With `pad`,
    see `Sealer`, each piece is padded by itself, and an empty body looks like one that is not. A
    body in pieces of CHUNK_BYTES, the last one perhaps shorter, then looks like the same in one.
    """
    sealer = Sealer(key, pad=pad)
    yield sealer.start(head)
    empty = True
    for piece in pieces:
        empty = empty and not piece
        yield from sealer.frames(piece)
    if pad and empty:
        yield sealer.frame(b"")
    yield sealer.frame(b"", final=True)


class Opener:
    """Reads one stream as it arrives, and holds at most one frame of it.

    `head` is the plaintext of the first frame, once that has arrived, for `decode_head`;
    `final` says that the last frame has arrived.
    """

    def __init__(self, key: bytes) -> None:
        self.head: bytes | None = None
        self.final = False
        self._key = key
        self._state = _State()
        # The part that comes next, its size in bytes, and what has arrived of it.
        self._next: Literal["header", "length", "ciphertext"] = "header"
        self._size = _HEADER_BYTES
        self._part = bytearray()
        self._failed = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the plaintexts of the body's frames that `data` completes, but no empty ones.

        Raises MalformedBody if the stream breaks its rules, and at every later call. Nothing
        of the data that was fed together with the fault is returned.
        """
        self._check()
        try:
            return self._feed(memoryview(data))
        except MalformedBody:
            self._failed = True
            raise

    def finish(self) -> None:
        """Raise MalformedBody unless the stream has ended with its final frame."""
        self._check()
        if not self.final:
            self._failed = True
            raise MalformedBody("the stream ended before its final frame")

    def _check(self) -> None:
        if self._failed:
            raise MalformedBody("the stream broke its rules before")

    def _feed(self, data: memoryview) -> list[bytes]:
        plaintexts = []
        while data:
            if self.final:
                raise MalformedBody("the stream goes on behind its final frame")
            missing = self._size - len(self._part)
            self._part += data[:missing]
            data = data[missing:]
            if len(self._part) == self._size:
                part = bytes(self._part)
                self._part.clear()
                if plaintext := self._take(part):
                    plaintexts.append(plaintext)
        return plaintexts

    def _take(self, part: bytes) -> bytes:
        """Take a whole part, note which comes next, and return the plaintext of the body in it."""
        if self._next == "ciphertext":
            self._next, self._size = "length", _LENGTH_BYTES
            return self._open(part)
        if self._next == "header":
            _init_pull(self._state, part, self._key)
            self._next, self._size = "length", _LENGTH_BYTES
            return b""
        size = int.from_bytes(part, "big")
        if not _OVERHEAD_BYTES <= size <= _OVERHEAD_BYTES + CHUNK_BYTES:
            raise MalformedBody("a frame of the stream has a length that is not allowed")
        self._next, self._size = "ciphertext", size
        return b""

    def _open(self, ciphertext: bytes) -> bytes:
        try:
            plaintext, tag = _pull(self._state, ciphertext)
        except SodiumError:
            raise MalformedBody("wrong key or altered stream") from None
        if tag == _PADDED:
            plaintext = plaintext.rstrip(b"\0")
            if not plaintext.endswith(b"\x80"):
                raise MalformedBody("the padding of a frame of the stream is malformed")
            plaintext, tag = plaintext[:-1], _MESSAGE
        if tag not in (_MESSAGE, _FINAL):
            raise MalformedBody("a frame of the stream has a tag that is not allowed")
        self.final = tag == _FINAL
        if self.head is None:
            self.head = plaintext
            return b""
        return plaintext
