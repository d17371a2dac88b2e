"""The benchmarks: `make bench` measures everything side by side, and writes results.md.

Each round starts every contestant in turn, so that what disturbs the machine for a
while disturbs them all; a figure is the median over the rounds.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import Progress

from benchmarks import images, report
from benchmarks.contestants import Contestant, contestants
from benchmarks.measure import Load, idle_memory, load
from benchmarks.opening import costs
from benchmarks.running import WATCHDOG, running

RESULTS = Path(__file__).parent / "results.md"
CLIENTS = (1, 8, 64)
MARKDOWN_WIDTH = 120

INTRODUCTION = """\
# Figures

Made by `make bench`. On another machine only the ratios mean anything: run it on yours.

Measured {machine}. Each figure is the median of {rounds} rounds. In each round every server was
started anew, one after the other, and met wrk for {seconds} s at each number of clients. The
handler greets the name in the query.

**Bold** is the throughput as a ratio to the first row. Then come requests a second, and latencies
as ratios to the first row: below 1 is quicker. `burst` and `request` are ours, named by their
`seal_isolation`. Each request to them brings its key: raw, in a key token for that request,
which is opened each time (post-quantum HPKE), or in a resumed token (AES). With sealed bodies,
request and answer are encrypted, too.
"""


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--seconds", default=3, show_default=True, help="For each run of wrk.")
@click.option("--output", type=click.Path(path_type=Path), default=RESULTS)
def bench(rounds: int, seconds: int, output: Path) -> None:
    """Measure throughput, latency, start, memory and image, and write a page about them."""
    if not shutil.which("wrk"):
        sys.exit("error: wrk is not on PATH\nhint: apt-get install wrk")
    page = [_introduction(rounds, seconds)]
    with (
        TemporaryDirectory() as folder,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        servers = contestants(Path(folder), _free_port())
        with_watchdog = shutil.which(WATCHDOG) is not None
        steps = rounds * len(servers) * len(CLIENTS) * (1 + with_watchdog)
        task = progress.add_task("wrk", total=steps)
        direct = _loads(servers, rounds, seconds, None, lambda: progress.advance(task))
        page += ["", "## Directly", "", *report.loads_table(direct)]
        page += ["", "## Through the watchdog", ""]
        if with_watchdog:
            watched = _loads(servers, rounds, seconds, _free_port(), lambda: progress.advance(task))
            page += report.loads_table(watched)
        else:
            page += [f"Not measured: {WATCHDOG} is not on PATH."]
        page += ["", "## What tokens cost", "", *report.costs_table(costs(), direct)]
        page += ["", "## Start and memory", "", *_starts(servers, rounds)]
        page += ["", "## Image", ""]
        if images.available():
            progress.add_task("docker build", total=None)
            sizes = images.added(Path(folder))
            page += [f"- {name}: {size:.1f} MB over {images.BASE}" for name, size in sizes.items()]
        else:
            page += [f"Not measured: Docker or its image {images.BASE} is not at hand."]
    output.write_text("\n".join(page) + "\n")
    click.echo("\n".join(page))


def _introduction(rounds: int, seconds: int) -> str:
    text = INTRODUCTION.format(machine=report.machine(), rounds=rounds, seconds=seconds)
    return "\n\n".join(textwrap.fill(part, MARKDOWN_WIDTH) for part in text.split("\n\n"))


def _loads(
    servers: Iterable[Contestant],
    rounds: int,
    seconds: int,
    watchdog_port: int | None,
    advance: Callable[[], None],
) -> dict[str, dict[int, list[Load]]]:
    loads: dict[str, dict[int, list[Load]]] = {
        contestant.name: {count: [] for count in CLIENTS} for contestant in servers
    }
    for _ in range(rounds):
        for contestant in servers:
            with running(contestant, watchdog_port) as server:
                for count in CLIENTS:
                    loads[contestant.name][count].append(load(server, count, seconds))
                    advance()
    return loads


def _starts(servers: list[Contestant], rounds: int) -> list[str]:
    starts: dict[str, list[float]] = {contestant.name: [] for contestant in servers}
    memory: dict[str, list[float]] = {contestant.name: [] for contestant in servers}
    for _ in range(rounds):
        for contestant in servers:
            with running(contestant) as server:
                starts[contestant.name].append(server.cold_start * 1000)
                memory[contestant.name].append(idle_memory(server))
    return report.figures_table(
        starts,
        {
            "start to first 200, ms": _medians(starts),
            "idle memory (PSS, all processes), MiB": _medians(memory),
        },
    )


def _medians(figures: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in figures.items()}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    bench()
