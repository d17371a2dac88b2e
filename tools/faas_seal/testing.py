"""A function's tests, run on what would be sealed of it."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pathspec
from faas_sealed.formats.bundle import pack

from faas_seal import testing_child
from faas_seal.errors import ProgramMissing, UsageError
from faas_seal.keystore import Keystore
from faas_seal.local.interpreter import find_interpreter
from faas_seal.local.program import Program
from faas_seal.local.template import find_template
from faas_seal.sealing import SEALED_FILE, source_of
from faas_seal.source import read_source
from faas_seal.stackfile import StackFile, check_name

# Of what is left out, these are for the tests; caches, environments and keys are not.
_TESTS = pathspec.GitIgnoreSpec.from_lines(
    ["tests/", "test/", "test_*.py", "*_test.py", "conftest.py"]
)
_NO_TESTS = 5  # pytest.ExitCode.NO_TESTS_COLLECTED


def run_tests(
    stack: StackFile, name: str, arguments: Sequence[str], say: Callable[[str], None]
) -> int:
    """Run the tests of a function in its own Python; return pytest's exit status.

    The handler and its modules are what `seal` would seal, loaded as in a container.
    Raises UsageError if there are no tests, ProgramMissing if there is no pytest.
    """
    function = stack.function(check_name(name))
    source = stack.folder / source_of(function)
    read = read_source(source)
    tests = [path for path in read.left_out if _TESTS.match_file(path)]
    if not tests:
        raise _no_tests(source)
    program = Program(
        name=name,
        template=find_template(stack.folder.resolve(), function.lang),
        # It need not be there: the requirements are beside it, and pip runs elsewhere.
        sealed_file=source.resolve() / SEALED_FILE,
        folder=Keystore(stack.folder.resolve()).folder / "local" / name,
        exec_timeout=0,
        environment={},
    )
    python = find_interpreter(program, say, threading.Event())
    with TemporaryDirectory(prefix=f"{name}-tests-") as folder:
        package = Path(folder, "function")
        package.mkdir()
        (package / "__init__.py").touch()
        for path in tests:
            _copy(source / path, package / path)
        command = [str(python), testing_child.__file__, str(program.template.folder), folder]
        done = subprocess.run(  # noqa: S603 - no shell, and the user's own arguments
            [*command, *arguments], input=pack(read.files), cwd=folder, check=False
        )
    if done.returncode == testing_child.MISSING_PYTEST:
        raise ProgramMissing(
            f"pytest is not installed for {python}", hint=f"{python} -m pip install pytest"
        )
    if done.returncode == _NO_TESTS:
        raise _no_tests(source)
    return done.returncode


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(path, target)


def _no_tests(source: Path) -> UsageError:
    return UsageError(
        f"{source} has no tests", hint=f"write {source / 'handler_test.py'}, for pytest"
    )
