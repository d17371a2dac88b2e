"""Calls of the kernel that the standard library does not offer."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import termios
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def forbid_dumps() -> None:
    """Make this process and those it forks not dumpable, and their cores empty.

    Nobody but root may then read their memory, environment or descriptors under /proc
    (prctl(2), PR_SET_DUMPABLE). An exec undoes this.
    """
    _prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent has ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def name_process(name: str) -> None:
    """Set what `ps` and `top` show as this process's command (at most 15 bytes)."""
    _prctl(_PR_SET_NAME, name.encode())


def _prctl(option: int, value: int | bytes) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")


def reap_children() -> bool:
    """Collect every child that has ended; tell whether others are left.

    The rest of a child's process group is killed while the child is still a zombie: until
    the child is collected, the kernel gives its id to no other process.
    """
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        if ended is None:
            return True
        kill_group(ended.si_pid)
        os.waitpid(ended.si_pid, 0)


def kill_children(but: Collection[int] = ()) -> None:
    """Kill the children of this process that are not in `but`.

    A kernel that does not list them spares them (proc(5), /proc/PID/task/TID/children).
    """
    children = Path("/proc/thread-self/children")
    for pid in map(int, children.read_text().split() if children.exists() else ()):
        if pid not in but:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Kill the process group that `pid` leads, if it leads one."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def has_ended(pidfd: int) -> bool:
    """Tell whether the process behind a pidfd has ended, without waiting."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(0))


def unread(sock: socket.socket) -> int:
    """Return how many bytes lie unread in a socket (tcp(7), SIOCINQ)."""
    count: int = struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, b"\0" * 4))[0]
    return count


_NOWHERE = bytearray(2**20)
_DISCARD = int(socket.MSG_TRUNC | socket.MSG_DONTWAIT)


def discard(sock: socket.socket) -> bool:
    """Drop what lies in a socket; return False once the peer has closed.

    MSG_TRUNC drops the bytes in the kernel: not one comes into this process (tcp(7)).
    """
    try:
        return sock.recv_into(_NOWHERE, 0, _DISCARD) > 0
    except BlockingIOError:
        return True
    except OSError:
        return False
