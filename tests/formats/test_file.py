from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from faas_sealed.formats.errors import (
    FunctionExpired,
    MalformedFile,
    SealError,
    UnknownKey,
    WrongSignature,
)
from faas_sealed.formats.file import (
    MAX_SLOTS,
    Grant,
    Recipient,
    SealedFile,
    claimed_author,
    seal,
    verify,
    verify_lines,
)
from faas_sealed.formats.header import GRANT_BYTES, parse_header, serialise_header
from faas_sealed.formats.keys import HPKE_PUBLIC_KEY_BYTES
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats import forge
from tests.formats.second.file import open_file, read_file, read_lines
from tests.formats.second.suite import Refused

SEED, AUTHOR = forge.SEED, forge.public()
NOW = 1_800_000_000
KEY = bytes(32)

times = st.none() | st.integers(0, 2**53 - 1)
keys = st.binary(min_size=32, max_size=32)
grants = st.builds(
    Grant,
    id=st.binary(min_size=16, max_size=16).map(bytes.hex),
    sealed=st.binary(min_size=GRANT_BYTES, max_size=GRANT_BYTES),
)
recipients = st.builds(Recipient, function_key=keys, expires=times, to=st.none() | grants)
arguments = st.fixed_dictionaries(
    {
        "bundle": st.binary(max_size=100),
        "function": st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True),
        "seed": keys,
        "recipients": st.lists(
            recipients, min_size=1, max_size=4, unique_by=lambda each: each.function_key
        ),
        "created": st.integers(0, 2**53 - 1),
        "expires": times,
        "transport": st.none()
        | st.binary(min_size=HPKE_PUBLIC_KEY_BYTES, max_size=HPKE_PUBLIC_KEY_BYTES),
        "preload": st.lists(st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,127}", fullmatch=True)),
    }
)


def sealed(bundle: bytes = b"bundle", *keys: bytes, **options: Any) -> SealedFile:
    given: dict[str, Any] = {"function": "greet", "seed": SEED, "created": NOW} | options
    return seal(bundle, recipients=[Recipient(key) for key in keys or (KEY,)], **given)


@given(arguments)
def test_every_sealed_file_is_read_back_and_written_again_byte_for_byte(
    arguments: dict[str, Any],
) -> None:
    file = seal(**arguments)
    data = file.serialise()
    read = verify(data, file.header.author)
    assert read == file
    assert read.serialise() == data
    assert claimed_author(data) == forge.public(arguments["seed"])
    header = read.header
    for name in ("function", "created", "expires", "transport"):
        assert getattr(header, name) == arguments[name]
    assert header.preload == tuple(sorted(set(arguments["preload"])))
    given_slots = {(each.expires, each.to) for each in arguments["recipients"]}
    assert {(slot.expires, slot.to) for slot in header.slots} == given_slots
    line = data.split(b"\n", 2)[1]
    assert serialise_header(parse_header(line)) == line


@given(arguments)
def test_each_recipient_opens_the_bundle_until_the_key_or_the_file_expires(
    arguments: dict[str, Any],
) -> None:
    file = seal(**arguments)
    data, author = file.serialise(), file.header.author
    for recipient in arguments["recipients"]:
        ends = [at for at in (recipient.expires, arguments["expires"]) if at is not None]
        end = min(ends, default=None)
        if end != 0:
            last = NOW if end is None else end - 1
            content_key = file.content_key(recipient.function_key, last)
            assert file.bundle(content_key) == arguments["bundle"]
            opened = open_file(data, author, recipient.function_key, last)
            assert opened.bundle == arguments["bundle"]
        if end is not None:
            reason = FunctionExpired if end == arguments["expires"] else UnknownKey
            with pytest.raises(reason):
                file.content_key(recipient.function_key, end)


@given(keys.filter(lambda key: key != KEY))
def test_another_key_opens_nothing(key: bytes) -> None:
    with pytest.raises(UnknownKey):
        sealed().content_key(key, NOW)


def test_one_bundle_sealed_twice_shares_no_key_and_no_salt() -> None:
    first, second = sealed(), sealed()
    assert first.content_key(KEY, NOW) != second.content_key(KEY, NOW)
    assert first.header.slots[0].salt != second.header.slots[0].salt
    assert first.header.content_id != second.header.content_id
    assert first.ciphertext != second.ciphertext


