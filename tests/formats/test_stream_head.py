from __future__ import annotations

import json

import pytest
from faas_sealed.formats.errors import MalformedBody
from faas_sealed.formats.stream import CHUNK_BYTES, Head, Sealer, decode_head, encode_head

from tests.formats.second.stream import open_stream, read_head
from tests.formats.second.suite import Refused


@pytest.mark.parametrize(
    "head",
    [
        b'{"headers":[]}',
        b' {\n"headers" : [ [ "a" , "b" ] ] }\t',
        '{"headers":[["x-name","é \U0001f9ad"]]}'.encode(),
        b'{"headers":[["x-name","\\u00e9 \\ud83e\\uddad"]]}',
        b'{"\\u0068eaders":[["a",""],["a",""]]}',
    ],
)
def test_a_head_is_json_in_any_form(head: bytes) -> None:
    members = read_head(head, "request")
    assert decode_head(head, response=False).headers == tuple(map(tuple, members["headers"]))


BAD_HEADS = [
    *(
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"headers":[]',
        b'{"headers":[]}x',
        b'\xef\xbb\xbf{"headers":[]}',
    ),
    *(b'{"headers":null}', b'{"headers":{}}', b'{"headers":[],"headers":[]}'),
    *(b'{"headers":[],"method":"GET"}', b'{"Headers":[]}', b'{"headers":[["a"]]}'),
    *(b'{"headers":[["a","b","c"]]}', b'{"headers":["ab"]}', b'{"headers":[["a",1]]}'),
    *(b'{"headers":[[1,"a"]]}', b'{"headers":[["a",null]]}', b'{"headers":[{"a":"b"}]}'),
    *(b'{"headers":[["",""]]}', b'{"headers":[["a b",""]]}', b'{"headers":[["a:",""]]}'),
    *(b'{"headers":[["a\\n",""]]}', '{"headers":[["é",""]]}'.encode()),
    *(b'{"headers":[["a","\\r"]]}', b'{"headers":[["a","\\n"]]}', b'{"headers":[["a","\\u0000"]]}'),
    *(b'{"headers":[["a","\n"]]}', b'{"headers":[["a","\\ud800"]]}', b'{"headers":[["a","\xff"]]}'),
    *(b"[" * 60_000, b'{"headers":' + b"[" * 60_000, b"1" * 60_000, b'{"headers":[NaN]}'),
    json.dumps({"headers": []}).encode("utf-16"),
    b'{"headers":[["a","' + b"b" * CHUNK_BYTES + b'"]]}',
]


@pytest.mark.parametrize("head", BAD_HEADS, ids=lambda head: ascii(head[:40]))
def test_a_head_of_another_form_is_refused(head: bytes) -> None:
    with pytest.raises(Refused):
        read_head(head, "request")
    with pytest.raises(MalformedBody):
        decode_head(head, response=False)


@pytest.mark.parametrize(
    "status", ["199", "600", "0", "-200", "200.0", "2e2", "true", "null", '"200"', "[200]", "0200"]
)
def test_a_status_is_an_integer_from_200_to_599(status: str) -> None:
    head = f'{{"headers":[],"status":{status}}}'.encode()
    with pytest.raises(Refused):
        read_head(head, "response")
    with pytest.raises(MalformedBody):
        decode_head(head, response=True)


def test_a_status_is_in_responses_and_nowhere_else() -> None:
    assert decode_head(b'{"status":599,"headers":[]}', response=True) == Head((), 599)
    for head, response in ((b'{"headers":[]}', True), (b'{"headers":[],"status":200}', False)):
        with pytest.raises(MalformedBody):
            decode_head(head, response=response)


def test_what_is_said_of_a_head_repeats_nothing_of_it() -> None:
    for head in (
        b'{"headers":[["canary\\n","canary"]]}',
        b'{"headers":[["a","canary\\n"]]}',
        b'{"canary":1}',
        b"canary",
        b'{"headers":[["a","\\ud800canary"]]}',
    ):
        with pytest.raises(MalformedBody) as error:
            decode_head(head, response=False)
        assert "canary" not in str(error.value)
    assert "canary" not in repr(Head((("a", "canary"),)))


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (Head((("a b", ""),)), "pair"),
        (Head((("a", "b\r\n"),)), "pair"),
        (Head((("a", "\udc80"),)), "pair"),
        (Head((), 199), "status"),
        (Head((("a", "b" * CHUNK_BYTES),)), "longer"),
    ],
    ids=["name", "value", "surrogate", "status", "long"],
)
def test_a_head_that_would_be_refused_is_not_written(head: Head, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        encode_head(head)


def test_a_head_may_fill_its_frame() -> None:
    room = CHUNK_BYTES - len(encode_head(Head((("a", ""),))))
    head = Head((("a", "b" * room),))
    raw, _ = open_stream(Sealer(bytes(32)).start(head, final=True), bytes(32))
    assert len(raw) == CHUNK_BYTES
    assert decode_head(raw, response=False) == head
