"""What the documents say, held to the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from faas_seal.cli.pages import PAGES
from faas_sealed import __version__
from faas_sealed.formats import errors
from faas_sealed.formats.bundle import MAX_BYTES, MAX_ENTRIES, MAX_NAME_BYTES
from faas_sealed.formats.errors import SealError
from faas_sealed.formats.header import GRANT_BYTES, MAX_HEADER_BYTES, MAX_SLOTS
from faas_sealed.formats.keys import TEXT_FORMS
from faas_sealed.formats.stream import CHUNK_BYTES
from faas_sealed.formats.trace import MAX_TRACE_BYTES

ROOT = Path(__file__).parent.parent
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text("utf-8")
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(
        page
        for folder in ("docs", "function-samples", "benchmarks", "tests")
        for page in sorted((ROOT / folder).glob("**/*.md"))
    ),
]
WIDTH = 120
NOT_WRAPPED = {
    "docs/protocol.md": "does not change",
}
CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, SealError) and "reason" in vars(value)
]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of every table row under a heading, up to the next heading."""
    section = PROTOCOL.partition(f"\n{heading}\n")[2].partition("\n#")[0]
    lines = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def own_status(cls: type[SealError]) -> bool:
    """Tell whether a function answers with this error."""
    return "status" in vars(cls) and cls is not SealError


def test_each_http_error_is_in_the_table_with_its_status_and_nothing_else_is() -> None:
    table = {(int(row[0]), row[1].strip("`")) for row in rows("## Errors") if row[0].isdecimal()}
    assert table == {(cls.status, cls.reason) for cls in CLASSES if own_status(cls)}


def test_each_http_error_has_its_row_in_the_page_on_trouble() -> None:
    told = {
        (int(status), reason)
        for status, reasons in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", TROUBLESHOOTING, re.M)
        for reason in re.findall(r"`([\w-]+)`", reasons)
    }
    assert told == {(cls.status, cls.reason) for cls in CLASSES if own_status(cls)}


def test_each_error_of_a_file_is_in_the_table_and_nothing_else_is() -> None:
    table = {row[0].strip("`") for row in rows("## Errors") if row[0].startswith("`")}
    others = {cls.reason for cls in CLASSES if not own_status(cls) and cls is not SealError}
    assert table == others


def test_no_two_errors_share_a_reason() -> None:
    reasons = [cls.reason for cls in CLASSES]
    assert sorted(set(reasons)) == sorted(reasons)


def test_the_headers_of_an_error_are_in_its_row() -> None:
    when = {row[1].strip("`"): row[2] for row in rows("## Errors") if row[0].isdecimal()}
    for cls in CLASSES:
        for name, _ in cls.headers:
            assert name in when[cls.reason]


def test_each_text_form_is_in_the_table_and_nothing_else_is() -> None:
    table = {
        (row[0].strip("`"), int(row[2].replace(",", "")))
        for row in rows("## Text forms of keys")
        if row[0].startswith("`")
    }
    assert table == {(form.prefix, form.length) for form in TEXT_FORMS}


@pytest.mark.parametrize(
    "sentence",
    [
        f"one line of JSON, at most {MAX_HEADER_BYTES:,} bytes",
        f"1 to {MAX_SLOTS} slots",
        f"{GRANT_BYTES:,} bytes |",
        f"At most {MAX_ENTRIES:,} files and {MAX_BYTES:,} bytes",
        f"at most {MAX_NAME_BYTES} bytes in UTF-8",
        f"as long as the plaintext: 0 to {CHUNK_BYTES:,} bytes",
        f"n, big-endian: 17 to {CHUNK_BYTES + 17:,} |",
        f"The trace is UTF-8, at most {MAX_TRACE_BYTES:,} bytes",
    ],
)
def test_a_limit_is_what_the_protocol_says(sentence: str) -> None:
    assert sentence in re.sub(r"\s+", " ", PROTOCOL)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_made_from_the_code_is_up_to_date(name: str) -> None:
    written = (ROOT / "docs" / name).read_text("utf-8")
    assert written == PAGES[name](), "the code has changed: make docs"


def test_links_between_documents_lead_somewhere() -> None:
    links = [
        (document, target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text("utf-8"))
        if "://" not in target
    ]
    assert links
    broken = [(str(at), target) for at, target in links if not (at.parent / target).exists()]
    assert broken == []


def too_long(page: str) -> list[str]:
    """Return the lines of prose that could be wrapped, and are wider than WIDTH columns."""
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    return [
        line
        for line in prose.splitlines()
        if len(line) > WIDTH and not line.startswith("|") and " " in line.lstrip(" -")
    ]


@pytest.mark.parametrize("name", [str(page.relative_to(ROOT)) for page in DOCUMENTS])
def test_prose_is_wrapped_at_one_width(name: str) -> None:
    if name in NOT_WRAPPED:
        pytest.skip(NOT_WRAPPED[name])
    assert too_long((ROOT / name).read_text("utf-8")) == []


def test_only_prose_can_be_too_long() -> None:
    words = "word " * (WIDTH // 5) + "word"
    link = "[x](" + "x" * WIDTH + ")"
    assert too_long(f"# Page\n\n- {words}\n{words}\n") == [f"- {words}", words]
    assert too_long(f"| {words} |\n\n- {link}\n\n```\n{words}\n```\n{words[5:]}\n") == []


def test_the_newest_release_in_the_changelog_is_this_version() -> None:
    headings = re.findall(r"^## (\S+)", CHANGELOG, re.MULTILINE)
    assert headings[0] in ("Unreleased", __version__)
    assert headings[1:2] in ([], [__version__])
