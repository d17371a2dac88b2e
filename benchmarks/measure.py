"""The measurements of one contestant: its load, by wrk, and its memory at rest."""

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
# This long after the last answer, bursts are over and lingering workers are gone.
IDLE_SECONDS = 2.0


@dataclass(frozen=True)
class Load:
    """The figures of one run of wrk; throughput in requests a second, latencies in milliseconds."""

    throughput: float
    p50: float
    p99: float


def load(server: Running, clients: int, seconds: int) -> Load:
    """Send requests on `clients` connections: on each, the next one once the last is answered.

    Raises RuntimeError if a request failed: figures with errors in them are worth nothing.
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
    """Return the memory of all the server's processes in MiB.

    A shared page is divided among the processes that share it (PSS; proc(5),
    /proc/PID/smaps_rollup).
    """
    time.sleep(IDLE_SECONDS)
    kibibytes = 0
    for pid in session(server.pid):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kibibytes += next(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return kibibytes / 1024
