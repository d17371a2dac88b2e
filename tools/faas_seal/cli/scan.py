from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Timer

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from faas_seal.cli.hints import hint_for
from faas_seal.cli.printing import complain, console, say, say_json, warn
from faas_seal.cli.shared_options import json_option, stack_option
from faas_seal.errors import UsageError
from faas_seal.project.keystore import Keystore
from faas_seal.project.source_folder import source_of
from faas_seal.project.stackfile import StackFile, find
from faas_seal.scan import proof
from faas_seal.scan.canaries import canaries_of, without_common
from faas_seal.scan.findings import Findings
from faas_seal.scan.known_keys import author_canaries, concealed, function_canaries
from faas_seal.scan.search import Search
from faas_seal.scan.targets import Advance, search_target, size_of
from faas_seal.sealing.copied import copied_parts
from faas_seal.sealing.selection import Part
from faas_seal.sealing.source import Source, read_source

MOST_SHOWN = 20


@click.command()
@click.argument("targets", metavar="TARGET…", nargs=-1, required=True)
@click.option(
    "-s",
    "--source",
    "sources",
    multiple=True,
    metavar="FOLDER",
    help="The source to look for. [all of the stack file's]",
)
@stack_option
@json_option
def scan(
    targets: tuple[str, ...], sources: tuple[str, ...], stack_option: str | None, as_json: bool
) -> int:
    """Look for the source and the keys where they must not be.

    \b
      faas-seal scan build sealed
      faas-seal scan registry.example/me/greet:latest --source greet
      faas-seal scan image.tar pid:4711 --source greet

    A TARGET is a folder, a file, a tar that docker save has written, an image that Docker
    has, or the memory of a process and its descendants (pid:NUMBER, mostly as root). With
    local-run, name the function's process, python index.py: local-run itself reads the
    source and the keys of the project.

    The scan looks for lines, strings and names of the source that nobody else has, for this
    project's function keys and for your signing key. It finds them plain, in UTF-16,
    base64, hex and such, in bytecode, and in tars, layers, zips and compressed streams.
    Outside of memory it finds any other secret key in its text form, too.

    Each run first proves that it finds canaries which it plants itself. Ends with status 1
    if anything was found, or could not be searched to its end; both are printed.
    """
    with _progress([size_of(target) for target in targets]) as advance:
        canaries = _canaries(sources, stack_option)
        search = Search(canaries, any_key=True)
        _prove(processes=any(target.startswith("pid:") for target in targets))
        found = {target: search_target(search, target, advance) for target in targets}
    hits = sorted(set().union(*(each.hits for each in found.values())))
    unread = [error for each in found.values() for error in each.unread]
    if as_json:
        say_json(
            {
                "needles": len(canaries),
                "hits": [asdict(hit) | {"place": concealed(hit.place)} for hit in hits],
                "unread": [concealed(str(error)) for error in unread],
            }
        )
    else:
        _report(found, len(canaries))
    for error in unread:
        complain(concealed(str(error)), hint_for(error))
    return int(bool(hits or unread))


def _canaries(sources: tuple[str, ...], stack_option: str | None) -> dict[str, str | bytes]:
    path = find(stack_option)
    folders = list(map(Path, sources))
    copied: tuple[Part, ...] = ()
    canaries = author_canaries()
    if path.exists():
        stack = StackFile.load(path)
        if not folders:
            folders = [stack.folder / source_of(function) for function in stack.ours]
            copied = copied_parts(stack)
        canaries |= function_canaries(Keystore(stack.folder))
    if not folders:
        raise UsageError("there is no source to look for", hint="name it with --source FOLDER")
    of_sources = {
        f"{folder}/{place}": value
        for folder in folders
        for place, value in canaries_of(_hidden_files(read_source(folder, copied))).items()
    }
    of_sources = without_common(of_sources)
    if not of_sources:
        raise UsageError(
            "the source is too short to be recognised: no line, string or name in it is its own",
            hint="write the handler first, or name another source: --source FOLDER",
        )
    for folder in folders:
        if not any(place.startswith(f"{folder}/") for place in of_sources):
            warn(f"{folder} has nothing in it that is long enough to look for")
    return canaries | of_sources


def _hidden_files(source: Source) -> dict[str, bytes]:
    """Return the files of a source that are nowhere in clear: the image has the requirements."""
    in_clear = source.required.read_from
    return {name: content for name, content in source.files.items() if name not in in_clear}


def _prove(*, processes: bool) -> None:
    """Plant canaries for this run and find them, or raise Blind."""
    proof.prove_forms(Search({"a text": "a canary of this run's own", "bytes": bytes(range(32))}))
    proof.prove_keys()
    proof.prove_tars()
    with tempfile.TemporaryDirectory() as folder:
        proof.prove_files(Path(folder))
    if processes:
        # Dumpable, because reading this process is no test of the right to read the target.
        proof.prove_processes(dumpable=True)


@contextmanager
def _progress(sizes: list[int | None]) -> Iterator[Advance]:
    """Show the progress of a search on a terminal, once it has taken a second."""
    terminal = console(stderr=True)
    columns = (TextColumn("searching"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    progress = Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    )
    known = [size for size in sizes if size is not None]
    task = progress.add_task("", total=sum(known) if len(known) == len(sizes) else None)
    soon = Timer(1, progress.start)
    soon.start()
    try:
        yield lambda size: progress.advance(task, size)
    finally:
        soon.cancel()
        soon.join()  # or the bar could start after it was stopped
        progress.stop()


def _report(found: dict[str, Findings], needles: int) -> None:
    for target, findings in found.items():
        hits = sorted(findings.hits)
        mark = "✗" if hits else "?" if findings.unread else "✓"
        say(f"{mark} {target}: {len(hits)} hits, of {needles} needles")
        for hit in hits[:MOST_SHOWN]:
            say(f"    {concealed(str(hit))}")
        if len(hits) > MOST_SHOWN:
            say(f"    and {len(hits) - MOST_SHOWN} more: --json has them all")
