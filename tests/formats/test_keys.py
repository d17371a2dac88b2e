from __future__ import annotations

from itertools import permutations

import pytest
from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.keys import FUNCTION_KEY, TEXT_FORMS, TextForm, author_public, key_id
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.second.text import BASE64, parse_key

forms = st.sampled_from(TEXT_FORMS)


def keys(form: TextForm) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=form.length, max_size=form.length)


@given(form=forms, data=st.data())
def test_every_key_survives_its_text_form(form: TextForm, data: st.DataObject) -> None:
    key = data.draw(keys(form))
    text = form.encode(key)
    assert form.decode(text) == key
    assert parse_key(form.prefix, text) == key


@given(form=forms, data=st.data())
def test_a_key_with_one_other_character_is_refused(form: TextForm, data: st.DataObject) -> None:
    text = form.encode(data.draw(keys(form)))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw((st.sampled_from(BASE64) | st.characters()).filter(lambda c: c != text[at]))
    with pytest.raises(MalformedKey):
        form.decode(text[:at] + other + text[at + 1 :])


@given(form=forms, data=st.data())
def test_a_key_with_a_character_more_or_less_is_refused(
    form: TextForm, data: st.DataObject
) -> None:
    text = form.encode(data.draw(keys(form)))
    at = data.draw(st.integers(0, len(text)))
    more = data.draw(st.sampled_from([*BASE64, " ", "\n", "=", "\0"]))
    with pytest.raises(MalformedKey):
        form.decode(text[:at] + more + text[at:])
    with pytest.raises(MalformedKey):
        form.decode(text[: max(at - 1, 0)] + text[max(at, 1) :])


@given(form=forms, text=st.text(st.characters(codec=None)) | st.text(BASE64))
def test_no_text_makes_a_parser_fail_in_another_way(form: TextForm, text: str) -> None:
    for candidate in (text, form.prefix + text):
        with pytest.raises(MalformedKey):
            form.decode(candidate)


@pytest.mark.parametrize(("form", "other"), list(permutations(TEXT_FORMS, 2)))
def test_a_key_of_one_form_is_refused_as_another(form: TextForm, other: TextForm) -> None:
    text = form.encode(bytes(form.length))
    with pytest.raises(MalformedKey):
        other.decode(text)
    with pytest.raises(MalformedKey):
        other.decode(other.prefix + text.removeprefix(form.prefix))


@pytest.mark.parametrize("form", TEXT_FORMS, ids=lambda form: form.prefix)
def test_a_key_of_another_length_has_no_text_form(form: TextForm) -> None:
    for length in (0, form.length - 1, form.length + 1):
        with pytest.raises(ValueError, match=f"is {length} bytes, expected {form.length}"):
            form.encode(bytes(length))


@given(st.binary(min_size=32, max_size=32))
def test_a_message_about_a_damaged_key_does_not_repeat_it(key: bytes) -> None:
    text = FUNCTION_KEY.encode(key)
    for damaged in (text[:-1], text + "A", text[5:], text.swapcase(), f"{text}\n"):
        with pytest.raises(MalformedKey) as error:
            FUNCTION_KEY.decode(damaged)
        assert not any(text[at : at + 8] in str(error.value) for at in range(5, len(text) - 8))


def test_only_whole_keys_have_ids_and_public_keys() -> None:
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="32"):
            key_id(bytes(length))
        with pytest.raises(ValueError, match="32"):
            author_public(bytes(length))
