"""The wheel as a user has it: typed, and complete without this checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from faas_sealed import __version__

from tests.test_template import PYTHONS

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("user_program.py")
MISTAKES = """\
import faas_seal
faas_seal.Unseal()
faas_seal.FunctionKey.of_project("greet", sealed_bodies=True)
faas_seal.seal({}, function="greet", author="fsap1_x")
faas_seal.session().get("http://localhost", auth=7)
"""


def run(*command: str | Path, status: int = 0, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    build += ["--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    run(*build, ROOT)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel, and with what that depends on."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    [packages] = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Python reads no .pth files there, so that it does not find this checkout.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def mypy(environment: Path, program: Path, status: int = 0) -> str:
    options = ["--strict", "--config-file", os.devnull, "--cache-dir", str(environment / "mypy")]
    options += ["--python-executable", str(environment / "bin" / "python")]
    check = [sys.executable, "-m", "mypy", *options, str(program)]
    return run(*check, status=status, cwd=program.parent)


def test_both_packages_say_that_they_are_typed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert {"faas_seal/py.typed", "faas_sealed/py.typed"} <= set(archive.namelist())


def test_the_wheel_has_the_license_the_whole_template_and_the_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        metadata = message_from_bytes(archive.read(f"{info}/METADATA"))
    assert metadata["Version"] == __version__
    pythons = re.findall(r"Python :: (3\.\d+)", "\n".join(metadata.get_all("Classifier", [])))
    assert tuple(pythons) == PYTHONS
    files = {path.relative_to(ROOT) for path in (ROOT / "template").rglob("*") if path.is_file()}
    made = {path for path in files if "__pycache__" in path.parts}
    packed = {name for name in names if name.startswith("faas_seal/template/")}
    assert packed == {f"faas_seal/{path.as_posix()}" for path in files - made}


def test_a_users_program_is_typed_and_runs(environment: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_bytes(PROGRAM.read_bytes())
    assert "no issues found in 1 source file" in mypy(environment, program)
    python = environment / "bin" / "python"
    assert run(python, program, cwd=tmp_path) == "all of it worked\n"
    place = run(python, "-c", "import faas_seal; print(faas_seal.__file__)", cwd=tmp_path)
    assert Path(place).is_relative_to(environment)


def test_a_users_mistakes_are_found(environment: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(MISTAKES)
    said = mypy(environment, program, status=1)
    lines = [line.split(":") for line in said.splitlines() if ": error: " in line]
    assert [int(number) for _, number, *_ in lines] == [2, 3, 4, 5], said


def test_the_users_program_imports_nothing_of_ours_but_the_package() -> None:
    lines = PROGRAM.read_text().splitlines()
    ours = [line for line in lines if "faas_seal" in line and "import" in line.split()]
    assert [line.split()[1] for line in ours] == ["faas_seal", "faas_seal"]
