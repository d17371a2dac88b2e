"""The zygote: imports what workers need, warms it up, then only forks.

It never sees a connection or a key. What it once held, every worker would hold.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from faas_sealed.formats.bundle import pack
from faas_sealed.formats.file import Recipient, seal
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.runtime.handler import bundle_files
from faas_sealed.runtime.handler.handler import Handler, flask_app
from faas_sealed.runtime.handler.hooks import seal_writes
from faas_sealed.runtime.handler.native_errors import hold_back_native_errors
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.deployed import Deployed
from faas_sealed.runtime.shared.log import Log, say
from faas_sealed.runtime.shared.system import adopt_orphans, forbid_dumps, name_process
from faas_sealed.runtime.shared.table import Table
from faas_sealed.runtime.worker.access import KeyHeader
from faas_sealed.runtime.worker.exchange import Exchange
from faas_sealed.runtime.worker.function import Function
from faas_sealed.runtime.worker.worker import Worker
from faas_sealed.settings import Settings

# Python specialises code that has run a few times (PEP 659), and writes into it as it does.
# Done here, workers share the result; else each would copy those pages to do it again.
WARM_UPS = 12

_DUMMY_HANDLER = b"""\
def handle(event, context):
    return {"statusCode": 200, "body": [event.method, event.body.decode(), event.path]}
"""


def run(settings: Settings, control: Channel, table: Table, deployed: Deployed) -> None:
    """Fork a worker for each FORK on `control`, until the acceptor closes it."""
    forbid_dumps()
    name_process("faas-zygote")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    function = Function.of(deployed, settings)
    bundle_files.install()
    _preload(function.sealed.header.preload)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whatever a library has made of it
    for _ in range(WARM_UPS):
        _warm_up(settings)
    log = Log(settings.log, table.fd)
    log.install(hold_back_native_errors())
    seal_writes(log)
    gc.collect()
    gc.freeze()
    with suppress(ConnectionError):  # the acceptor has gone
        control.send(Verb.READY)
        while message := control.receive():
            verb, row, pid, descriptors = message
            if verb is Verb.FORK:
                _fork(settings, function, log, control, table, row, descriptors[0])
            else:
                os.waitpid(pid, 0)


def _fork(
    settings: Settings,
    function: Function,
    log: Log,
    control: Channel,
    table: Table,
    row: int,
    descriptor: int,
) -> None:
    try:
        pid = os.fork()
    except OSError:  # out of processes or memory, and it will be asked for again
        control.send(Verb.UNFORKED, row)
        os.close(descriptor)
        return
    if pid == 0:
        _become_worker(settings, function, log, control, table, row, descriptor)
    os.close(descriptor)
    pidfd = os.pidfd_open(pid)
    control.send(Verb.FORKED, row, pid, [pidfd])
    os.close(pidfd)


def _become_worker(
    settings: Settings,
    function: Function,
    log: Log,
    control: Channel,
    table: Table,
    row: int,
    descriptor: int,
) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        name_process("faas-worker")
        adopt_orphans()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        control.close()
        _reseed()
        channel = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, descriptor))
        Worker(settings, function, log, table, row, channel).run()
        status = 0
    except ConnectionError:  # the acceptor has gone
        pass
    except BaseException as error:
        say(f"a worker failed: {_describe(error)}")
    finally:
        os._exit(status)


def _describe(error: BaseException) -> str:
    """Say where in our own code; a message, or a name of the handler's, would tell too much."""
    own = [
        f"{Path(frame.f_code.co_filename).name}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith("faas_sealed.")
    ]
    return f"{_builtin_name(type(error))} at {own[-1] if own else '?'}"


def _builtin_name(kind: type[BaseException]) -> str:
    return next(base.__name__ for base in kind.__mro__ if base.__module__ == "builtins")


def _reseed() -> None:
    """Seed anew what was seeded before the fork; each worker would draw the same numbers."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _preload(names: Sequence[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            # The handler's own import will fail again, and its trace is sealed.
            say(f"cannot import {name}, which the handler imports: {type(error).__name__}")
    if "flask" in sys.modules:
        flask_app()


class _NoStation:
    def mark(self, state: int, until: float) -> None:
        pass

    def note_key_id(self, key_id: str | None) -> None:
        pass

    def ask(self, verb: Verb) -> None:
        raise RuntimeError(f"{verb.name}: the request to warm up with lies whole")


def _warm_up(settings: Settings) -> None:
    """Serve a request to a function and with a key made for the purpose.

    Imports, caches and arenas are then shared by all workers instead of built in each.
    """
    function_key, seed = os.urandom(32), os.urandom(32)
    sealed = seal(
        pack({"handler.py": _DUMMY_HANDLER}),
        function="warm-up",
        seed=seed,
        recipients=[Recipient(function_key)],
        created=0,
    )
    # Warm, the dummy would stay loaded here, and answer in every worker.
    settings = replace(settings, isolation="request", audit=False)
    function = Function(sealed, KeyHeader([], ["raw"], sealed.header.context))
    handler = Handler(settings, function)
    ours, theirs = socket.socketpair()
    request = (
        "POST / HTTP/1.1\r\nHost: warm-up\r\nTransfer-Encoding: chunked\r\n"
        f"X-Function-Key: {FUNCTION_KEY.encode(function_key)}\r\n\r\n"
        "2\r\nhi\r\n0\r\n\r\n"
    )
    with ours, theirs:
        ours.sendall(request.encode())
        log = Log(settings.log, -1)
        Exchange(settings, handler, log, _NoStation(), theirs, time.monotonic()).run()
        answer = ours.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError("the runtime cannot serve its own request")
