from __future__ import annotations

import json

import pytest
from faas_sealed.formats.encoding import (
    MAX_INTEGER,
    base64_decode,
    base64_encode,
    json_decode,
    json_encode,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.second import text

values = st.recursive(
    st.none() | st.booleans() | st.integers(0, MAX_INTEGER) | st.text(max_size=8),
    lambda each: (
        st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each, max_size=4)
    ),
    max_leaves=10,
)


@given(st.binary(max_size=100))
def test_base64_has_one_form(data: bytes) -> None:
    encoded = base64_encode(data)
    assert base64_decode(encoded) == data
    assert text.base64_encode(data) == encoded


@given(st.text(text.BASE64 + "+/= \n") | st.text(st.characters(codec=None)))
def test_base64_in_any_other_form_is_refused(encoded: str) -> None:
    data = text.base64_decode(encoded)
    if data is None:
        with pytest.raises(ValueError, match="base64"):
            base64_decode(encoded)
    else:
        assert base64_decode(encoded) == data


@given(values)
def test_json_has_one_form(value: object) -> None:
    encoded = json_encode(value)
    assert encoded.isascii()
    assert json_decode(encoded) == value


@given(values)
def test_json_in_any_other_form_is_refused(value: object) -> None:
    encoded = json_encode(value)
    for indent, separators, ascii_only in (
        (1, None, True),
        (None, (", ", ":"), True),
        (None, (",", ": "), True),
        (None, (",", ":"), False),
    ):
        other = json.dumps(
            value, indent=indent, separators=separators, ensure_ascii=ascii_only, sort_keys=True
        ).encode("utf-8", "surrogatepass")
        if other != encoded:
            with pytest.raises(ValueError, match="JSON"):
                json_decode(other)


@pytest.mark.parametrize(
    "data",
    [
        *(b"-1", b"-0", b"00", b"01", b"1.0", b"1e5", b"1E0", b"NaN", b"Infinity", b"-Infinity"),
        *(b"9007199254740992", b"99999999999999999999", b"1" * 5000),
        *(b'{"b":1,"a":1}', b'{"a":1,"a":1}', b"[1,]", b'"\\u0061"', b'"\\/"'),
        *(b"", b" 1", b"1\n", b"\xef\xbb\xbf1"),
    ],
)
def test_json_beyond_the_allowed_form_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_decode(data)


def test_the_largest_integer_is_an_integer() -> None:
    assert json_decode(b"9007199254740991") == MAX_INTEGER == 2**53 - 1


@given(st.binary())
def test_no_bytes_make_the_json_parser_fail_in_another_way(data: bytes) -> None:
    try:
        value = json_decode(data)
    except ValueError:
        return
    assert json_encode(value) == data
