"""The system calls of a function's processes, written down by strace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.leaks.conftest import may_trace
from tests.runtime.processes import wait_ended, workers, zygote
from tests.support import Function


@contextmanager
def traced(function: Function, folder: Path, calls: str, *options: str) -> Iterator[Path]:
    """Write down calls of all processes of a function, from now on."""
    if not may_trace() or shutil.which("strace") is None:
        pytest.skip("not run: it takes strace, and the right to trace these processes")
    trace = folder / "trace"
    pids = [function.process.pid, zygote(function)]
    options = ("--follow-forks", f"--trace={calls}", "--signal=none", "--quiet=exit", *options)
    with subprocess.Popen(
        ["strace", *options, f"--output={trace}", *(f"--attach={pid}" for pid in pids)],
        stderr=subprocess.PIPE,
        text=True,
    ) as strace:
        try:
            assert strace.stderr is not None
            for _ in pids:
                assert "attached" in strace.stderr.readline()
            untraced = workers(function)
            for pid in untraced:
                os.kill(pid, signal.SIGKILL)
            wait_ended(*untraced)
            yield trace
        finally:
            strace.terminate()
