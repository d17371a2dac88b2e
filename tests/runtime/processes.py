"""The processes of a function, as /proc shows them."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support import Function, has_ended, session, wait_until

_PR_CAPBSET_DROP = 24
_CAPABILITY_VERSION_3 = 0x20080522

T = TypeVar("T")


def zygote(function: Function) -> int:
    """Return the process id of the zygote; wait until there is one."""
    found: list[int] = []

    def find() -> bool:
        # A worker that has just been forked has the zygote's name as well.
        for pid in _named(function, "faas-zygote"):
            with suppress(OSError):
                if status(pid, "PPid") == str(function.process.pid):
                    found.append(pid)
        return bool(found)

    wait_until(find, "there is a zygote")
    return found[0]


def workers(function: Function) -> set[int]:
    return _named(function, "faas-worker")


def wait_ended(*pids: int) -> None:
    """Wait until processes have ended and been reaped."""
    wait_until(lambda: not any(map(exists, pids)), f"{pids} have ended")


def wait_asleep(pid: int) -> None:
    """Wait until a process waits, as a worker does when it has nothing more to do."""
    wait_until(lambda: status(pid, "State").startswith("S"), f"{pid} waits")


def without_capabilities(call: Callable[[], T]) -> T:
    """Call in a thread without the powers of root, and so are the processes it starts.

    They belong to each thread (capabilities(7)): those of the tests are as before.
    """
    with ThreadPoolExecutor(1, initializer=_drop_capabilities) as thread:
        return thread.submit(call).result()


def _drop_capabilities() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    number = 0
    while libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


def limited(resource: str, limit: int) -> tuple[str, ...]:
    """Return a command that executes the one that follows with a limit of setrlimit(2)."""
    code = (
        "import os, resource, sys\n"
        f"resource.setrlimit(resource.{resource}, ({limit}, {limit}))\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    return sys.executable, "-c", code


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


MAY_LOOK = os.getuid() == 0
only_root_may_look = pytest.mark.skipif(
    not MAY_LOOK, reason="only root may look at the descriptors of what is not dumpable"
)


def descriptors(pid: int) -> dict[int, str]:
    """Return what the descriptors of a process are open on."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found[int(link.name)] = str(link.readlink())
    return found


def status(pid: int, member: str) -> str:
    """Return a member of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == member:
            return value.strip()
    raise KeyError(member)


def _named(function: Function, name: str) -> set[int]:
    found = set()
    for pid in session(function.process.pid):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name and not has_ended(pid):
                found.add(pid)
    return found
