"""What the kernel is asked for and the standard library does not offer."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
from contextlib import suppress

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def forbid_dumps() -> None:
    """Make this process and those it forks not dumpable, and their cores empty.

    Nobody but root may then read its memory, environment or descriptors under /proc
    (prctl(2), PR_SET_DUMPABLE). An exec undoes it.
    """
    _prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent has ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")


def reap_children() -> None:
    """Collect every child that has ended, and kill what is left of its process group.

    The group is killed while the child is still a zombie: its id cannot have been
    given to another process by then.
    """
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        kill_group(ended.si_pid)
        os.waitpid(ended.si_pid, 0)


def kill_group(pid: int) -> None:
    """Kill the process group that `pid` leads, if it leads one."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def has_ended(pidfd: int) -> bool:
    """Tell whether the process behind a pidfd has ended, without waiting."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(0))
