from __future__ import annotations

import pytest
from faas_sealed.formats.errors import MalformedTrace
from faas_sealed.formats.primitives import context
from faas_sealed.formats.trace import MAX_TRACE_BYTES, open_trace, seal_trace, trace_content_id
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import forge
from tests.formats.second.suite import hkdf
from tests.formats.second.text import BASE64, read_trace

CONTEXT = context("greet", forge.public())
CONTENT_ID = hkdf(forge.CONTENT_KEY, "commit")[:8].hex()
any_text = st.text(st.characters(codec=None))


def sealed(trace: str) -> str:
    return seal_trace(trace, forge.CONTENT_KEY, CONTENT_ID, CONTEXT)


@given(st.text())
def test_a_trace_survives_sealing(trace: str) -> None:
    text = sealed(trace)
    assert open_trace(text, forge.CONTENT_KEY, CONTEXT) == trace
    assert read_trace(text, forge.CONTENT_KEY, "greet", forge.public()) == trace
    assert trace_content_id(text) == CONTENT_ID


def test_one_trace_sealed_twice_looks_different() -> None:
    assert sealed("same") != sealed("same")


@given(st.data())
def test_a_trace_with_one_other_character_is_refused(data: st.DataObject) -> None:
    text = sealed(data.draw(st.text(max_size=40)))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw((st.sampled_from(BASE64) | st.characters()).filter(lambda c: c != text[at]))
    with pytest.raises(MalformedTrace):
        open_trace(text[:at] + other + text[at + 1 :], forge.CONTENT_KEY, CONTEXT)


def test_a_content_id_is_read_from_a_trace_of_a_possible_length_only() -> None:
    shortest = sealed("")
    assert trace_content_id(shortest) == CONTENT_ID
    for damaged in (shortest[:-4], sealed("x" * MAX_TRACE_BYTES) + "AAAA", shortest[5:], ""):
        with pytest.raises(MalformedTrace):
            trace_content_id(damaged)


def test_a_trace_opens_with_its_own_content_key_and_function_only() -> None:
    text = sealed("secret")
    with pytest.raises(MalformedTrace):
        open_trace(text, bytes(32), CONTEXT)
    for other in (context("other", forge.public()), context("greet", bytes(32))):
        with pytest.raises(MalformedTrace):
            open_trace(text, forge.CONTENT_KEY, other)


@given(any_text | st.text(BASE64))
def test_no_text_makes_a_parser_fail_in_another_way(text: str) -> None:
    for candidate in (text, f"fse1_{text}"):
        with pytest.raises(MalformedTrace):
            open_trace(candidate, forge.CONTENT_KEY, CONTEXT)


@pytest.mark.parametrize("character", ["x", "é", "√", "🦭"])
@pytest.mark.parametrize("more", [0, 1, 2, 3, 100_000])
def test_a_long_trace_is_cut_in_the_middle(character: str, more: int) -> None:
    trace = "first line\n" + character * (MAX_TRACE_BYTES // len(character.encode()) + more)
    opened = open_trace(sealed(trace + "\nlast line"), forge.CONTENT_KEY, CONTEXT)
    assert MAX_TRACE_BYTES - 20 <= len(opened.encode()) <= MAX_TRACE_BYTES
    assert opened.startswith("first line\n" + character)
    assert "… cut …" in opened
    assert opened.endswith(f"{character}\nlast line")


def test_a_trace_of_the_greatest_length_is_whole() -> None:
    trace = "x" * MAX_TRACE_BYTES
    assert open_trace(sealed(trace), forge.CONTENT_KEY, CONTEXT) == trace


@given(any_text)
def test_a_trace_that_is_not_unicode_text_is_sealed_all_the_same(trace: str) -> None:
    expected = trace.encode("utf-8", "replace").decode()
    assert open_trace(sealed(trace), forge.CONTENT_KEY, CONTEXT) == expected
