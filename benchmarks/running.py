"""A contestant while it runs, behind the watchdog or without it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.contestants import QUERY, Contestant

WATCHDOG = "fwatchdog"
PATIENCE = 30.0
_END = 10.0


@dataclass(frozen=True)
class Running:
    """A server that has answered once: its address, its start in seconds, its first process."""

    url: str
    header: str
    body: bytes
    cold_start: float
    pid: int


@contextmanager
def running(contestant: Contestant, watchdog_port: int | None = None) -> Iterator[Running]:
    """Start a contestant and wait for its first 200; in the end, end all its processes."""
    with socket.create_server(("127.0.0.1", contestant.port)):
        pass  # no other server answers there
    port = watchdog_port or contestant.port
    url = f"http://127.0.0.1:{port}/?{QUERY}"
    environ = {
        "PATH": os.environ["PATH"],
        "upstream_url": f"http://127.0.0.1:{contestant.port}",
        **contestant.environ,
    }
    command = contestant.command
    if watchdog_port is not None:
        environ |= {
            "mode": "http",
            "fprocess": " ".join(command),
            "port": str(port),
            "healthcheck_interval": "1s",
        }
        command = (WATCHDOG,)
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=contestant.folder,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(url, contestant):
            if process.poll() is not None or time.monotonic() > started + PATIENCE:
                raise RuntimeError(f"{contestant.name} does not answer on port {port}")
            time.sleep(0.002)
        cold_start = time.monotonic() - started
        yield Running(url, contestant.header, contestant.body, cold_start, process.pid)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.terminate()
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in session(process.pid):
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, signal.SIGKILL)


def _answers(url: str, contestant: Contestant) -> bool:
    name, _, value = contestant.header.partition(": ")
    method = "POST" if contestant.body else "GET"
    try:
        answer = requests.request(
            method, url, headers={name: value}, data=contestant.body, timeout=PATIENCE
        )
    except requests.ConnectionError:
        return False
    return answer.ok and contestant.read(answer.content) == b"Hello you"


def session(leader: int) -> list[int]:
    """Return the processes of a session (proc(5), /proc/PID/stat)."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, number = (folder / "stat").read_bytes().rpartition(b")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(number) == leader and state != b"Z":
            members.append(int(folder.name))
    return members
