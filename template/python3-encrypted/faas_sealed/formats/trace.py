"""Sealed traces: what went wrong in a handler, for whoever can open the function."""

from __future__ import annotations

from faas_sealed.formats.encoding import base64_decode, base64_encode
from faas_sealed.formats.errors import MalformedTrace
from faas_sealed.formats.primitives import (
    ID_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    hkdf,
    salted_open,
    salted_seal,
)

PREFIX = "fse1_"
MAX_TRACE_BYTES = 16 * 2**10

_CUT = "\n… cut …\n"


def seal_trace(trace: str, content_key: bytes, content_id: str, context: bytes) -> str:
    """Return `fse1_…` of a trace, cut in its middle to 16 KiB of UTF-8."""
    sealed = salted_seal(content_key, b"trace", _cut(trace).encode(), context)
    return PREFIX + base64_encode(bytes.fromhex(content_id) + sealed)


def open_trace(text: str, content_key: bytes, context: bytes) -> str:
    """Return the trace in `fse1_…`, or raise MalformedTrace."""
    data = _decode(text)
    if data[:ID_BYTES] != hkdf(content_key, b"commit")[:ID_BYTES]:
        raise MalformedTrace("the trace is altered, or of another sealed file")
    try:
        return salted_open(content_key, b"trace", data[ID_BYTES:], context).decode()
    except ValueError:
        raise MalformedTrace("the trace is altered, or of another function") from None


def trace_content_id(text: str) -> str:
    """Return the content id (16 hexadecimal digits) of the file that a trace belongs to."""
    return _decode(text)[:ID_BYTES].hex()


def _decode(text: str) -> bytes:
    if not text.startswith(PREFIX):
        raise MalformedTrace(f"this is not a sealed trace: it does not start with {PREFIX}")
    try:
        data = base64_decode(text[len(PREFIX) :])
    except ValueError as error:
        raise MalformedTrace(f"the trace is damaged: {error}") from None
    least = ID_BYTES + SALT_BYTES + TAG_BYTES
    if not least <= len(data) <= least + MAX_TRACE_BYTES:
        raise MalformedTrace(f"the trace has the wrong length: {len(data)} bytes")
    return data


def _cut(trace: str) -> str:
    data = trace.encode("utf-8", "replace")
    if len(data) > MAX_TRACE_BYTES:
        half = (MAX_TRACE_BYTES - len(_CUT.encode())) // 2
        head = data[:half].decode("utf-8", "ignore")
        tail = data[-half:].decode("utf-8", "ignore")
        return head + _CUT + tail
    return data.decode()
