"""What `make bench` compares does the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contestants import contestants
from benchmarks.measure import Load, idle_memory
from benchmarks.opening import costs
from benchmarks.report import costs_table, loads_table
from benchmarks.running import running, session
from tests.support import free_port


def test_all_contestants_answer_alike_and_are_gone_afterwards(tmp_path: Path) -> None:
    for contestant in contestants(tmp_path, free_port()):
        with running(contestant) as server:
            assert session(server.pid)
        assert not session(server.pid)


def test_a_port_that_is_taken_is_not_measured(tmp_path: Path) -> None:
    plain, *_ = contestants(tmp_path, free_port())
    with running(plain), pytest.raises(OSError, match="in use"), running(plain):
        pass


def test_memory_is_that_of_all_processes(tmp_path: Path) -> None:
    plain, *ours = contestants(tmp_path, free_port())
    with running(plain) as server:
        alone = idle_memory(server)
    with running(ours[-1]) as server:
        assert idle_memory(server) > alone > 5


def test_costs_are_compared_with_a_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.opening.REPEAT", 1)
    found = costs()
    assert all(cost > 0 for cost in found.values())
    lines = costs_table(found, {"plain": {1: [Load(4, 0, 0)]}, "key token": {1: [Load(2, 0, 0)]}})
    assert lines[0] == "A request of one client with a key token takes 500,000 µs."
    assert len(lines) == len(found) + 4


def test_a_table_compares_medians_with_the_first_row() -> None:
    first = [Load(100, 1, 2), Load(300, 3, 9), Load(200, 2, 4)]
    second = [Load(400, 1, 8)]
    assert loads_table({"one": {8: first}, "two": {8: second}}) == [
        "| | 8 clients |",
        "|---|---|",
        "| one | **1.00** · 200/s · p50 1.00, p99 1.00 |",
        "| two | **2.00** · 400/s · p50 0.50, p99 2.00 |",
    ]
