"""Child processes that end with everything that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

# A longer line is passed on in several pieces.
LINE_BYTES = 64 * 1024
POLL_SECONDS = 0.05
# A process can fork while its session is being ended.
_KILL_ATTEMPTS = 100


class Child:
    """A process in a session of its own, whose output is passed on line by line.

    Because of the session, Ctrl-C in a terminal reaches only this command. The child's
    standard input is a pipe: its end tells the child to end, even if this command is killed.
    `on_line` gets each line, and whether the child wrote it to standard error.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        on_line: Callable[[bytes, bool], None],
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and nothing from a client
            argv,
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._on_line = on_line
        self._killed = False
        self._readers = [
            threading.Thread(target=self._read, args=(stream, error), daemon=True)
            for stream, error in ((self._process.stdout, False), (self._process.stderr, True))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def status(self) -> int | None:
        """Return the exit status, as subprocess.Popen.returncode has it, or None while it runs."""
        return self._process.poll()

    def close_input(self) -> None:
        """Tell the child to finish its work and end."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def wait(self, seconds: float, unless: threading.Event | None = None) -> int | None:
        """Wait for the end of the process; return its status, or None if time is up first.

        `unless` ends the waiting early.
        """
        latest = time.monotonic() + seconds
        while self.status() is None:
            if time.monotonic() >= latest or (unless is not None and unless.is_set()):
                return None
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_SECONDS)
        return self.status()

    def kill(self) -> None:
        """Kill the process and all others in its session, and wait for its end.

        Call this soon, even if the process has ended by itself: the system may give its
        number to another process.
        """
        if self._killed:
            return
        self._killed = True
        self.close_input()
        for _attempt in range(_KILL_ATTEMPTS):
            if not (members := _session(self.pid)):
                break
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS / 10)
        self._process.wait()
        for reader in self._readers:
            reader.join(1.0)

    def _read(self, stream: IO[bytes], error: bool) -> None:
        with stream:
            while line := stream.readline(LINE_BYTES):
                self._on_line(line.rstrip(b"\r\n"), error)


def _session(leader: int) -> list[int]:
    """Return the running processes of a session (/proc/PID/stat, see proc(5))."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _parent, _group, session = (
                (folder / "stat").read_bytes().rpartition(b")")[2].split()[:4]
            )
            if int(session) == leader and state not in b"ZX":
                members.append(int(folder.name))
    return members
