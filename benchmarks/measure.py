"""What is measured of one contestant, and with what."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.running import Running, session

SCRIPT = Path(__file__).parent / "wrk.lua"
# So long after the last answer, so that bursts are over and lingering workers gone.
IDLE_SECONDS = 2.0


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw; latencies in milliseconds."""

    throughput: float
    p50: float
    p99: float


def load(server: Running, clients: int, seconds: int) -> Load:
    """Send requests from so many connections, each as soon as the last is answered.

    Raises RuntimeError if one of them failed: a figure for errors would be worth nothing.
    """
    command = ("wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s")
    options = ("--header", server.header, "--script", str(SCRIPT))
    output = subprocess.run(
        [*command, *options, server.url],
        env=os.environ | {"BODY": server.body.hex()},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    figures = next(line.split()[1:] for line in output.splitlines() if line.startswith("measured"))
    requests, duration, p50, p99, failures = map(int, figures)
    if failures:
        raise RuntimeError(f"{failures} of {requests} requests failed:\n{output}")
    return Load(requests / duration * 1e6, p50 / 1000, p99 / 1000)


def middle(loads: Iterable[Load]) -> Load:
    """Return the median of each figure."""
    loads = list(loads)
    return Load(
        statistics.median(one.throughput for one in loads),
        statistics.median(one.p50 for one in loads),
        statistics.median(one.p99 for one in loads),
    )


def idle_memory(server: Running) -> float:
    """Return the memory of all its processes in MiB, shared pages divided among those
    who share them (PSS; proc(5), /proc/PID/smaps_rollup)."""
    time.sleep(IDLE_SECONDS)
    kibibytes = 0
    for pid in session(server.pid):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kibibytes += next(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return kibibytes / 1024
