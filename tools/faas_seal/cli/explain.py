from __future__ import annotations

import re
from typing import TextIO

import click
from faas_sealed.formats.errors import KeyRefused, MalformedTrace
from faas_sealed.formats.keys import FUNCTION_KEY

from faas_seal.calling.traces import TRACE, Traces
from faas_seal.cli.lookup import project, sealed_files
from faas_seal.cli.shared_options import key_options, stack_option
from faas_seal.project.key_source import KeySource
from faas_seal.project.keystore import Keystore


@click.command()
@click.argument("log", metavar="[FILE]", type=click.File(errors="replace"), default="-")
@click.option(
    "--sealed-file",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A sealed file that traces may come from, besides those in sealed/.",
)
@stack_option
@key_options("key", "function key")
def explain(log: TextIO, files: tuple[str, ...], stack_option: str | None, key: KeySource) -> None:
    """Open the sealed traces in a log.

    \b
      faas-cli logs greet | faas-seal explain
      faas-seal explain greet.log

    Prints the log, and below each line the traces in it, opened with the function keys of
    this project. A trace opens only with the sealed file that was deployed when it was
    written: if you have sealed anew since, give the old file with --sealed-file. Ends with
    status 3 if a trace stays closed.
    """
    keys = [key.read(FUNCTION_KEY)] if key else Keystore(project(stack_option)).function_keys()
    traces = Traces(sealed_files(stack_option, files), keys)
    closed = 0
    for line in log:
        shown, opened = _open(line.rstrip("\n"), traces)
        closed += len(TRACE.findall(shown))
        click.echo(shown)
        for trace in opened:
            click.echo("".join(f"    {part}\n" for part in trace.splitlines()), nl=False)
    if closed:
        raise KeyRefused(
            f"{closed} {'trace' if closed == 1 else 'traces'} could not be opened",
            hint="give their sealed file with --sealed-file, or their key with --key-file",
        )


def _open(line: str, traces: Traces) -> tuple[str, list[str]]:
    """Return the line without the traces that could be opened, and their texts."""
    opened: list[str] = []

    def replace(found: re.Match[str]) -> str:
        try:
            trace = traces.open(found[0])
        except MalformedTrace:
            trace = None
        if trace is None:
            return found[0]
        opened.append(trace)
        return "(trace below)"

    return TRACE.sub(replace, line), opened