def test_no_byte_of_a_sealed_file_can_be_another() -> None:
    data = sealed().serialise()
    for at in range(len(data)):
        for mask in (0x01, 0x20, 0x80):
            with pytest.raises((MalformedFile, WrongSignature)):
                verify(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :], AUTHOR)


@given(st.data())
def test_no_byte_of_a_sealed_file_can_be_replaced_added_or_missing(data: st.DataObject) -> None:
    whole = sealed(b"bundle", KEY, bytes(range(32))).serialise()
    at = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.binary(max_size=3))
    less = data.draw(st.integers(0, 3))
    altered = whole[:at] + more + whole[at + less :]
    if altered != whole:
        with pytest.raises((MalformedFile, WrongSignature)):
            verify(altered, AUTHOR)


@given(st.binary() | st.binary().map(lambda data: b"faas-seal/v1\n" + data))
def test_no_bytes_make_a_parser_fail_in_another_way(data: bytes) -> None:
    with pytest.raises(SealError):
        verify(data, AUTHOR)
    with pytest.raises(SealError):
        claimed_author(data)


def test_the_signature_is_judged_before_the_header_is_read() -> None:
    file = forge.sign(b"this is no header", b"", seed=bytes(32))
    with pytest.raises(WrongSignature):
        verify(file, AUTHOR)
    with pytest.raises(MalformedFile, match="header"):
        verify(file, forge.public(bytes(32)))


# What discovery answers.


@given(arguments)
def test_the_first_three_lines_alone_give_the_header(arguments: dict[str, Any]) -> None:
    file = seal(**arguments)
    assert file.lines == b"".join(file.serialise().splitlines(keepends=True)[:3])
    assert verify_lines(file.lines, file.header.author) == file.header
    assert read_lines(file.lines, file.header.author)["created"] == arguments["created"]


@given(st.binary(min_size=1))
def test_nothing_may_follow_the_three_lines(more: bytes) -> None:
    file = sealed()
    for data in (file.lines + more, file.serialise()):
        with pytest.raises(MalformedFile):
            verify_lines(data, AUTHOR)


def test_no_byte_of_the_three_lines_can_be_another_or_missing() -> None:
    lines = sealed().lines
    for at in range(len(lines)):
        for other in (lines[:at], lines[:at] + bytes([lines[at] ^ 1]) + lines[at + 1 :]):
            with pytest.raises((MalformedFile, WrongSignature)):
                verify_lines(other, AUTHOR)


def test_the_three_lines_of_another_author_are_refused() -> None:
    with pytest.raises(WrongSignature):
        verify_lines(sealed().lines, forge.public(bytes(32)))


# Headers that the author did sign, right or wrong. Both implementations must agree.


def judge(data: bytes) -> str:
    """Return the reason why a file is refused, or "ok"; fail if the implementations differ."""
    outcome = "ok"
    try:
        header = verify(data, AUTHOR).header
        assert serialise_header(header) == data.split(b"\n", 2)[1]
    except (MalformedFile, WrongSignature) as error:
        outcome = error.reason
    try:
        read_file(data, AUTHOR)
        second = "ok"
    except Refused as error:
        second = error.reason
    assert outcome == second
    return outcome


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3)
    ),
    max_leaves=5,
)


@given(json_values)
def test_any_signed_json_is_refused_as_a_header(value: object) -> None:
    line = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    assert judge(forge.sign(line, b"")) == "malformed-file"


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container and key or index by which a part of `value` can be replaced."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        yield value, key
        if isinstance(part, (dict, list)):
            yield from places(part)


@given(st.data())
def test_both_implementations_agree_about_headers_with_one_other_value(
    data: st.DataObject,
) -> None:
    draft = forge.Draft(b"bundle")
    grant = {"id": "00" * 16, "sealed": "A" * 1558 if data.draw(st.booleans()) else "A" * 1557}
    draft.header["slots"].append(draft.slot(KEY, to=grant))
    draft.header["slots"].sort(key=lambda slot: slot["id"])
    draft.header["preload"] = ["numpy", "yaml"]
    container, key = data.draw(st.sampled_from(list(places(draft.header))))
    others = [deepcopy(holder[name]) for holder, name in places(draft.header)]
    container[key] = data.draw(json_values | st.sampled_from(others))
    judge(draft.file())


