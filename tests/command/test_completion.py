from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Run


def complete(words: str) -> list[str]:
    """Ask the command as bash does."""
    done = subprocess.run(
        [sys.executable, "-c", "from faas_seal.cli import main; main()"],
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
    return [line.partition(",")[2] for line in done.stdout.split()]


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
    "verb", ["seal", "inspect", "verify", "open", "local-run", "header", "invoke", "test", "keygen"]
)
def test_names_of_functions_are_completed(verb: str) -> None:
    assert complete(f"{verb} gr") == ["greet"]


def test_a_broken_stack_file_completes_nothing_and_says_nothing(project: Path) -> None:
    (project / "stack.yaml").write_text("{")
    assert complete("seal gr") == []
