"""Child processes that end when told, with all that they have started."""

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

# The longest line that is passed on in one piece.
LINE_BYTES = 64 * 1024
POLL_SECONDS = 0.05
# A process can fork while its session is being ended.
_KILL_ATTEMPTS = 100


class Child:
    """A process in a session of its own, whose output comes line by line.

    Ctrl-C in a terminal thus reaches the gateway alone. Standard input is a pipe:
    its end tells the child to end, also when the gateway itself was killed.
    `on_line` gets each line, and whether it was written to standard error.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        on_line: Callable[[bytes, bool], None],
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - no shell, no words of a caller
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
        """Return how the process ended, as subprocess.Popen.returncode, or None if it runs."""
        return self._process.poll()

    def close_input(self) -> None:
        """Tell the child to finish what it does and end."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def wait(self, seconds: float, unless: threading.Event | None = None) -> int | None:
        """Return the status when the process has ended, None if it has not in that time.

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
        """End the process and whatever else runs in its session, and wait for it.

        Call it soon after the process has ended, too: its number is then free for others.
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
