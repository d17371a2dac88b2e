"""`faas-seal seal --watch` beside `local-run`: what is saved is what answers."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faas_seal.project.watching import changes

from tests.command.serving.conftest import Project, says
from tests.support import FAAS_SEAL, PATIENCE, Output, wait_until


@contextmanager
def watching(project: Project) -> Iterator[tuple[Output, Output]]:
    """Run `faas-seal seal --watch`; yield its outputs once it watches, and end it with Ctrl-C."""
    process = subprocess.Popen(
        [*FAAS_SEAL, "seal", "--watch"],
        cwd=project.folder,
        env=project.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    stdout, stderr = Output(process.stdout), Output(process.stderr)
    try:
        stderr.wait_for("Ctrl-C ends it")
        yield stdout, stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        stdout.close()
        stderr.close()


def test_the_next_call_has_what_was_saved(project: Project) -> None:
    project.write("program", says("first"))
    project.seal()
    with watching(project) as (stdout, stderr):
        with project.serving() as served:
            assert served.call().text == "first"
            project.write("program", says("second"))
            wait_until(lambda: served.call().text == "second", "the second handler answers")

            project.write("program", "def handle(event, context:\n")
            stderr.wait_for("handler.py does not compile")
            assert served.call().text == "second"

            project.write("program", says("third"))
            wait_until(lambda: served.call().text == "third", "the third handler answers")

            ignoring = project.folder / "program" / ".sealignore"
            ignoring.mkdir()
            (ignoring / "file").touch()
            stderr.wait_for(".sealignore: Is a directory")
            shutil.rmtree(ignoring)
        # A change of a file that is not sealed, and one without effect, are not mentioned.
        (project.folder / "program" / "handler_test.py").write_text("")
        project.write("program", says("fourth"))
        wait_until(lambda: stdout.text.count("program: sealed") == 3, "the fourth is sealed")
        assert "unchanged" not in stdout.text.partition("\n")[2]


def test_watching_goes_neither_with_json_nor_with_standard_input(project: Project) -> None:
    for arguments in (("--json",), ("--key-file", "-", "program")):
        refused = project.run("seal", "--watch", *arguments)
        assert refused.returncode == 2
        assert "--watch goes neither" in refused.stderr


def test_what_changes_before_the_watching_starts_counts(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text("first")
    changed = changes([tmp_path])
    file.write_text("the second")
    next(changed)


def test_local_run_tells_of_a_seal_that_was_forgotten(project: Project) -> None:
    project.write("program", says("first"))
    project.seal()
    project.write("program", says("second"))
    told = "program | the source has changed since it was sealed: faas-seal seal program"
    with project.serving() as served:
        served.stderr.wait_for(told)
        assert served.call().text == "first"
        project.write("program", says("third"))
        wait_until(lambda: served.stderr.text.count(told) == 2, "the change is told of")
        project.seal()
        wait_until(lambda: served.call().text == "third", "the third handler answers")
