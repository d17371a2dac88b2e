from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command.conftest import Run
from tests.support import FAAS_SEAL


def complete(words: str) -> list[str]:
    """Ask the command as bash does."""
    done = subprocess.run(
        FAAS_SEAL,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "_FAAS_SEAL_COMPLETE": "bash_complete",
            "COMP_WORDS": f"faas-seal {words}",
            "COMP_CWORD": str(len(f"faas-seal {words}".split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(run: Run, shell: str) -> None:
    script = run("completion", shell).stdout
    assert "_FAAS_SEAL_COMPLETE" in script
    assert "faas-seal" in script


@pytest.mark.usefixtures("project")
def test_verbs_and_options_are_completed() -> None:
    assert complete("loc") == ["local-run"]
    assert complete("seal --wa") == ["--watch"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "verb",
    ["seal", "inspect", "verify", "open", "local-run", "header", "invoke", "test", "keygen", "up"],
)
def test_names_of_functions_are_completed(verb: str) -> None:
    assert complete(f"{verb} gr") == ["greet"]


def test_names_come_from_the_stack_file_that_the_line_names(project: Path) -> None:
    (project / "stack.yaml").rename(project / "other.yaml")
    assert complete("seal --yaml other.yaml gr") == ["greet"]
    assert complete("seal gr") == []


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("words", ["verify sealed/gr", "seal --yaml st", "header --key-file par"])
def test_files_are_left_to_the_shell(words: str) -> None:
    assert complete(words) == [f"file,{words.rpartition(' ')[2]}"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"functions: []", b"[" * 100_000])
def test_a_broken_stack_file_completes_nothing_and_says_nothing(
    project: Path, content: bytes
) -> None:
    (project / "stack.yaml").write_bytes(content)
    assert complete("seal gr") == []
