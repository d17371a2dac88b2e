from __future__ import annotations

import sys

import click

from faas_seal.cli.shared_options import function_names, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.stackfile import StackFile, find


@click.command("local-run")
@click.argument("names", metavar="[NAME]…", nargs=-1, shell_complete=function_names)
@stack_option
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port on 127.0.0.1; 0 takes a free one.",
)
def local_run(names: tuple[str, ...], stack_option: str | None, port: int) -> None:
    """Serve sealed functions on this machine: all of the stack file's, or those named.

    \b
      faas-seal seal greet
      faas-seal local-run greet
      faas-seal invoke greet --gateway http://127.0.0.1:8080

    Each function runs in the template's own runtime, as in its container, but without
    Docker: only ciphertext is served, and a call needs its function key. Requests pass as
    through the real gateway and watchdog: heads of up to 1 MiB, bodies of any type. A
    function's own requirements are installed once, into .faas-seal/venvs/. Functions with
    the same requirements share a folder there; one that is not used for 30 days goes when
    another is made, and all of them may be deleted at any time that nothing runs.

    A function that is sealed again, or changed in the stack file, is replaced before its
    next call. If a source has changed since it was sealed, a note says so.
    /async-function/NAME answers 202 and calls back to X-Callback-Url. The transport secret
    and the denied keys are read from .secrets/; other secrets of the stack file are not
    mounted. Ctrl-C ends everything. For development on Linux only: there is no TLS, no
    password and no limit.
    """
    if sys.platform != "linux":
        raise UsageError(
            "local-run is for Linux", hint="faas-cli local-run serves there, with Docker"
        )
    stack = StackFile.load(find(stack_option))
    chosen = [function.name for function in stack.chosen(names)]
    # Only Linux has what this needs.
    from faas_seal.serving.run import serve_until_signal

    serve_until_signal(stack.path, chosen, port)
