"""Key tokens: a function key sealed to a function's transport key, for one request."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from faas_sealed.formats import hpke
from faas_sealed.formats.encoding import (
    base64_decode,
    base64_encode,
    json_decode,
    json_encode,
    read_fixed,
    read_integer,
    read_members,
)
from faas_sealed.formats.errors import ExpiredToken, MalformedKey, TokenMismatch
from faas_sealed.formats.primitives import KEY_BYTES, LABEL

TOKEN_PREFIX = "fsx1_"  # noqa: S105
CLOCK_SKEW_SECONDS = 60
DIGEST_BYTES = 32
RESUME_BYTES = 32
SESSION_BYTES = 32
TOKEN_ID_BYTES = 16

# A token that is bound to one request lives at most a week, as queues need, and one for any
# request at most a year.
LONGEST_BOUND = 7 * 24 * 60 * 60  # seconds
LONGEST_UNBOUND = 366 * 24 * 60 * 60

_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SENT_PATH = re.compile(r"(/[!-~]*)?")
_SENT_QUERY = re.compile(rb"[!-~]*")


@dataclass(frozen=True)
class KeyToken:
    """The content of a key token: a function key (32 bytes), until when, and for what.

    `exp` is in seconds since the epoch. `bind` is the `request_binding` of the one request
    that the token is for (32 bytes), or None for any. `session` is what the keys of
    sealed bodies are derived from (32 bytes), or None. `resume` is the secret of the ticket
    that the caller asks for (32 bytes), or None. Only a bound token has a session or `resume`.
    """

    key: bytes = field(repr=False)
    exp: int
    bind: bytes | None = field(default=None, repr=False)
    session: bytes | None = field(default=None, repr=False)
    resume: bytes | None = field(default=None, repr=False)

    def check_time(self, now: float) -> None:
        """Raise ExpiredToken if the token has expired at the time `now`.

        Raises MalformedKey if it lives longer than a token may. CLOCK_SKEW_SECONDS are added to
        both, because clocks differ.
        """
        longest = LONGEST_UNBOUND if self.bind is None else LONGEST_BOUND
        if self.exp > now + longest + CLOCK_SKEW_SECONDS:
            raise MalformedKey(f"the key token lives longer than {longest // 86_400} days")
        if now >= self.exp + CLOCK_SKEW_SECONDS:
            raise ExpiredToken

    def check_request(self, bind: bytes) -> None:
        """Raise TokenMismatch if the token is for another request than that of `bind`."""
        if self.bind is not None and not hmac.compare_digest(self.bind, bind):
            raise TokenMismatch


def seal_token(token: KeyToken, transport: bytes, context: bytes) -> str:
    """Return `fsx1_…` of a token, sealed to the transport public key (1,216 bytes).

    `context` is CTX. Raises ValueError for a token or public key that the format does
    not allow.
    """
    plaintext = json_encode(
        {
            "bind": None if token.bind is None else base64_encode(token.bind),
            "exp": token.exp,
            "key": base64_encode(token.key),
            "resume": None if token.resume is None else base64_encode(token.resume),
            "session": None if token.session is None else base64_encode(token.session),
        }
    )
    _parse(plaintext)
    return TOKEN_PREFIX + base64_encode(hpke.seal(transport, plaintext, b"token", context))


def open_token(text: str, transport: hpke.PrivateKey, context: bytes) -> KeyToken:
    """Return the token in `fsx1_…`, or raise MalformedKey without repeating any of it.

    A token that opens may still have expired, or be for another request; see `check_time`
    and `check_request`.
    """
    if not text.startswith(TOKEN_PREFIX):
        raise MalformedKey(f"key token expected: the text does not start with {TOKEN_PREFIX}")
    try:
        sealed = base64_decode(text[len(TOKEN_PREFIX) :])
        return _parse(transport.open(sealed, b"token", context))
    except ValueError as error:
        raise MalformedKey(f"the key token does not open: {error}") from None


def token_id(text: str) -> str:
    """Return the id of a key token or resumed token, 32 hexadecimal digits that reveal nothing.

    Whoever sends a token twice sends the same id twice.
    """
    return hashlib.sha256(text.encode("ascii")).digest()[:TOKEN_ID_BYTES].hex()


def _parse(plaintext: bytes) -> KeyToken:
    members = read_members(json_decode(plaintext), "bind exp key resume session")
    bind, session, resume = members["bind"], members["session"], members["resume"]
    if bind is None and not (session is None and resume is None):
        raise ValueError("a token for any request has neither a session nor a ticket's secret")
    return KeyToken(
        key=read_fixed(members["key"], KEY_BYTES, "key"),
        exp=read_integer(members["exp"], "exp"),
        bind=None if bind is None else read_fixed(bind, DIGEST_BYTES, "bind"),
        session=None if session is None else read_fixed(session, SESSION_BYTES, "session"),
        resume=None if resume is None else read_fixed(resume, RESUME_BYTES, "resume"),
    )


def request_binding(method: str, path: str, query: bytes, body_sha256: bytes) -> bytes:
    """Return the `bind` (32 bytes) of one request.

    `method` is in capitals, `path` as `check_path` returns it, `query` the bytes after `?`
    or none, `body_sha256` the SHA-256 of the body (32 bytes): of no bytes, if a stream
    authenticates the body. Raises ValueError for a method, path or query of another form.
    """
    if not _METHOD.fullmatch(method):
        raise ValueError("the method is not in capitals")
    if len(body_sha256) != DIGEST_BYTES:
        raise ValueError(f"digest is {len(body_sha256)} bytes, expected {DIGEST_BYTES}")
    _check_decoded(path)
    if not _SENT_QUERY.fullmatch(query) or b"#" in query:
        raise ValueError("the query is not percent-encoded")
    parts = (LABEL + b"binding", method.encode("ascii"), path.encode(), query, body_sha256)
    return hashlib.sha256(b"\n".join(parts)).digest()


def check_path(raw_path: str) -> str:
    """Return a path, percent-decoded once, if gateways and proxies pass it on unchanged.

    `raw_path` is the part of the URL behind `/function/NAME`, without its query. Raises
    ValueError for the forms that do not arrive as they were sent. A client refuses them, and
    in the runtime no token that is bound to a request fits them.
    """
    if not _SENT_PATH.fullmatch(raw_path):
        raise ValueError("the path does not begin with /, or is not percent-encoded")
    try:
        path = unquote_to_bytes(raw_path or "/").decode()
    except UnicodeDecodeError:
        raise ValueError("the path is not UTF-8") from None
    _check_decoded(path)
    return path


def _check_decoded(path: str) -> None:
    if not path.startswith("/"):
        raise ValueError("the path does not begin with /")
    if _CONTROL.search(path):
        raise ValueError("the path has a control character")
    for form in ("%", "?", "#", "//"):
        if form in path:
            raise ValueError(f"the path has {form} in it, which would not arrive as it is")
    if {".", ".."} & set(path.split("/")):
        raise ValueError("the path has . or .. as a segment, which would not arrive as it is")
