"""One run of the local gateway, from the first start to the signal that ends it."""

from __future__ import annotations

import errno
import queue
import shlex
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from faas_seal.errors import CannotServe
from faas_seal.project.source_folder import source_of
from faas_seal.project.stackfile import StackFile, find
from faas_seal.project.watching import changes
from faas_seal.sealing.drift import forgotten
from faas_seal.serving.console import Console
from faas_seal.serving.server import LocalGateway
from faas_seal.serving.supervisor import Supervisor

# How long a person, or `seal --watch`, has to seal a saved change before a note is printed.
SEALED_MEANWHILE_SECONDS = 2.0

# A signal, a function that is ready, or the reason why one is not.
_Event = signal.Signals | Supervisor | Exception


def serve_until_signal(stack_path: Path, names: Sequence[str], port: int) -> None:
    """Serve the functions `names` on 127.0.0.1:`port` until SIGINT, SIGTERM or SIGHUP.

    Raises SealError if a function cannot be started. Either way no process is left.
    """
    console = Console()
    # A signal handler may use no other queue: SimpleQueue's `put` is reentrant.
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
        if waiting := gateway.call_queue.waiting():
            console.say(f"{waiting} asynchronous calls were accepted and never made")
        console.close()


def _tell_of_changes(stack_path: Path, name: str, console: Console) -> None:
    """Print a note, now and after each change, if the source is newer than the sealed file."""
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
) -> LocalGateway:
    try:
        return LocalGateway(port, functions, console)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CannotServe(
            f"port {port} of 127.0.0.1 is taken",
            hint=f"faas-seal local-run {' '.join(functions)}{_option(stack_path)} "
            f"--port {port + 1}",
        ) from None


def _option(stack_path: Path) -> str:
    """Return the option that names the stack file, or nothing where the command finds it itself."""
    return "" if stack_path == find(None) else f" -f {shlex.quote(str(stack_path))}"


def _announce(console: Console, gateway: LocalGateway, stack_path: Path) -> None:
    stack = _option(stack_path)
    for name in gateway.functions:
        console.about(name, f"ready at {gateway.url}/function/{name}")
    name = next(iter(gateway.functions))
    console.say(
        f"\n  faas-seal invoke {name}{stack} --gateway {gateway.url}\n"
        f"  curl -H @<(faas-seal header {name}{stack}) {gateway.url}/function/{name}\n\n"
        "Ctrl-C ends everything."
    )
