"""What both implementations make of the vectors of key tokens, discovery and HPKE."""

from __future__ import annotations

import hashlib

from faas_sealed.formats.errors import TokenMismatch
from faas_sealed.formats.file import verify_lines
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import AUTHOR_PUBLIC, FUNCTION_KEY, TRANSPORT_PUBLIC, TRANSPORT_SEED
from faas_sealed.formats.primitives import context
from faas_sealed.formats.token import (
    KeyToken,
    check_path,
    open_token,
    request_binding,
    token_id,
)

from tests.formats.second import hpke
from tests.formats.second.file import read_lines
from tests.formats.second.suite import Refused
from tests.formats.second.text import base64_decode, key_text, parse_key
from tests.formats.second.token import binding, check_time, decode_path, read_token
from tests.formats.second.token import token_id as second_token_id
from tests.formats.vector import Results, Vector


def first_token(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    author = AUTHOR_PUBLIC.decode(vector.text("author"))
    transport = PrivateKey(TRANSPORT_SEED.decode(vector.text("transport")))
    token = open_token(vector.text("token"), transport, context(vector.text("function"), author))
    return first_judged(token, vector), {}


def first_judged(token: KeyToken, vector: Vector) -> Results:
    """Judge a key token or resumed token that has opened: when, and for what."""
    token.check_time(float(vector["now"]))
    results = {
        "key": FUNCTION_KEY.encode(token.key).encode(),
        "exp": str(token.exp).encode(),
        "token-id": token_id(vector.text("token")).encode(),
    }
    if token.resume is not None:
        results["resume"] = token.resume
    if token.session is not None:
        results["session"] = token.session
    if token.bind is not None:
        results["bind"] = token.bind
        digest = hashlib.sha256(vector["body"]).digest()
        try:
            path = check_path(vector.text("path"))
            bind = request_binding(vector.text("method"), path, vector["query"], digest)
        except ValueError:
            raise TokenMismatch from None
        token.check_request(bind)
        results |= {"decoded-path": path.encode(), "binding": bind}
    return results


def second_token(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    author = parse_key("fsap1_", vector.text("author"))
    transport = parse_key("fst1_", vector.text("transport"))
    token = read_token(vector.text("token"), transport, vector.text("function"), author)
    names = ("key", "bind", "session", "resume")
    values = {name: base64_decode(token[name]) for name in names if token[name] is not None}
    return second_judged(values, token["exp"], vector), {}


def second_judged(values: dict[str, bytes | None], exp: int, vector: Vector) -> Results:
    """Judge a key token or resumed token that has opened: when, and for what."""
    results = {name: value for name, value in values.items() if value is not None}
    check_time(exp, "bind" in results, float(vector["now"]))
    results["key"] = key_text("fsk1_", results["key"]).encode()
    results["exp"] = str(exp).encode()
    results["token-id"] = second_token_id(vector.text("token")).encode()
    if "bind" in results:
        path = decode_path(vector.text("path"))
        bind = binding(vector.text("method"), path, vector["query"], vector["body"])
        if results["bind"] != bind:
            raise Refused("token-mismatch")
        results |= {"decoded-path": path.encode(), "binding": bind}
    return results


def first_lines(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    header = verify_lines(vector["lines"], AUTHOR_PUBLIC.decode(vector.text("author")))
    results = {
        "function": header.function.encode(),
        "created": str(header.created).encode(),
        "content-id": header.content_id.encode(),
    }
    if header.transport is not None:
        results["transport"] = TRANSPORT_PUBLIC.encode(header.transport).encode()
    return results, {}


def second_lines(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    header = read_lines(vector["lines"], parse_key("fsap1_", vector.text("author")))
    results = {
        "function": str(header["function"]).encode(),
        "created": str(header["created"]).encode(),
        "content-id": (base64_decode(header["commit"]) or b"")[:8].hex().encode(),
    }
    if header["transport"] is not None:
        transport = base64_decode(header["transport"]) or b""
        results["transport"] = key_text("fstp1_", transport).encode()
    return results, {}


def first_hpke(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    return {"public": PrivateKey(vector["seed"]).public}, {}


def second_hpke(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    secret = hpke.decapsulate(vector["seed"], vector["enc"]) or b""
    key, nonce = hpke.key_schedule(secret, vector["info"], int(vector["aead"]))
    results = {"public": hpke.public(vector["seed"]), "shared-secret": secret}
    return results | {"key": key, "base-nonce": nonce}, {}
