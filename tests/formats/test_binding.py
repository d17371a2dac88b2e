from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

import pytest
from faas_sealed.formats.token import check_path, request_binding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.second.suite import Refused
from tests.formats.second.token import binding, decode_path

segments = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/%?#"),
    min_size=1,
).filter(lambda segment: segment not in (".", ".."))
paths = st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(parts))
queries = st.text("!\"$%&'/09:?@AZ[\\`az{~", max_size=20).map(str.encode)
requests = st.tuples(
    st.sampled_from(["GET", "POST", "DELETE", "M-SEARCH"]), paths, queries, st.binary()
)


def bound(request: tuple[str, str, bytes, bytes]) -> bytes:
    method, path, query, body = request
    return request_binding(method, path, query, sha256(body).digest())


@given(requests)
def test_both_implementations_bind_a_request_alike(request: tuple[str, str, bytes, bytes]) -> None:
    assert bound(request) == binding(*request)


@given(requests, requests)
def test_two_requests_have_two_bindings(
    first: tuple[str, str, bytes, bytes], second: tuple[str, str, bytes, bytes]
) -> None:
    assert (bound(first) == bound(second)) == (first == second)


@given(paths, st.sampled_from(["/", "/~!$&'()*+,;=:@", "/AZaz"]))
def test_every_path_is_found_again_however_much_of_it_was_encoded(path: str, safe: str) -> None:
    assert check_path(quote(path, safe=safe)) == path
    assert check_path("/" + "".join(f"%{byte:02x}" for byte in path[1:].encode())) == path


@settings(max_examples=300)
@given(
    st.text("/.%?#a2eEfF5 0", max_size=8)
    | st.text(st.characters(codec=None), max_size=4)
    | st.lists(st.integers(0, 255), max_size=4).map(lambda b: "/" + "".join(f"%{x:02X}" for x in b))
)
def test_both_implementations_agree_which_paths_arrive_as_sent(sent: str) -> None:
    for candidate in (sent, f"/{sent}"):
        try:
            expected = decode_path(candidate)
        except Refused:
            with pytest.raises(ValueError, match=r"^the path "):
                check_path(candidate)
        else:
            assert check_path(candidate) == expected
            assert request_binding("GET", expected, b"", bytes(32))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "/a%20b",
        "/%",
        "/a?b",
        "/a#b",
        "//",
        "/a//b",
        "/.",
        "/../a",
        "/a/..",
        "/\n",
        "/\x85",
    ],
)
def test_a_path_that_was_not_checked_is_not_bound(path: str) -> None:
    with pytest.raises(ValueError, match=r"^the path "):
        request_binding("GET", path, b"", bytes(32))


@pytest.mark.parametrize("byte", range(256))
def test_a_query_that_would_not_arrive_as_sent_is_not_bound(byte: int) -> None:
    for query in (bytes([byte]), b"a=" + bytes([byte]) + b"b"):
        if byte == 0x23 or not 0x21 <= byte <= 0x7E:
            with pytest.raises(ValueError, match="query"):
                request_binding("GET", "/", query, bytes(32))
            with pytest.raises(Refused):
                binding("GET", "/", query, b"")
        else:
            assert bound(("GET", "/", query, b"")) == binding("GET", "/", query, b"")


@pytest.mark.parametrize("method", ["", "get", "Get", "GET\n/", "GE T", "GÉT"])
def test_a_method_that_is_not_in_capitals_is_not_bound(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        request_binding(method, "/", b"", bytes(32))


def test_a_digest_of_another_length_is_not_bound() -> None:
    with pytest.raises(ValueError, match="digest is 64 bytes, expected 32"):
        request_binding("GET", "/", b"", bytes(64))
