from __future__ import annotations

import os
from pathlib import Path

import pytest
from faas_seal.project.keystore import Keystore
from faas_sealed.formats.file import claimed_author, verify
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.trace import seal_trace

from tests.command.conftest import Run


@pytest.fixture
def sealed(project: Path, run: Run) -> Path:
    """A project with a sealed function."""
    run("seal")
    return project


def trace_of(project: Path, text: str) -> str:
    data = (project / "sealed" / "greet" / "function.sealed").read_bytes()
    file = verify(data, claimed_author(data))
    content_key = file.content_key(Keystore(project).function_key("greet"), 0)
    return seal_trace(text, content_key, file.header.content_id, file.header.context)


def test_opens_each_trace_below_its_line(sealed: Path, run: Run) -> None:
    first, second = trace_of(sealed, "one\n  more\n"), trace_of(sealed, "two")
    log = f"start\n2030-01-01 trace={first} call=1\n{second} and {first}\nend\n"
    expected = (
        "start\n"
        "2030-01-01 trace=(trace below) call=1\n    one\n      more\n"
        "(trace below) and (trace below)\n    two\n    one\n      more\n"
        "end\n"
    )
    assert run("explain", input=log).stdout == expected
    assert run("explain", "-", input=log).stdout == expected
    (sealed / "greet.log").write_text(log)
    assert run("explain", "greet.log").stdout == expected


@pytest.mark.usefixtures("sealed")
def test_prints_a_log_without_traces_as_it_is(run: Run) -> None:
    assert run("explain", input="a\n\n  b fse1\n").stdout == "a\n\n  b fse1\n"
    assert run("explain", input="").stdout == ""


def test_what_cannot_be_opened_stays_and_ends_with_status_3(sealed: Path, run: Run) -> None:
    trace = trace_of(sealed, "secret")
    (sealed / ".faas-seal" / "greet.key").unlink()
    result = run("explain", input=f"{trace}\nfse1_short\n", status=3)
    assert result.stdout == f"{trace}\nfse1_short\n"
    assert "2 traces could not be opened" in result.stderr


def test_takes_an_old_sealed_file_and_a_key_from_elsewhere(
    sealed: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = trace_of(sealed, "of the old file")
    key = FUNCTION_KEY.encode(Keystore(sealed).function_key("greet"))
    (sealed / "sealed" / "greet").rename(sealed / "old")
    run("seal")
    run("explain", input=trace, status=3)
    options = ["--sealed-file", "old/function.sealed"]
    assert "of the old file" in run("explain", *options, input=trace).stdout
    (sealed / ".faas-seal" / "greet.key").unlink()
    monkeypatch.setenv("GREET_KEY", key)
    assert "of the old" in run("explain", *options, "--key-env", "GREET_KEY", input=trace).stdout
    monkeypatch.setenv("GREET_KEY", FUNCTION_KEY.encode(os.urandom(32)))
    run("explain", *options, "--key-env", "GREET_KEY", input=trace, status=3)


def test_a_trace_commands_no_terminal(sealed: Path, run: Run) -> None:
    trace = trace_of(sealed, "a\x1b[2J\r\x07\tb\u202e")
    assert run("explain", input=trace).stdout == "(trace below)\n    a\\x1b[2J\\r\\x07\tb\\u202e\n"
