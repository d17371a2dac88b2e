"""What the files of the template promise to each other and to faas-cli, without Docker."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "template" / "python3-encrypted"
LOCK = TEMPLATE / "requirements.txt"
LOCK_OF_DEVELOPMENT = ROOT / "requirements-dev.lock"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


@pytest.mark.parametrize("name", ["greet", "greet-visitors"])
def test_the_handler_that_a_user_gets_has_tests_that_pass(tmp_path: Path, name: str) -> None:
    shutil.copytree(TEMPLATE / "function", tmp_path / name)
    assert "2 passed" in run_pytest(tmp_path)


def test_the_handler_that_a_user_gets_has_tests_that_can_fail(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE / "function", tmp_path / "greet")
    handler = tmp_path / "greet" / "handler.py"
    handler.write_text(handler.read_text().replace("Hello", "Goodbye"))
    assert "2 failed" in run_pytest(tmp_path)


def test_template_and_stack_file_name_the_language_alike() -> None:
    yaml = YAML(typ="safe")
    template = yaml.load(TEMPLATE / "template.yml")
    functions = yaml.load(ROOT / "stack.yml")["functions"].values()
    assert template["language"] == TEMPLATE.name
    assert template["fprocess"] == "python index.py"
    assert {function["lang"] for function in functions} == {TEMPLATE.name}


def test_the_context_is_an_allow_list() -> None:
    lines = (TEMPLATE / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    of_the_function = [pattern for pattern in patterns if "function" in pattern]
    names = ("constraints.txt", "function.sealed", "requirements.txt")
    assert of_the_function == [f"!function/{name}" for name in names]


@pytest.mark.parametrize("lock", [LOCK, LOCK_OF_DEVELOPMENT])
def test_a_lock_has_names_versions_and_hashes_and_no_address(lock: Path) -> None:
    entries = locked(lock)
    assert entries
    for requirement, hashes in entries:
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier))
        assert hashes
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("python", PYTHONS)
def test_the_image_and_the_command_have_the_same_versions(python: str) -> None:
    image, command = versions(LOCK, python), versions(LOCK_OF_DEVELOPMENT, python)
    assert image.keys() <= command.keys()
    assert image == {name: command[name] for name in image}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_meets_what_the_runtime_needs(python: str) -> None:
    chosen = versions(LOCK, python)
    for line in (TEMPLATE / "requirements.in").read_text().splitlines():
        if not line.startswith("#"):
            needed = Requirement(line)
            assert needed.specifier.contains(chosen[needed.name])


def run_pytest(folder: Path) -> str:
    """Run the tests below a folder as handler_test.py says, and return what is printed."""
    command = [sys.executable, "-m", "pytest", "--import-mode=importlib", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def versions(lock: Path, python: str) -> dict[str, str]:
    """Return the versions, by name, that a lock has for one Python on Linux."""
    environment = {
        "python_full_version": f"{python}.0",
        "python_version": python,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "sys_platform": "linux",
    }
    return {
        requirement.name: str(requirement.specifier)[2:]
        for requirement, _ in locked(lock)
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }


def locked(lock: Path) -> list[tuple[Requirement, list[str]]]:
    """Return the requirements of a lock with their hashes."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    entries = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        text, *hashes = line.split("--hash=")
        entries.append((Requirement(text.strip()), [each.strip() for each in hashes]))
    return entries
