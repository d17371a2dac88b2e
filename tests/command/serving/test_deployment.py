"""A function is run with the settings that its container would have."""

from __future__ import annotations

import pytest
from faas_seal.serving.deployment import load_deployment
from faas_sealed.settings import LONGEST_SECONDS

from tests.command.serving.conftest import Project


def test_the_environment_is_a_containers(project: Project) -> None:
    (project.folder / "more.yml").write_text("environment:\n  BOTH: file\n  NUMBER: 7\n")
    project.add(environment={"BOTH": "stack", "OWN": "1"}, environment_file=["more.yml"])
    project.variables["CANARY"] = "of the user's shell"
    project.seal()
    with project.serving() as local:
        environment = dict(
            line.partition("=")[::2]
            for line in local.run(
                "import os; answer = '\\n'.join(map('='.join, os.environ.items()))"
            ).splitlines()
        )
    assert "CANARY" not in environment
    assert (environment["BOTH"], environment["OWN"], environment["NUMBER"]) == ("file", "1", "7")
    assert environment["HOME"] == str(project.folder / ".faas-seal/local/program/home")
    assert environment["HOSTNAME"] == environment["OPENFAAS_NAME"] == "program"
    known = {"PATH", "LANG", "LC_CTYPE", "PYTHONDONTWRITEBYTECODE", "mode", "fprocess"}
    known |= {"OPENFAAS_NAMESPACE", "upstream_url"}
    known |= {"seal_author", "seal_file", "seal_transport"}
    known |= {"BOTH", "OWN", "NUMBER", "HOME", "HOSTNAME", "OPENFAAS_NAME"}
    assert set(environment) <= known


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 30),
        ("", 30),
        ("90", 90),
        ("1m30s", 90),
        ("0", LONGEST_SECONDS),
        ("0s", LONGEST_SECONDS),
    ],
)
def test_exec_timeout_is_read_as_by_the_runtime(
    project: Project, text: str | None, seconds: float
) -> None:
    project.add(environment={} if text is None else {"exec_timeout": text})
    project.seal()
    assert load_deployment(project.stack, "program").exec_timeout == seconds


def test_a_function_without_a_deadline_answers(project: Project) -> None:
    project.add(environment={"exec_timeout": 0})
    project.seal()
    with project.serving() as local:
        assert local.run("answer = 'in time'") == "in time"


def test_a_setting_of_an_environment_file_is_refused_by_its_name(project: Project) -> None:
    (project.folder / "more.yml").write_text("environment:\n  exec_timeout: soon\n")
    project.add(environment_file=["more.yml"])
    project.seal()
    done = project.run("local-run")
    assert (done.returncode, done.stdout) == (1, "")
    assert "functions.program.environment: exec_timeout is 'soon'" in done.stderr
