from __future__ import annotations

import io
import stat
import tracemalloc
import zipfile
import zlib

import pytest
from faas_sealed.formats.bundle import MAX_BYTES, MAX_ENTRIES, MAX_NAME_BYTES, pack, unpack
from faas_sealed.formats.errors import MalformedBundle
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.forge import Entry, deflate, zip_of
from tests.formats.second.bundle import read_bundle
from tests.formats.second.suite import Refused

parts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\"),
    min_size=1,
    max_size=12,
).filter(lambda part: part not in (".", ".."))
names = st.lists(parts, min_size=1, max_size=4).map("/".join)
any_names = st.text(st.characters(codec=None), max_size=10) | st.text("a./\\\0\n", max_size=6)


def is_folder(files: dict[str, bytes]) -> bool:
    return not any(other.startswith(f"{name}/") for name in files for other in files)


folders = st.dictionaries(names, st.binary(max_size=300), max_size=6).filter(is_folder)


@given(folders)
def test_every_folder_survives_packing(files: dict[str, bytes]) -> None:
    data = pack(files)
    assert unpack(data) == files
    assert read_bundle(data) == files


@given(folders, st.data())
def test_the_same_files_give_the_same_bytes(files: dict[str, bytes], data: st.DataObject) -> None:
    order = data.draw(st.permutations(list(files)))
    assert pack({name: files[name] for name in order}) == pack(files)


