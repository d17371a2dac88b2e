"""The test runner: a function's tests and its bundle, brought together for pytest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from faas_sealed.formats.bundle import pack
from faas_sealed.formats.errors import EXIT_FAILURE, EXIT_USAGE

from faas_seal.errors import ProgramMissing, UsageError
from faas_seal.project.python_env import PythonEnv, find_interpreter
from faas_seal.project.source_folder import REQUIREMENTS, source_of
from faas_seal.project.stackfile import StackFile, check_name
from faas_seal.project.template import image_python
from faas_seal.project.virtual_envs import VirtualEnv
from faas_seal.sealing.copied import copied_parts
from faas_seal.sealing.ignored import ONLY_TESTS
from faas_seal.sealing.selection import Part, locate
from faas_seal.sealing.source import read_source
from faas_seal.testing import pytest_child

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
    copied = copied_parts(stack)
    read = read_source(source, copied, image_python(stack.folder, function))
    parts = (Part("", source, str(source)), *copied)
    names = [name for name in (*read.left_out, *read.files) if name not in read.taken_along]
    tests = [name for name in names if ONLY_TESTS.match_file(name)]
    if not tests:
        raise _no_tests(source)
    # pytest reads tests only from a disk. So they cannot be in the bundle as well: one file
    # would be two modules.
    bundle = pack({path: data for path, data in read.files.items() if path not in tests})
    with TemporaryDirectory(prefix=f"{name}-requirements-") as folder:
        for file, content in read.required.files.items():
            Path(folder, file).write_bytes(content)
        env = PythonEnv.of(stack.folder.resolve(), function, Path(folder, REQUIREMENTS))
        python = find_interpreter(env, say)
    with TemporaryDirectory(prefix=f"{name}-tests-") as folder:
        for path in tests:
            _copy(parts, Path(folder, "function"), path)
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


def _copy(parts: Sequence[Part], package: Path, name: str) -> None:
    """Copy a test file or a folder of tests, and mark the packages above it as the source does."""
    path = locate(parts, name)
    if path is None:
        return
    target = package / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(path, target, ignore=ignored, dirs_exist_ok=True)
    else:
        shutil.copy(path, target)
    for above in Path(name).parents:
        if above == Path() or locate(parts, f"{above}/__init__.py"):
            (package / above / "__init__.py").touch()


def _no_tests(source: Path) -> UsageError:
    return UsageError(
        f"{source} has no tests", hint=f"write {source / 'handler_test.py'}, for pytest"
    )
