"""The test runner: a function's tests and its bundle, brought together for pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pathspec
from faas_sealed.formats.bundle import pack
from faas_sealed.formats.errors import EXIT_FAILURE, EXIT_USAGE

from faas_seal.errors import ProgramMissing, UsageError
from faas_seal.project.python_env import PythonEnv, find_interpreter
from faas_seal.project.source_folder import REQUIREMENTS, source_of
from faas_seal.project.stackfile import StackFile, check_name
from faas_seal.project.virtual_envs import VirtualEnv
from faas_seal.sealing.source import read_source
from faas_seal.testing import pytest_child

# These are tests, whether a `.sealignore` names them or not.
_TESTS = pathspec.GitIgnoreSpec.from_lines(
    ["tests/", "test/", "test_*.py", "*_test.py", "conftest.py"]
)
# From pytest.ExitCode. Other codes mean that tests have failed or could not be run.
_USAGE = 4
_NO_TESTS = 5


def run_tests(
    stack: StackFile, name: str, arguments: Sequence[str], say: Callable[[str], None]
) -> int:
    """Run the tests of a function in its own Python, and return an exit status.

    `arguments` go to pytest. The handler and its modules are those that `seal` would seal,
    loaded as in a container. Raises UsageError if there are no tests, ProgramMissing if
    there is no pytest, and CannotServe if the function's Python cannot be made.
    """
    function = stack.function(check_name(name))
    source = stack.folder / source_of(function)
    read = read_source(source)
    tests = [path for path in (*read.left_out, *read.files) if _TESTS.match_file(path)]
    if not tests:
        raise _no_tests(source)
    # pytest reads tests only from a disk. So they cannot be in the bundle as well: one file
    # would be two modules.
    bundle = pack({path: data for path, data in read.files.items() if path not in tests})
    env = PythonEnv.of(stack.folder.resolve(), function, source.resolve() / REQUIREMENTS)
    python = find_interpreter(env, say)
    with TemporaryDirectory(prefix=f"{name}-tests-") as folder:
        for path in tests:
            _copy(source, Path(folder, "function"), path)
        # A container has no module that only PYTHONPATH finds.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(python), pytest_child.__file__, str(env.template.folder), folder]

        def run() -> int:
            return subprocess.run(  # noqa: S603 - no shell, and the user's own arguments
                [*command, *arguments], input=bundle, env=environment, cwd=folder, check=False
            ).returncode

        status = run()
        if status == pytest_child.MISSING_PYTEST and python != Path(sys.executable):
            say("installing pytest beside the function's requirements, once")
            VirtualEnv.of(python).install_beside("pytest", pytest_child.FOR_TESTS)
            status = run()
    if status == pytest_child.MISSING_PYTEST:
        raise ProgramMissing(
            f"pytest is not installed for {python}", hint=f"{python} -m pip install pytest"
        )
    if status == _NO_TESTS and arguments:
        raise UsageError(f"no test of {name} was chosen", hint=f"faas-seal test {name}")
    if status == _NO_TESTS:
        raise _no_tests(source)
    if status == _USAGE:
        return EXIT_USAGE
    return EXIT_FAILURE if status else 0


def _copy(source: Path, package: Path, path: str) -> None:
    """Copy a test file or a folder of tests, and mark the packages above it as the source does."""
    target = package / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if (source / path).is_dir():
        shutil.copytree(source / path, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source / path, target)
    for above in Path(path).parents:
        if above == Path() or (source / above / "__init__.py").exists():
            (package / above / "__init__.py").touch()


def _no_tests(source: Path) -> UsageError:
    return UsageError(
        f"{source} has no tests", hint=f"write {source / 'handler_test.py'}, for pytest"
    )
