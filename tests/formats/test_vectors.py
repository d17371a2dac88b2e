"""The vectors of tests/vectors, compared with both implementations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from unittest import mock

import pytest
from faas_seal.calling.slots import key_for
from faas_sealed.formats.bundle import unpack
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.file import verify
from faas_sealed.formats.hpke import PrivateKey
from faas_sealed.formats.keys import (
    AUTHOR_PUBLIC,
    FUNCTION_KEY,
    IDENTITY_PUBLIC,
    IDENTITY_SEED,
    TEXT_FORMS,
    TRANSPORT_PUBLIC,
    TRANSPORT_SEED,
    author_public,
    identity_id,
    key_id,
)
from faas_sealed.formats.primitives import aead_seal, context
from faas_sealed.formats.stream import (
    Opener,
    decode_head,
    encode_head,
    request_key,
    response_key,
)
from faas_sealed.formats.trace import open_trace, trace_content_id

from tests.formats import forge
from tests.formats.second import hpke
from tests.formats.second.bundle import read_bundle
from tests.formats.second.file import granted_key, open_file, read_file
from tests.formats.second.stream import open_stream, read_head, stream_key
from tests.formats.second.suite import Refused, hkdf, rfc5869
from tests.formats.second.suite import aead_seal as second_aead_seal
from tests.formats.second.text import base64_decode, key_text, parse_key, read_trace
from tests.formats.ticket_vectors import (
    first_resumed,
    first_salted,
    first_ticket,
    second_resumed,
    second_salted,
    second_ticket,
)
from tests.formats.token_vectors import (
    first_hpke,
    first_lines,
    first_token,
    second_hpke,
    second_lines,
    second_token,
)
from tests.formats.vector import FOLDER, PATHS, Implementation, Results, Vector

OUTCOMES = {
    "keys": {"ok", "malformed-key"},
    "file": {
        "ok",
        "malformed-file",
        "wrong-signature",
        "malformed-bundle",
        "function-expired",
        "unknown-key",
    },
    "bundle": {"ok", "malformed-bundle"},
    "trace": {"ok", "malformed-trace"},
    "token": {"ok", "malformed-key", "expired-token", "token-mismatch"},
    "ticket": {"ok", "ignored"},
    "resumed": {"ok", "malformed-key", "expired-token", "token-mismatch"},
    "salted": {"ok"},
    "discovery": {"ok", "malformed-file", "wrong-signature"},
    "hpke": {"ok"},
    "stream": {"ok", "malformed-body"},
}
PUBLIC_PREFIX = {"fsa1_": "fsap1_", "fst1_": "fstp1_", "fsi1_": "fsip1_"}


def first_key(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    form = next(form for form in TEXT_FORMS if form.prefix == vector.text("prefix"))
    key = form.decode(vector.text("text"))
    assert form.encode(key) == vector.text("text")
    results = {"bytes": key}
    if form.prefix == "fsk1_":
        results["key-id"] = key_id(key).encode()
    if form.prefix == "fsa1_":
        results["public"] = AUTHOR_PUBLIC.encode(author_public(key)).encode()
    if form is TRANSPORT_SEED:
        results["public"] = TRANSPORT_PUBLIC.encode(PrivateKey(key).public).encode()
    if form is IDENTITY_SEED:
        results["public"] = IDENTITY_PUBLIC.encode(PrivateKey(key).public).encode()
        results["identity-id"] = identity_id(PrivateKey(key).public).encode()
    return results, {}


def second_key(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    prefix = vector.text("prefix")
    key = parse_key(prefix, vector.text("text"))
    results = {"bytes": key}
    if prefix == "fsk1_":
        results["key-id"] = hkdf(key, "key id", length=8).hex().encode()
    if prefix in PUBLIC_PREFIX:
        public = forge.public(key) if prefix == "fsa1_" else hpke.public(key)
        results["public"] = key_text(PUBLIC_PREFIX[prefix], public).encode()
        if prefix == "fsi1_":
            results["identity-id"] = hashlib.sha256(public).hexdigest()[:32].encode()
    return results, {}


def first_file(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    file = verify(vector["file"], AUTHOR_PUBLIC.decode(vector.text("author")))
    if "identity" in vector.values:
        identity = PrivateKey(IDENTITY_SEED.decode(vector.text("identity")))
        with mock.patch("time.time", return_value=int(vector["now"])):
            key = key_for(file.header, identity)
    else:
        key = FUNCTION_KEY.decode(vector.text("key"))
    content_key = file.content_key(key, int(vector["now"]))
    files = unpack(file.bundle(content_key))
    assert file.serialise() == vector["file"]
    results = {
        "function": file.header.function.encode(),
        "created": str(file.header.created).encode(),
        "content-id": file.header.content_id.encode(),
        "content-key": content_key,
        "key-id": key_id(key).encode(),
    }
    if "identity" in vector.values:
        results["key"] = FUNCTION_KEY.encode(key).encode()
    return results, files


def second_file(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    author = parse_key("fsap1_", vector.text("author"))
    if "identity" in vector.values:
        header, _ = read_file(vector["file"], author)
        identity = parse_key("fsi1_", vector.text("identity"))
        key = granted_key(header, identity, int(vector["now"]))
    else:
        key = parse_key("fsk1_", vector.text("key"))
    opened = open_file(vector["file"], author, key, int(vector["now"]))
    header = opened.header
    results = {
        "function": str(header["function"]).encode(),
        "created": str(header["created"]).encode(),
        "content-id": hkdf(opened.content_key, "commit")[:8].hex().encode(),
        "key-id": opened.key_id.encode(),
        "wrapping-key": opened.wrapping_key,
        "content-key": opened.content_key,
        "payload-key": opened.payload_key,
    }
    if header["transport"] is not None:
        transport = base64_decode(header["transport"]) or b""
        results["transport"] = key_text("fstp1_", transport).encode()
    if "identity" in vector.values:
        results["key"] = key_text("fsk1_", key).encode()
    return results, read_bundle(opened.bundle)


def first_bundle(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    return {}, unpack(vector["bundle"])


def second_bundle(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    return {}, read_bundle(vector["bundle"])


def first_trace(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    author = AUTHOR_PUBLIC.decode(vector.text("author"))
    aad = context(vector.text("function"), author)
    text = open_trace(vector.text("trace"), vector["content-key"], aad)
    content_id = trace_content_id(vector.text("trace"))
    return {"content-id": content_id.encode(), "text": text.encode()}, {}


def second_trace(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    author = parse_key("fsap1_", vector.text("author"))
    content_key = vector["content-key"]
    text = read_trace(vector.text("trace"), content_key, vector.text("function"), author)
    content_id = hkdf(content_key, "commit")[:8].hex()
    return {"content-id": content_id.encode(), "text": text.encode()}, {}


def first_stream(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    response = vector.text("direction") == "response"
    key = response_key(vector["session"]) if response else request_key(vector["session"])
    opener = Opener(key)
    body = b"".join(opener.feed(vector["stream"]))
    opener.finish()
    raw = opener.head or b""
    head = decode_head(raw, response=response)
    assert decode_head(encode_head(head), response=response) == head
    results = {"key": key, "head": raw, "headers": _pairs(head.headers), "body": body}
    if head.status is not None:
        results["status"] = str(head.status).encode()
    return results, {}


def second_stream(vector: Vector) -> tuple[Results, dict[str, bytes]]:
    key = stream_key(vector["session"], vector.text("direction"))
    raw, body = open_stream(vector["stream"], key)
    head = read_head(raw, vector.text("direction"))
    results = {"key": key, "head": raw, "headers": _pairs(head["headers"]), "body": body}
    if "status" in head:
        results["status"] = str(head["status"]).encode()
    return results, {}


def _pairs(headers: object) -> bytes:
    return json.dumps(headers, separators=(",", ":")).encode()


IMPLEMENTATIONS: dict[str, tuple[Implementation, Implementation]] = {
    "keys": (first_key, second_key),
    "file": (first_file, second_file),
    "bundle": (first_bundle, second_bundle),
    "trace": (first_trace, second_trace),
    "token": (first_token, second_token),
    "ticket": (first_ticket, second_ticket),
    "resumed": (first_resumed, second_resumed),
    "salted": (first_salted, second_salted),
    "discovery": (first_lines, second_lines),
    "hpke": (first_hpke, second_hpke),
    "stream": (first_stream, second_stream),
}


def refusal(implementation: Implementation, vector: Vector) -> str:
    """Return the reason for which an implementation refuses a vector."""
    with pytest.raises((Refused, SealError)) as error:
        implementation(vector)
    assert isinstance(error.value, (Refused, SealError))
    return error.value.reason


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_both_implementations_come_to_the_result_of_the_vector(path: Path) -> None:
    vector = Vector(path)
    first, second = IMPLEMENTATIONS[path.parent.name]
    if vector.text("expect") != "ok":
        assert refusal(second, vector) == vector.text("expect")
        assert refusal(first, vector) == vector.text("expect")
        return
    results, files = second(vector)
    assert (results, files) == (vector.results, vector.files)
    results, files = first(vector)
    assert results.items() <= vector.results.items()
    assert files == vector.files


@pytest.mark.parametrize("kind", OUTCOMES)
def test_there_are_vectors_for_every_outcome(kind: str) -> None:
    outcomes = {Vector(path).text("expect") for path in PATHS if path.parent.name == kind}
    assert outcomes == OUTCOMES[kind]


def test_the_vectors_have_the_published_examples() -> None:
    # RFC 8032, section 7.1, test 1.
    author = Vector(FOLDER / "keys" / "author-seed-rfc8032.txt")
    assert author["bytes"] == bytes.fromhex(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    )
    assert parse_key("fsap1_", author.text("public")) == bytes.fromhex(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
    # draft-connolly-cfrg-xwing-kem, the first test vector: its seed, and where its
    # public key begins.
    transport = Vector(FOLDER / "keys" / "transport-seed-xwing.txt")
    assert transport["bytes"] == bytes.fromhex(
        "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"
    )
    assert parse_key("fstp1_", transport.text("public")).startswith(
        bytes.fromhex("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5")
    )


def test_the_protocols_worked_example_is_the_vector() -> None:
    vector = Vector(FOLDER / "token" / "bound.txt")
    transport = parse_key("fst1_", vector.text("transport"))
    info = b"faas-seal/v1 token\0" + context("greet", forge.public())
    sealed = base64_decode(vector.text("token").removeprefix("fsx1_")) or b""
    members = hpke.open_sealed(transport, sealed, info) or b""
    protocol = (FOLDER.parent.parent / "docs" / "protocol.md").read_text("utf-8")
    for line in (
        f"POST /function/greet{vector.text('path')}?{vector.text('query')}",
        f"with the body {vector.text('body')}\n",
        f"path      {vector.text('decoded-path')}\n",
        f"binding   {vector['binding'].hex()}\n",
        f"JSON      {members.decode()}\n",
    ):
        assert line in protocol


def test_the_suites_agree_with_published_examples() -> None:
    # RFC 5869, appendix A.1.
    info, salt = bytes(range(0xF0, 0xFA)), bytes(range(13))
    assert rfc5869(b"\x0b" * 22, info, salt, 42) == bytes.fromhex(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    # McGrew and Viega, The Galois/Counter Mode of Operation, test cases 13 and 14.
    for seal in (aead_seal, second_aead_seal):
        assert seal(bytes(32), b"", b"") == bytes.fromhex("530f8afbc74536b9a963b4f1c4cb738b")
        assert seal(bytes(32), bytes(16), b"") == bytes.fromhex(
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        )
