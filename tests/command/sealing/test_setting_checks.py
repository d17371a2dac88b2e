"""The runtime's settings in a stack file: what is wrong is told before it is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command.conftest import Run


def set_in_stack_file(project: Path, line: str) -> None:
    path = project / "stack.yaml"
    path.write_text(path.read_text() + f"    environment:\n      {line}\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("seal_isolation: bursts", "seal_isolation is 'bursts': expected burst or request"),
        (
            "seal_isolation: warm",
            "seal_isolation is 'warm': expected burst or request; seal_linger: 60s",
        ),
        ("seal_warm_ttl: 60s", "seal_warm_ttl is no setting: seal_linger: 60s"),
        ("seal_max_body: 1 apple", "seal_max_body is '1 apple'"),
        ("exec_timeout: soon", "exec_timeout is 'soon'"),
    ],
)
def test_a_setting_with_which_a_function_would_not_start_is_refused(
    project: Path, run: Run, line: str, said: str
) -> None:
    set_in_stack_file(project, line)
    refused = run("seal", status=1).stderr
    assert f"functions.greet.environment: {said}" in refused
    assert "docs/settings.md" in refused
    assert f"greet: functions.greet.environment: {said}" in run("doctor", status=1).stdout
    assert not (project / "sealed").exists()


def test_a_setting_that_is_none_is_warned_of(project: Path, run: Run) -> None:
    set_in_stack_file(project, "seal_isolaton: request")
    said = "has seal_isolaton, which is no setting: do you mean seal_isolation?"
    assert said in run("seal").stderr
    assert said in run("doctor", status=1).stdout


@pytest.mark.parametrize("line", ["seal_isolation: request", "exec_timeout: 1m30s", "MY_OWN: x"])
def test_other_variables_are_fine(project: Path, run: Run, line: str) -> None:
    set_in_stack_file(project, line)
    assert "setting" not in run("seal").stderr
