"""`faas-cli build`: what it takes, what it refuses, and what it leaves where."""

from __future__ import annotations

import subprocess

import pytest

from tests.openfaas import containers, programs
from tests.openfaas.programs import Builder
from tests.openfaas.project import Project, succeed


def test_a_folder_that_is_not_sealed_fails_with_what_to_type(
    project: Project, builder: Builder
) -> None:
    project.new("greet")
    done = project.faas_cli("build", environment=builder.environment())
    assert done.returncode != 0
    assert "faas-seal: error: this function is not sealed" in done.stdout
    assert "hint: faas-seal seal NAME" in done.stdout


def test_a_sealed_folder_becomes_an_image(sealed: Project, builder: Builder) -> None:
    succeed(sealed.faas_cli("build", environment=builder.environment()))
    with containers.running(sealed, "greet") as container:
        assert container.get("/?name=Ada", sealed.header("greet")).text == "greetings, Ada"


def test_a_sealed_file_that_was_damaged_on_its_way_fails(
    project: Project, builder: Builder
) -> None:
    project.new("greet")
    succeed(project.faas_seal("seal", "greet"))
    file = project.folder / "sealed" / "greet" / "function.sealed"
    file.write_bytes(file.read_bytes()[:-1])
    done = project.faas_cli("build", environment=builder.environment())
    assert done.returncode != 0
    assert "faas-seal: error: function.sealed: " in done.stdout
    assert "hint: faas-seal seal NAME" in done.stdout


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.13"])
def test_the_stack_file_chooses_the_python(sealed: Project, version: str) -> None:
    if not programs.image_at_hand(programs.PYTHON_IMAGE.format(version)):
        pytest.skip(f"there is no image of Python {version}")
    image = f"{sealed.prefix}/python:{version}"
    folder = str(sealed.folder / "build" / "greet")
    containers.docker("build", f"--build-arg=PYTHON_VERSION={version}", f"--tag={image}", folder)
    with containers.running(sealed, "greet", image=image) as container:
        assert f"Python {version}." in container.run("python", "--version")
        assert container.get("/", sealed.header("greet")).text == "greetings, stranger"


def test_requirements_of_the_function_are_installed(project: Project) -> None:
    project.new("greet")
    (project.folder / "greet" / "requirements.txt").write_text("idna\n")
    (project.folder / "greet" / "handler.py").write_text(
        "import idna\n\ndef handle(event, context):\n    return idna.encode('bücher').decode()\n"
    )
    succeed(project.faas_seal("seal", "greet"))
    succeed(project.faas_cli("build"))
    with containers.running(project, "greet") as container:
        assert container.get("/", project.header("greet")).text == "xn--bcher-kva"


def test_requirements_that_the_runtime_cannot_live_with_fail(project: Project) -> None:
    project.new("greet")
    (project.folder / "greet" / "requirements.txt").write_text("cryptography<40\n")
    succeed(project.faas_seal("seal", "greet"))
    done = project.faas_cli("build")
    assert done.returncode != 0
    assert "The user requested (constraint) cryptography>=" in done.stdout


def test_no_tool_to_build_with_is_in_the_image(sealed: Project) -> None:
    command = ["docker", "run", "--rm", "--entrypoint=which", sealed.image("greet")]
    which = subprocess.run([*command, "gcc", "make", "git"], capture_output=True, check=False)
    assert which.stdout == b""
    assert which.returncode == 1
