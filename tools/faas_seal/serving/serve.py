"""Serves functions until a signal ends it all."""

from __future__ import annotations

import errno
import queue
import shlex
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from faas_seal.project.stackfile import StackFile, find
from faas_seal.project.watching import changes
from faas_seal.sealing.draft import source_of
from faas_seal.sealing.drift import forgotten
from faas_seal.serving.console import Console
from faas_seal.serving.refusals import CannotServe
from faas_seal.serving.server import Gateway
from faas_seal.serving.supervisor import Supervisor

# How long `seal --watch`, or a person, may take to seal what was saved before a word is said.
SEALED_MEANWHILE_SECONDS = 2.0

# What ends the waiting: a signal's number, a function that is ready, or one that is not.
_Event = signal.Signals | Supervisor | Exception


def serve(stack_path: Path, names: Sequence[str], port: int) -> None:
    """Serve the functions `names` on 127.0.0.1:`port` until SIGINT, SIGTERM or SIGHUP.

    Raises SealError if one of them cannot be started. No process is left either way.
    """
    console = Console()
    # The one queue that a signal handler may put into.
    events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: events.put(signal.Signals(number)))
    functions = {n: Supervisor(stack_path, n, console) for n in names}
    gateway = _open(port, functions, console, stack_path)
    starters = [
        threading.Thread(target=_start, args=(function, events), daemon=True)
        for function in functions.values()
    ]
    try:
        for starter in starters:
            starter.start()
        for _ in starters:
            if _ended(events.get()):
                return
        gateway.start()
        _announce(console, gateway, stack_path)
        for name in names:
            threading.Thread(
                target=_tell_of_changes, args=(stack_path, name, console), daemon=True
            ).start()
        while not _ended(events.get()):
            pass
    finally:
        gateway.stop()
        for function in functions.values():
            function.tell_to_end()
        for starter in starters:
            starter.join()
        for function in functions.values():
            function.stop()
        if waiting := gateway.background.waiting():
            console.say(f"{waiting} asynchronous calls were not made any more")
        console.close()


def _tell_of_changes(stack_path: Path, name: str, console: Console) -> None:
    """Say, now and after each change, if what is served is not what the source says."""
    stack = StackFile.load(stack_path)
    changed = changes([stack.folder / source_of(stack.function(name))])
    while True:
        if said := forgotten(stack_path, name):
            console.about(name, said)
        next(changed)
        time.sleep(SEALED_MEANWHILE_SECONDS)


def _ended(event: _Event) -> bool:
    if isinstance(event, Exception):
        raise event
    return isinstance(event, signal.Signals)


def _start(function: Supervisor, events: queue.SimpleQueue[_Event]) -> None:
    try:
        function.start()
    except OSError as error:
        events.put(CannotServe(f"{function.name} did not start: {error}"))
    except Exception as error:
        events.put(error)
    else:
        events.put(function)


def _open(
    port: int, functions: Mapping[str, Supervisor], console: Console, stack_path: Path
) -> Gateway:
    try:
        return Gateway(port, functions, console)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CannotServe(
            f"port {port} of 127.0.0.1 is taken",
            hint=f"faas-seal local-run {' '.join(functions)}{_option(stack_path)} "
            f"--port {port + 1}",
        ) from None


def _option(stack_path: Path) -> str:
    """Return what names the stack file on a command line, where that is needed."""
    return "" if stack_path == find(None) else f" -f {shlex.quote(str(stack_path))}"


def _announce(console: Console, gateway: Gateway, stack_path: Path) -> None:
    stack = _option(stack_path)
    for name in gateway.functions:
        console.about(name, f"ready at {gateway.url}/function/{name}")
    name = next(iter(gateway.functions))
    console.say(
        f"\n  faas-seal invoke {name}{stack} --gateway {gateway.url}\n"
        f"  curl -H @<(faas-seal header {name}{stack}) {gateway.url}/function/{name}\n\n"
        "Ctrl-C ends everything."
    )
