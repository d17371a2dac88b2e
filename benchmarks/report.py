"""The tables of the page, and the line about the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Load, middle

# The loads of all rounds, by contestant and then by number of clients.
Loads = Mapping[str, Mapping[int, list[Load]]]


def loads_table(loads: Loads) -> list[str]:
    """Return a table of loads: each cell compares with the first contestant."""
    first, *_ = loads
    counts = list(loads[first])
    lines = [
        "| | " + " | ".join(_clients(count) for count in counts) + " |",
        "|---|" + "---|" * len(counts),
    ]
    for name, by_clients in loads.items():
        cells = [_cell(middle(by_clients[count]), middle(loads[first][count])) for count in counts]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"


def _cell(one: Load, first: Load) -> str:
    ratios = f"{one.throughput / first.throughput:.2f}"
    latencies = f"p50 {one.p50 / first.p50:.2f}, p99 {one.p99 / first.p99:.2f}"
    return f"**{ratios}** · {one.throughput:,.0f}/s · {latencies}"


def figures_table(names: Iterable[str], columns: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return a table with one kind of figure a column, each with its ratio to the first row."""
    names = list(names)
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for name in names:
        cells = [
            f"{values[name]:,.1f} ({values[name] / values[names[0]]:.2f})"
            for values in columns.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def costs_table(costs: Mapping[str, float], loads: Loads) -> list[str]:
    """Return a table of the steps' costs, each with its share of a whole request of one client."""
    name = next(name for name in loads if "token" in name)
    whole = 1e6 / middle(loads[name][1]).throughput
    lines = [f"A request of one client with a key token takes {whole:,.0f} µs.", ""]
    lines += ["| | µs | of such a request |", "|---|---|---|"]
    lines += [f"| {step} | {cost:,.1f} | {cost / whole:.2f} |" for step, cost in costs.items()]
    return lines


def machine() -> str:
    """Return the date, the machine and the versions, in one line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("flask", "waitress"))
    return (
        f"{date.today().isoformat()}, {os.cpu_count()} CPUs ({_processor()}), Linux "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}, {libraries}"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
