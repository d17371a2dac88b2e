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
from collections.abc import Sequence
from dataclasses import replace

from faas_sealed.formats.bundle import pack
from faas_sealed.formats.file import Recipient, SealedFile, seal, verify
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.runtime import loader
from faas_sealed.runtime.channel import Channel, Verb
from faas_sealed.runtime.exchange import Exchange
from faas_sealed.runtime.handler import Handler, flask_app
from faas_sealed.runtime.log import Log, say
from faas_sealed.runtime.settings import Settings
from faas_sealed.runtime.system import forbid_dumps, reap_children
from faas_sealed.runtime.table import Table
from faas_sealed.runtime.worker import Worker

_DUMMY_HANDLER = b"""\
def handle(event, context):
    return {"statusCode": 200, "body": [event.method, event.body.decode(), event.path]}
"""


def run(settings: Settings, control: Channel, table: Table, sealed_file: bytes) -> None:
    """Fork a worker for each FORK on `control`, until the acceptor closes it."""
    forbid_dumps()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sealed = verify(sealed_file, settings.author)
    loader.serve_files_from_memory()
    _preload(sealed.header.preload)
    _warm_up(settings)
    gc.collect()
    gc.freeze()
    # A child's end interrupts receive(), so that it is reaped at once.
    signal.signal(signal.SIGCHLD, lambda *_: reap_children())
    control.send(Verb.READY)
    while message := control.receive():
        _, row, _, (descriptor,) = message
        _fork(settings, sealed, control, table, row, descriptor)


def _fork(
    settings: Settings,
    sealed: SealedFile,
    control: Channel,
    table: Table,
    row: int,
    descriptor: int,
) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    pid = os.fork()
    if pid == 0:
        _become_worker(settings, sealed, control, table, row, descriptor)
    os.close(descriptor)
    # Not reaped yet, whatever has become of it: the signal is blocked.
    pidfd = os.pidfd_open(pid)
    control.send(Verb.FORKED, row, pid, [pidfd])
    os.close(pidfd)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _become_worker(
    settings: Settings,
    sealed: SealedFile,
    control: Channel,
    table: Table,
    row: int,
    descriptor: int,
) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        control.close()
        _reseed()
        channel = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, descriptor))
        Worker(settings, sealed, table, row, channel).run()
        status = 0
    except BaseException as error:
        # Only where it happened in our own code: a message could repeat a request.
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
        say(f"a worker failed: {type(error).__name__} at {where}")
    finally:
        os._exit(status)


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
    settings = replace(settings, isolation="request")
    handler = Handler(settings, sealed)
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
