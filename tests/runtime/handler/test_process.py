"""The process that a handler finds itself in."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from tests.runtime.conftest import Gate, serve_program
from tests.runtime.processes import (
    descriptors,
    only_root_may_look,
    status,
    without_capabilities,
    workers,
    zygote,
)
from tests.runtime.wire import run, several
from tests.support import Function, serve, wait_until

LIST = """\
import subprocess
answer = subprocess.run("ls /proc/self/fd", shell=True, capture_output=True, text=True,
                        close_fds=False).stdout
"""
CHILD = "import subprocess; answer = str(subprocess.Popen(['sleep', '60']).pid)"
DRAWS = """\
import random, secrets, tempfile, uuid
answer = "|".join([
    str(random.random()), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(),
    next(tempfile._get_candidate_names()),
])
"""


def test_a_subprocess_has_its_right_status(program: Function) -> None:
    code = """\
import subprocess
run = subprocess.run(["sh", "-c", "echo out; exit 3"], capture_output=True, text=True)
answer = f"{run.returncode} {run.stdout}"
"""
    assert run(program, code).text == "3 out\n"


def test_signals_are_as_a_new_process_has_them(program: Function) -> None:
    code = """\
import signal, subprocess
answer = {"body": {
    "defaults": [s.name for s in (signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM, signal.SIGHUP)
                 if signal.getsignal(s) == signal.SIG_DFL],
    "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    "blocked": [s.name for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "wakeup": signal.set_wakeup_fd(-1),
    "child": subprocess.run(["grep", "SigBlk", "/proc/self/status"],
                            capture_output=True, text=True).stdout.split()[1],
}}
"""
    assert run(program, code).json() == {
        "defaults": ["SIGCHLD", "SIGTERM", "SIGALRM", "SIGHUP"],
        "interrupt": True,
        "blocked": [],
        "wakeup": -1,
        "child": "0" * 16,
    }


def test_what_is_drawn_differs_from_worker_to_worker(gate: Gate) -> None:
    with serve_program(seal_workers=8) as function, several(function, 8) as clients:
        for client in clients:
            client.post(gate.code + DRAWS)
        gate.wait_for(8)
        gate.open()
        draws = [client.read().text.split("|") for client in clients]
        assert len({draw for worker in draws for draw in worker}) == 8 * 5


def test_a_worker_leads_a_process_group_in_the_session_of_the_function(program: Function) -> None:
    code = "import os; answer = f'{os.getpid()} {os.getpgrp()} {os.getsid(0)}'"
    pid, group, session = map(int, run(program, code).text.split())
    assert group == pid
    assert session == program.process.pid


def test_no_process_can_be_read_by_others_of_the_same_user(gate: Gate) -> None:
    def look() -> None:
        with serve_program(seal_linger="30s") as function, several(function, 2) as clients:
            client, other = clients
            client.post(gate.code)
            (worker,) = gate.wait_for(1)
            for pid in (function.process.pid, zygote(function), worker):
                assert readable(pid) == []
            child = int(other.run(CHILD))
            # What is readable proves that the others are not.
            assert readable(child) == ["environ", "mem", "maps"]
            gate.open()
            assert client.read().status == 200

    without_capabilities(look)


def readable(pid: int) -> list[str]:
    """Return what of a process this one may read."""
    found = []
    for name in ("environ", "mem", "maps"):
        with suppress(PermissionError):
            Path(f"/proc/{pid}", name).open("rb").close()
            found.append(name)
    return found


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    code = f"""\
import ctypes, os, resource
os.chdir({str(tmp_path)!r})
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
ctypes.string_at(0)
"""
    with serve_program() as function:
        assert run(function, code).status == 502
        assert list(tmp_path.iterdir()) == []
        for pid in (function.process.pid, zygote(function)):
            limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
            (core,) = [line.split()[4:6] for line in limits if line.startswith("Max core")]
            assert core == ["0", "0"]


@only_root_may_look
def test_zygote_and_workers_hold_no_descriptor_that_they_do_not_need(gate: Gate) -> None:
    with serve_program() as function, several(function, 5) as clients:
        clients[0].post(gate.code)
        (worker,) = gate.wait_for(1)
        # One of the tables is what Python's mmap keeps.
        expected = ["/dev/null", "channel", "pipe", "pipe", "table", "table"]
        # For a moment the zygote has the channel of a worker that it forks, and that one its.
        wait_until(lambda: kinds(zygote(function)) == expected, "the zygote has what it needs")
        assert kinds(worker) == sorted([*expected, "connection"])
        wait_until(
            lambda: (
                {tuple(kinds(spare)) for spare in workers(function) - {worker}} == {tuple(expected)}
            ),
            "every spare has what it needs",
        )
        # Nor does a child of the handler's, beyond the three and the folder that it lists.
        assert run(function, LIST).text.split() == ["0", "1", "2", "3"]
        gate.open()
        assert clients[0].read().status == 200


def kinds(pid: int) -> list[str]:
    """Say what the descriptors of a process are, sorted; nothing of one that has ended."""
    unix = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines()[1:]}

    def kind(target: str) -> str:
        if target.startswith("/memfd:faas-seal-table"):
            return "table"
        if target.startswith("socket:"):
            return "channel" if target[8:-1] in unix else "connection"
        return target.partition(":")[0]

    with suppress(FileNotFoundError):
        return sorted(kind(target) for target in descriptors(pid).values())
    return []


def test_a_handler_reads_nothing_from_standard_input(program: Function) -> None:
    assert run(program, "import sys; answer = repr(sys.stdin.read())").text == "''"


def test_processes_are_named_for_what_they_are(program: Function) -> None:
    assert status(program.process.pid, "Name") == "faas-acceptor"
    assert status(zygote(program), "Name") == "faas-zygote"
    assert run(program, "answer = open('/proc/self/comm').read()").text == "faas-worker\n"


def test_libraries_are_imported_before_a_request_comes() -> None:
    files = {
        "handler.py": """\
import sys

BEFORE = "fractions" in sys.modules


def handle(event, context):
    return str(BEFORE)
"""
    }
    with serve(files, preload=["fractions"]) as function:
        assert function.request().text == "True"
    with serve(files) as function:
        assert function.request().text == "False"


def test_a_library_that_cannot_be_imported_is_said_to_and_the_function_is_ready() -> None:
    files = {"handler.py": "def handle(event, context):\n    return 'served'\n"}
    with serve(files, preload=["no_such_library"]) as function:
        assert function.request().text == "served"
        assert function.stderr.text == (
            "faas-seal: cannot import no_such_library, which the handler imports: "
            "ModuleNotFoundError\n"
        )


@only_root_may_look
def test_nothing_is_left_in_shared_memory_or_temporary_files(program: Function) -> None:
    run(program, "answer = 'x'")
    for pid in (program.process.pid, zygote(program)):
        for target in descriptors(pid).values():
            path = Path(target)
            assert not (path.is_file() and stat.S_ISREG(path.stat().st_mode)), target
