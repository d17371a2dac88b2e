from __future__ import annotations

import sys
from functools import partial

import click

from faas_seal.cli.printing import warn
from faas_seal.cli.shared_options import function_names, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.stackfile import StackFile, find


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", shell_complete=function_names)
@click.argument("arguments", metavar="[PYTEST ARGUMENT]…", nargs=-1, type=click.UNPROCESSED)
@stack_option
def test(name: str, arguments: tuple[str, ...], stack_option: str | None) -> int:
    """Run a function's tests on exactly what would be sealed.

    \b
      faas-seal test greet
      faas-seal test greet -k refuses -x
      faas-seal test greet function/handler_test.py

    The handler and its modules are packed, unpacked and imported from memory, as in a
    container. So an import or a file that works only in the folder fails here already. The
    tests are *_test.py, test_*.py and everything in tests/. They may import from .handler,
    function.handler or handler.

    Runs pytest in the Python that local-run would take. For a function with its own
    requirements that is a virtual environment, and pytest is installed beside them, once.
    For any other function it is this command's Python, in which you install pytest. Files
    that only tests read belong in tests/. All other words go to pytest. Ends with status 1
    unless all tests pass.
    """
    if sys.platform != "linux":
        raise UsageError("test is for Linux", hint="pytest --import-mode=importlib")
    # Only Linux has what this needs.
    from faas_seal.testing.runner import run_tests

    return run_tests(
        StackFile.load(find(stack_option)), name, arguments, partial(warn, kind="note")
    )
