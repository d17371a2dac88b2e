"""docs/parity.md, made from the record and the differences: python -m tests.parity.document"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tests.parity import recorded
from tests.parity.case import ONE, Group
from tests.parity.cases import GROUPS
from tests.parity.differences import DIFFERENCES, listed
from tests.parity.outcome import LEFT_OUT, Outcome
from tests.parity.recorded import Recorded

FILE = Path(__file__).parents[2] / "docs" / "parity.md"

_HEAD = """\
# A drop-in for python3-http

OpenFaaS's template `python3-http` was run with the handlers of `tests/parity`, and its answers were
recorded. A test compares ours with them. {same} of {all} cases have the same outcome: the same
status, headers and body, and in cases about the log the same lines. {differing} differ, in the ways
that this page lists and in no others.

Headers of the connection and of the moment are not compared ({left_out}). Of a log, the line about
the start and the inside of tracebacks are left out. In the tables below, an answer whose type is
not shown has `{html}`.

Recorded: {versions}.

`make parity` runs the official template again, and makes this page.
"""

_HTML = "text/html; charset=utf-8"
_WIDTH = 120


def text() -> str:
    """Return the page."""
    record = recorded.read()
    differing = listed()
    total = sum(len(group.cases) for group in GROUPS)
    head = _HEAD.format(
        all=total,
        html=_HTML,
        left_out=", ".join(f"`{name}`" for name in sorted(LEFT_OUT)),
        differing=len(differing),
        same=total - len(differing),
        versions=", ".join(f"{name} {version}" for name, version in record.versions.items()),
    )
    return "\n".join([_filled(head), "", *_differences(record), *_cases(record), ""])


def _filled(text: str) -> str:
    return "\n\n".join(textwrap.fill(part, _WIDTH) for part in text.split("\n\n"))


def _differences(record: Recorded) -> list[str]:
    lines = ["## What differs, and why", ""]
    for number, difference in enumerate(DIFFERENCES, 1):
        rows: dict[tuple[str, str], list[str]] = {}
        for group, cases in difference.ours.items():
            for case, ours in cases.items():
                answers = describe(record.outcomes[group][case]), describe(ours)
                rows.setdefault(answers, []).append(group if case == ONE else _code(case))
        lines += [f"### {number}. {difference.title}", "", _filled(difference.reason), ""]
        lines += ["| | python3-http | here |", "|---|---|---|"]
        lines += [
            f"| {', '.join(names)} | {theirs} | {ours} |" for (theirs, ours), names in rows.items()
        ]
        lines.append("")
    return lines


def _cases(record: Recorded) -> list[str]:
    lines = ["## All cases", "", "The last column has the number of the difference, if any.", ""]
    for group in GROUPS:
        if len(group.cases) > 1:
            lines += [f"### {group.name}", "", *_table([group], record), ""]
    single = [group for group in GROUPS if len(group.cases) == 1]
    return [*lines, "### Handlers with one case", "", *_table(single, record)]


def _table(groups: list[Group], record: Recorded) -> list[str]:
    differing = listed()
    lines = ["| | python3-http | |", "|---|---|---|"]
    for group in groups:
        for case in group.cases:
            name = _code(case.name) if len(groups) == 1 else group.name
            theirs = describe(record.outcomes[group.name][case.name])
            number = differing.get((group.name, case.name), ("",))[0]
            lines.append(f"| {name} | {theirs} | {number} |")
    return lines


def _code(text: str) -> str:
    text = re.sub(r"[^\x20-\uffff]", lambda found: ascii(found[0])[1:-1], text)
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def describe(outcome: Outcome) -> str:
    """Return an outcome in a few words of Markdown."""
    if "stderr" in outcome:
        lines = [*outcome["stdout"], *outcome["stderr"]]
        return "<br>".join(map(_code, lines)) or "nothing"
    if "answer" in outcome:
        return "no answer"
    if "ended" in outcome:
        return f"ends with {_code(outcome['ended'])}"
    words = [str(outcome["status"])]
    if "problem" in outcome:
        words.append(_code(outcome["problem"]))
        words += [_code(outcome["raised"])] if "raised" in outcome else []
        return " ".join(words)
    headers = dict(outcome["headers"])
    if isinstance(kind := headers.get("content-type"), str):
        words += [_code(kind)] if kind != _HTML else []
        del headers["content-type"]
    for name, values in headers.items():
        each = values if isinstance(values, list) else [values]
        words += [_code(f"{name}: {value}") for value in each]
    words.append(_body(outcome))
    return " ".join(filter(None, words)) + (", cut off" if "cut" in outcome else "")


def _body(outcome: Outcome) -> str:
    if "base64" in outcome:
        return "binary"
    if "bytes" in outcome:
        return f"{outcome['bytes']:,} bytes"
    body: str = outcome["body"]
    if body.startswith("<!doctype"):
        return "an HTML page"
    line = body.strip().partition("\r")[0].replace("\n", " ")
    return _code(line if len(line) <= 100 else f"{line[:99]}…") if line else ""


def write_document() -> None:
    FILE.write_text(text(), "utf-8")


if __name__ == "__main__":
    write_document()
