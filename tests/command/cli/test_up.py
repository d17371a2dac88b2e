"""`faas-seal up`: what it seals, and what it says to faas-cli."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.command.conftest import HANDLER, STACK, Run
from tests.command.servers import Answer, Request, server


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a program that is found as `faas-cli` writes what it gets; as `up` it ends with 7."""
    folder = tmp_path / "bin"
    folder.mkdir()
    said = tmp_path / "said"
    program = folder / "faas-cli"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = up ] || {{ echo "$@" >> {said}.secrets; echo "Created: 201"; exit 0; }}\n'
        f'printf "%s\\n" "$@" > {said}\n'
        "exit 7\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return said


def test_what_has_changed_is_sealed_and_the_rest_is_faas_clis(
    project: Path, run: Run, said: Path
) -> None:
    result = run("up", "--filter", "greet", "--tag=sha", "-g", "http://gateway:8080", status=7)
    assert "greet: sealed into" in result.stdout
    assert (project / "sealed" / "greet" / "function.sealed").exists()
    arguments = ["up", "--yaml", "stack.yaml", "--filter", "greet", "--tag=sha"]
    assert said.read_text().split() == [*arguments, "-g", "http://gateway:8080"]
    assert "greet: unchanged" in run("up", status=7).stdout


def test_those_named_are_sealed_and_faas_cli_is_held_to_them(
    project: Path, run: Run, said: Path
) -> None:
    add_function(project, "other")
    run("up", "-f", "stack.yaml", "greet", "--tag", "sha", status=7)
    arguments = ["up", "--yaml", "stack.yaml", "--regex", "^(greet)$", "--tag", "sha"]
    assert said.read_text().split() == arguments
    assert [path.name for path in (project / "sealed").iterdir()] == ["greet"]
    run("up", "greet", "other", status=7)
    assert said.read_text().split()[3:] == ["--regex", "^(greet|other)$"]


@pytest.mark.usefixtures("project")
def test_a_name_that_no_function_has_is_not_deployed(run: Run, said: Path) -> None:
    assert "has no function 'nobody'" in run("up", "nobody", status=2).stderr
    assert not said.exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "words",
    [
        ("-ghttp://gateway",),
        ("-eA=f",),
        ("-kfoo", "-nfn"),
        ("-bX=hf", "--no-cache"),
        ("--fprocess=f",),
    ],
    ids=" ".join,
)
def test_options_of_faas_clis_are_not_looked_into(
    run: Run, said: Path, words: tuple[str, ...]
) -> None:
    run("up", *words, status=7)
    assert said.read_text().split() == ["up", "--yaml", "stack.yaml", *words]


@pytest.mark.usefixtures("project")
def test_what_follows_two_dashes_is_faas_clis(run: Run, said: Path) -> None:
    run("up", "--", "--filter", "greet", "--help", status=7)
    assert said.read_text().split()[3:] == ["--filter", "greet", "--help"]


@pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")
def test_faas_cli_deploys_those_named_and_its_status_comes_back(project: Path, run: Run) -> None:
    for name in ("other", "third"):
        add_function(project, name)
    run("new", "fresh")  # brings the template
    answer = Answer()
    with server(lambda _: answer) as gateway:
        build_only = ("--shrinkwrap", "--skip-push")
        run("up", "greet", "third", *build_only, f"-g{gateway.url}")
        deployed = [
            json.loads(request.body)["service"]
            for request in gateway.requests
            if (request.method, request.path) == ("PUT", "/system/functions")
        ]
        assert sorted(deployed) == ["greet", "third"]
        paths = [request.path for request in gateway.requests]
        assert paths.index("/system/secrets") < paths.index("/system/functions")
        assert secrets_in(gateway.requests) == ["greet-transport", "third-transport"]
        assert {path.name for path in (project / "build").iterdir()} == set(deployed)
        built = project / "build" / "greet" / "function"
        assert (built / "function.sealed").exists()
        # The template's sample lies there, not what the author wrote.
        assert (built / "handler.py").read_text() != HANDLER
        gateway.requests.clear()
        run("up", "greet", "--skip-deploy", *build_only, f"-g{gateway.url}")
        assert gateway.requests == []
        answer.status = 401
        refused = run("up", "greet", *build_only, f"-g{gateway.url}", status=1)
        assert "did not take the secret greet-transport: " in refused.stderr
        assert "unauthorized access" in refused.stderr
        assert f"hint: faas-cli login --gateway {gateway.url}\n" in refused.stderr
        assert secrets_in(gateway.requests) == ["greet-transport"]
        assert "/system/functions" not in [request.path for request in gateway.requests]


def test_the_stack_file_is_the_same_for_both(project: Path, run: Run, said: Path) -> None:
    (project / "stack.yaml").rename(project / "other.yaml")
    run("up", "-f", "other.yaml", status=7)
    assert said.read_text().split() == ["up", "--yaml", "other.yaml"]


def test_faas_cli_is_not_started_when_sealing_fails(project: Path, run: Run, said: Path) -> None:
    (project / "greet" / "handler.py").write_text("def handle(event, context:\n")
    assert "does not compile" in run("up", status=1).stderr
    assert not said.exists()


def test_without_faas_cli_nothing_is_done(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = run("up", status=1)
    assert "faas-cli is not on PATH" in result.stderr
    assert "hint: install it" in result.stderr
    assert not (project / "sealed").exists()


def test_secrets_go_to_the_gateway_that_the_function_goes_to(
    project: Path, run: Run, said: Path
) -> None:
    stack = project / "stack.yaml"
    gateway = "https://gateway.example"
    stack.write_text(
        stack.read_text().replace("http://127.0.0.1:8080", gateway) + "    namespace: fn\n"
    )
    create = "secret create greet-transport --from-file .secrets/greet-transport --replace"
    place = f"--gateway {gateway} --namespace fn"
    assert f"faas-cli {create} {place}" in run("up", status=7).stderr
    secrets = said.with_suffix(".secrets")
    assert secrets.read_text() == f"{create} {place}\n"
    secrets.unlink()
    given = ("-ghttp://other:8080", "--tls-no-verify", "-n", "staging", "--token=T")
    run("up", "--tag", "sha", *given, status=7)
    assert secrets.read_text() == f"{create} {place} {' '.join(given)}\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "gateway"),
    [
        ("", "http://127.0.0.1:8080"),
        ("-g https://a.example", "https://a.example"),
        ("--tag sha --gateway=https://a.example -n fn", "https://a.example"),
        ("-ghttps://b.example --gateway https://a.example", "https://a.example"),
    ],
)
def test_without_a_login_it_says_how_to_get_one(
    run: Run, said: Path, words: str, gateway: str
) -> None:
    program = said.parent / "bin" / "faas-cli"
    program.write_text("#!/bin/sh\necho 'unauthorized access, run \"faas-cli login\"'\n")
    refused = run("up", *words.split(), status=1).stderr
    assert f"hint: faas-cli login --gateway {gateway}\n" in refused


def test_what_is_not_here_is_not_given(project: Path, run: Run, said: Path) -> None:
    run("seal")
    (project / ".secrets" / "greet-transport").unlink()
    run("up", status=7)
    assert not said.with_suffix(".secrets").exists()


def secrets_in(requests: list[Request]) -> list[str]:
    """Return the names of the secrets that a gateway was given."""
    found = [request.body for request in requests if request.path == "/system/secrets"]
    return sorted(json.loads(body)["name"] for body in found)


def add_function(project: Path, name: str) -> None:
    shutil.copytree(project / "greet", project / name)
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text() + STACK.partition("functions:\n")[2].replace("greet", name))
