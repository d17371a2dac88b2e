"""A run of the local gateway: what starts it, what keeps it from starting, and what ends it."""

from __future__ import annotations

import re
import signal
import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from faas_seal.cli import cli
from faas_sealed.formats.keys import AUTHOR_PUBLIC, author_public

from tests.command.serving.conftest import LocalRun, Project, assert_gone, says
from tests.support import free_port, read_answer, session, wait_until

# The end.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(project: Project, number: int) -> None:
    project.seal()
    with project.serving() as local:
        local.run("")
        runtimes = local.runtimes()
        processes = [pid for leader in runtimes for pid in session(leader)]
        assert len(processes) > 1
        assert local.stop(number) == 0
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    assert_gone(runtimes)


def test_what_a_handler_has_left_running_is_ended(project: Project) -> None:
    project.seal()
    with project.serving() as local:
        code = "import subprocess; answer = str(subprocess.Popen(['sleep', '60']).pid)"
        left = int(local.run(code))
    assert not Path(f"/proc/{left}").exists()


def test_a_killed_gateway_leaves_no_runtime(project: Project) -> None:
    project.seal()
    with project.serving() as local:
        local.run("")
        runtimes = local.runtimes()
        assert local.stop(signal.SIGKILL) == -signal.SIGKILL
        wait_until(lambda: not any(map(session, runtimes)), "the runtimes have ended")


def test_a_call_under_way_is_answered_before_the_end(project: Project, tmp_path: Path) -> None:
    project.seal()
    begun = tmp_path / "begun"
    code = f"import time; open({str(begun)!r}, 'w'); time.sleep(1); answer = 'whole'".encode()
    with project.serving() as local, local.connect() as client:
        client.sendall(local.head("", f"Content-Length: {len(code)}") + code)
        wait_until(begun.exists, "the call has begun")
        local.process.send_signal(signal.SIGINT)
        assert read_answer(client).text == "whole"
        assert local.wait() == 0


def test_a_call_that_does_not_end_does_not_delay_the_end(project: Project, tmp_path: Path) -> None:
    project.seal()
    begun = tmp_path / "begun"
    code = f"import time; open({str(begun)!r}, 'w'); time.sleep(20)".encode()
    with project.serving() as local, local.connect() as client:
        client.sendall(local.head("", f"Content-Length: {len(code)}") + code)
        wait_until(begun.exists, "the call has begun")
        before = time.monotonic()
        assert local.stop() == 0
        assert time.monotonic() - before < 10


def test_it_can_be_ended_before_it_is_ready(project: Project) -> None:
    project.seal()
    with project.serving(ready=False) as local:
        wait_until(lambda: bool(local.runtimes()), "a runtime was started")
        runtimes = local.runtimes()
        assert local.stop() == 0
    assert_gone(runtimes)


# The beginning.


def fails(project: Project, *arguments: str, status: int = 1) -> str:
    """Run a local-run that cannot start; return its errors."""
    done = project.run("local-run", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    return done.stderr


def test_a_function_that_is_not_sealed_is_not_served(project: Project) -> None:
    errors = fails(project)
    assert "faas-seal: error: the function program is not sealed\n" in errors
    assert errors.endswith("hint: faas-seal seal program\n")


def test_an_altered_file_is_not_served(project: Project) -> None:
    project.seal()
    whole = project.sealed_file().read_bytes()
    project.sealed_file().write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    errors = fails(project, "--port", "0")
    error, hint = errors.splitlines()
    assert error == f"faas-seal: error: {project.sealed_file()}: the ciphertext is altered"
    assert hint.endswith("seal it anew: faas-seal seal program")


def test_a_failed_start_names_the_users_own_sealed_file(project: Project) -> None:
    project.seal()
    author = AUTHOR_PUBLIC.encode(author_public(bytes(32)))
    members = re.sub("fsap1_[^ \n]+", author, project.stack.read_text())
    project.stack.write_text(members)
    errors = fails(project, "--port", "0")
    assert f"program did not start: {project.sealed_file()}: " in errors
    assert "another author" in errors
    assert "hint: faas-seal doctor program" in errors


def test_all_functions_end_when_one_cannot_start(project: Project) -> None:
    project.add("other")
    project.seal()
    project.stack.write_text(project.stack.read_text().replace("seal_author", "author", 1))
    errors = fails(project, "--port", "0")
    assert "faas-seal: error: program did not start: " in errors


def test_a_port_that_is_taken_is_named(project: Project) -> None:
    project.seal()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        errors = fails(project, "--port", str(port))
    assert f"faas-seal: error: port {port} of 127.0.0.1 is taken\n" in errors
    assert f"hint: faas-seal local-run program --port {port + 1}\n" in errors


def test_an_unknown_name_is_refused(project: Project) -> None:
    assert "has no function 'nothing'" in fails(project, "nothing", status=2)


def test_only_linux_is_served(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    result = CliRunner().invoke(cli, ["local-run", "-f", str(project.stack)])
    assert result.exit_code == 2
    assert "local-run is for Linux" in result.output
    assert "faas-cli local-run" in result.output


def test_functions_are_served_beside_each_other(project: Project) -> None:
    project.add("other", says("other"))
    project.add("plain", lang="python3-http")
    project.seal()
    with project.serving() as local:
        assert local.call(name="other").text == "other"
        assert local.run("answer = context.hostname") == "program"
        # A key opens its own function only.
        assert local.request("/function/other", b"", {"X-Function-Key": local.key()}).status == 403
    with project.serving("other") as local:
        assert local.call(name="other").text == "other"
        assert local.request("/function/program").status == 404


def test_the_port_that_was_asked_for_is_taken(project: Project) -> None:
    project.seal()
    port = free_port()
    with project.serving("--port", str(port)) as local:
        assert local.port == port


def test_nothing_plain_is_written(project: Project) -> None:
    canary = "canary-in-the-source-4711"
    project.add(source=says(canary))
    project.seal()

    def found() -> list[Path]:
        files = [path for path in project.folder.rglob("*") if path.is_file()]
        return [path for path in files if canary.encode() in path.read_bytes()]

    with project.serving() as local:
        assert local.call(body=canary.encode()).text == canary
    assert found() == [project.folder / "program" / "handler.py"]


def test_the_start_says_how_to_call(local: LocalRun) -> None:
    url = f"http://127.0.0.1:{local.port}"
    assert f"faas-seal invoke program --gateway {url}\n" in local.stderr.text
    assert f"curl -H @<(faas-seal header program) {url}/function/program\n" in local.stderr.text