@settings(max_examples=200)
@given(st.data())
def test_both_implementations_agree_about_headers_with_other_bytes(data: st.DataObject) -> None:
    draft = forge.Draft(b"bundle")
    line = draft.line()
    at = data.draw(st.integers(0, len(line)))
    more = data.draw(
        st.sampled_from([*b'-019eE.+{}[]",: \t\\=_/AZaz\x00\x7f\x80']).map(lambda b: bytes([b]))
    )
    less = data.draw(st.integers(0, 2))
    judge(forge.sign(line[:at] + more + line[at + less :], draft.ciphertext))


def test_the_header_may_have_a_mebibyte_and_no_more() -> None:
    draft = forge.Draft(b"bundle")
    draft.header["preload"] = names = [f"n{number:0123}" for number in range(8000)]
    while (missing := 2**20 - len(draft.line())) > 0:
        # A name adds three characters of its own; the last two share what is missing.
        length = 100 if missing > 200 else missing - 3 if missing < 130 else missing // 2
        names.append(f"o{len(names)}".ljust(length, "o"))
    assert missing == 0
    assert judge(draft.file()) == "ok"
    names[-1] += "o"
    assert judge(draft.file()) == "malformed-file"


@pytest.mark.parametrize(
    "line",
    [b"[" * 2**20, b'{"a":' * 2**17, b"9" * 2**20, b'"' + b"\\u0061" * 2**17, b"0." + b"1" * 2**19],
    ids=["arrays", "objects", "digits", "escapes", "fraction"],
)
def test_a_header_made_to_exhaust_the_parser_is_refused(line: bytes) -> None:
    assert judge(forge.sign(line, b"")) == "malformed-file"
    with pytest.raises(MalformedFile):
        claimed_author(forge.sign(line, b""))


# What seal() refuses.


@pytest.mark.parametrize("count", [0, MAX_SLOTS + 1])
def test_a_file_has_1_to_256_recipients(count: int) -> None:
    each = [Recipient(number.to_bytes(32, "big")) for number in range(count)]
    with pytest.raises(MalformedFile, match=f"{count} slots"):
        seal(b"", function="greet", seed=SEED, recipients=each, created=NOW)


def test_a_file_has_256_recipients_at_most() -> None:
    file = sealed(b"", *(number.to_bytes(32, "big") for number in range(MAX_SLOTS)))
    assert file.bundle(file.content_key((255).to_bytes(32, "big"), NOW)) == b""


def test_one_key_is_no_two_recipients() -> None:
    with pytest.raises(MalformedFile, match="twice"):
        sealed(b"", KEY, KEY)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_recipient_has_a_whole_key(length: int) -> None:
    with pytest.raises(ValueError, match=f"key is {length} bytes, expected 32"):
        sealed(b"", bytes(length))


@pytest.mark.parametrize("name", ["", "Greet", "gréet", "-a", "a-", "a.b", "a\n", "a" * 64])
def test_a_function_is_named_by_a_dns_label(name: str) -> None:
    with pytest.raises(MalformedFile, match="DNS label"):
        sealed(function=name)


@pytest.mark.parametrize(
    "options",
    [
        {"created": -1},
        {"created": 2**53},
        {"expires": 1.0},
        {"expires": True},
        {"transport": b""},
        {"transport": bytes(32)},
        {"preload": ["not-a-name"]},
        {"preload": ["naïve"]},
    ],
    ids=str,
)
def test_nothing_is_sealed_that_could_not_be_read(options: dict[str, Any]) -> None:
    with pytest.raises(MalformedFile):
        sealed(**options)


def test_a_header_that_is_too_long_is_not_written() -> None:
    with pytest.raises(MalformedFile, match=r"the header is \d+ bytes, at most 1048576"):
        sealed(preload=[f"name{number:0124}" for number in range(9000)])


def test_a_sealed_file_shows_no_key_when_it_is_printed() -> None:
    recipient = Recipient(b"K" * 32, to=Grant("00" * 16, b"G" * GRANT_BYTES))
    file = seal(b"bundle", function="greet", seed=SEED, recipients=[recipient], created=NOW)
    [slot] = file.header.slots
    shown = repr(recipient) + repr(file) + repr(replace(file.header, transport=b"T" * 1216))
    for hidden in (b"K" * 8, b"G" * 8, slot.wrapped, slot.salt, file.ciphertext):
        assert repr(hidden)[2:-1] not in shown