@given(folders)
def test_other_programs_read_a_bundle_as_a_zip_of_regular_files(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(pack(files))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert all(stat.S_ISREG(entry.external_attr >> 16) for entry in archive.infolist())


@given(any_names)
def test_a_name_is_refused_by_writer_and_reader_alike(name: str) -> None:
    try:
        data = pack({name: b""})
    except MalformedBundle:
        with pytest.raises(MalformedBundle):
            unpack(zip_of(Entry(name.encode("utf-8", "surrogatepass"))))
    else:
        assert unpack(data) == {name: b""}


@pytest.mark.parametrize(
    "name",
    [
        *("", "/a", "a/", "a//b", ".", "..", "../a", "a/./b", "a/../b"),
        *("a\\b", "a\nb", "a\0b", "a\x9b", "\udc80"),
        *("a" * (MAX_NAME_BYTES + 1), "é" * (MAX_NAME_BYTES // 2 + 1)),
    ],
    ids=ascii,
)
def test_a_name_that_could_lead_elsewhere_is_not_packed(name: str) -> None:
    with pytest.raises(MalformedBundle):
        pack({"handler.py": b"", name: b""})


@pytest.mark.parametrize("others", [[], ["a-", "a.b", "a0"], ["a-/b", "Z", "b"]])
def test_no_name_is_a_file_and_a_folder(others: list[str]) -> None:
    files = dict.fromkeys([*others, "a", "a/b/c"], b"")
    with pytest.raises(MalformedBundle, match="file and a folder"):
        pack(files)
    with pytest.raises(MalformedBundle, match="file and a folder"):
        unpack(zip_of(*map(Entry, files)))
    del files["a"]
    assert unpack(pack(files)) == files


def test_what_unpacking_says_repeats_no_name() -> None:
    for entry in (Entry("/canary.py"), Entry("canary.py", both={"crc": 5}), Entry("canary\n")):
        with pytest.raises(MalformedBundle) as error:
            unpack(zip_of(entry))
        assert "canary" not in str(error.value)


# Bounds.


def test_a_bundle_has_4096_files_and_no_more() -> None:
    files = {f"{number}.py": b"" for number in range(MAX_ENTRIES)}
    assert unpack(pack(files)) == files
    files["one more"] = b""
    with pytest.raises(MalformedBundle, match="4097 files"):
        pack(files)
    with pytest.raises(MalformedBundle):
        unpack(zip_of(*map(Entry, files)))


def test_a_bundle_has_64_mib_and_no_more() -> None:
    files = {"zeros": bytes(MAX_BYTES - 1), "one": b"1"}
    assert unpack(pack(files)) == files
    files["one more"] = b"1"
    with pytest.raises(MalformedBundle, match="at most 67108864"):
        pack(files)
    with pytest.raises(MalformedBundle):
        unpack(zip_of(*(Entry(name, content) for name, content in files.items())))


ZEROS = bytes(MAX_BYTES + 2**20)
PACKED = deflate(ZEROS)
LIES: dict[str, list[Entry]] = {
    "its true size": [Entry("zeros", ZEROS, packed=PACKED)],
    "10 bytes": [Entry("zeros", b"", packed=PACKED, both={"size": 10})],
    "0 bytes": [Entry("zeros", b"", packed=PACKED, both={"size": 0})],
    "4 GiB": [Entry("zeros", b"", packed=PACKED, both={"size": 2**32 - 1})],
    "10 bytes, 200 times": [
        Entry(f"{number}", b"", packed=PACKED[:1000], both={"size": 10}) for number in range(200)
    ],
}


@pytest.mark.parametrize("entries", LIES.values(), ids=list(LIES))
def test_a_zip_that_expands_is_refused_before_memory_is_spent(entries: list[Entry]) -> None:
    data = zip_of(*entries)
    tracemalloc.start()
    try:
        with pytest.raises(MalformedBundle):
            unpack(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(data) + 2**20


def test_the_most_that_unpacking_takes_is_the_bundle_and_its_files() -> None:
    size = MAX_BYTES // 4
    entries = [Entry(name, b"", packed=PACKED, both={"size": size}) for name in "abcdefgh"]
    honest = [Entry(name, bytes(size)) for name in "abcd"]
    tracemalloc.start()
    try:
        with pytest.raises(MalformedBundle):
            unpack(zip_of(*honest, *entries))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MAX_BYTES + 2 * size


# Any bytes.


def judge(data: bytes) -> dict[str, bytes] | None:
    """Return the files of a bundle, or None; fail if the implementations differ."""
    files: dict[str, bytes] | None
    second: dict[str, bytes] | None
    try:
        files = unpack(data)
    except MalformedBundle:
        files = None
    try:
        second = read_bundle(data)
    except Refused:
        second = None
    assert files == second
    return files


@given(st.binary() | st.binary().map(lambda data: data + zip_of()))
def test_no_bytes_make_the_reader_fail_in_another_way(data: bytes) -> None:
    assert judge(data) in (None, {})


SAMPLE = zip_of(
    Entry("handler.py", b"def handle(event, context):\n    return 1\n"),
    Entry("données.csv", b"1,2\n", 0),
    Entry("lib/empty", b"", 0),
)


def test_a_bit_that_is_read_cannot_be_another() -> None:
    # Stored, because the last byte of a deflate stream may have bits that are not read.
    files = {"handler.py": b"def handle(event, context):\n    return 1\n", "lib/é": b""}
    whole = zip_of(*(Entry(name, content, 0) for name, content in files.items()))
    assert judge(whole) == files
    passed = []
    for at in range(len(whole)):
        for bit in range(8):
            altered = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
            if (result := judge(altered)) is not None:
                assert result == files
                passed.append(at)
    # "Version made by" and the internal attributes stand in the directory alone.
    entries = [at for at in range(len(whole)) if whole.startswith(b"PK\1\2", at)]
    free = {at + field for at in entries for field in (4, 5, 36, 37)}
    assert set(passed) == free


@settings(max_examples=200)
@given(st.data())
def test_both_implementations_agree_about_damaged_bundles(data: st.DataObject) -> None:
    altered = SAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(altered)))
        less = data.draw(st.integers(0, 4))
        altered = altered[:at] + data.draw(st.binary(max_size=4)) + altered[at + less :]
    judge(altered)


fields = st.dictionaries(
    st.sampled_from(
        ["flags", "method", "crc", "packed", "size", "name", "extra", "external", "at"]
    ),
    st.integers(0, 64) | st.sampled_from([0x800, 0xFFFF]),
    max_size=2,
)
small = st.binary(max_size=6)
entries = st.builds(
    Entry,
    name=st.text("a./\\é", max_size=4) | names,
    content=small,
    method=st.sampled_from([0, 8]),
    packed=st.none() | small | small.map(zlib.compress) | small.map(deflate),
    both=st.just({}) | fields,
    local=st.just({}) | fields,
    directory=st.just({}) | fields,
    local_tail=st.just(b"") | small,
    directory_tail=st.just(b"") | small,
    before=st.just(b"") | small,
    after=st.just(b"") | small,
)


@settings(max_examples=200)
@given(st.lists(entries, max_size=3))
def test_both_implementations_agree_about_zips_that_lie(lies: list[Entry]) -> None:
    judge(zip_of(*lies))
