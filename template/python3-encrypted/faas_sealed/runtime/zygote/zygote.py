"""The zygote: the process that prepares what workers need, and then only forks.

It never sees a client's connection or key, because every worker would inherit them.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import traceback
from contextlib import suppress
from pathlib import Path

from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.deployed import Deployed
from faas_sealed.runtime.shared.log import say
from faas_sealed.runtime.shared.system import adopt_orphans, forbid_dumps, name_process
from faas_sealed.runtime.shared.table import Table
from faas_sealed.runtime.zygote.inheritance import Inheritance
from faas_sealed.settings import Settings


def run(settings: Settings, control: Channel, table: Table, deployed: Deployed) -> None:
    """Fork a worker for each FORK on `control`, until the acceptor closes that channel."""
    forbid_dumps()
    name_process("faas-zygote")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    inheritance = Inheritance.prepare(settings, deployed, table)
    gc.collect()
    gc.freeze()
    with suppress(ConnectionError):  # the acceptor has gone
        control.send(Verb.READY)
        while message := control.receive():
            verb, row, pid, descriptors = message
            if verb is Verb.FORK:
                _fork(inheritance, control, row, descriptors[0])
            else:
                os.waitpid(pid, 0)


def _fork(inheritance: Inheritance, control: Channel, row: int, descriptor: int) -> None:
    """Fork the worker for a row of the table; `descriptor` is the worker's end of its channel."""
    try:
        pid = os.fork()
    except OSError:  # the kernel is short of processes or memory; the acceptor asks again
        control.send(Verb.UNFORKED, row)
        os.close(descriptor)
        return
    if pid == 0:
        _become_worker(inheritance, control, row, descriptor)
    os.close(descriptor)
    pidfd = os.pidfd_open(pid)
    control.send(Verb.FORKED, row, pid, [pidfd])
    os.close(pidfd)


def _become_worker(inheritance: Inheritance, control: Channel, row: int, descriptor: int) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        name_process("faas-worker")
        adopt_orphans()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        control.close()
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, descriptor)
        inheritance.live(row, Channel(end))
        status = 0
    except ConnectionError:  # the acceptor has gone
        pass
    except BaseException as error:
        say(f"a worker failed: {_describe(error)}")
    finally:
        os._exit(status)


def _describe(error: BaseException) -> str:
    """Return a built-in type of the error, and the last line of our own code that it passed.

    The error's message, or a name from the handler, would tell too much.
    """
    own = [
        f"{Path(frame.f_code.co_filename).name}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith("faas_sealed.")
    ]
    return f"{_builtin_name(type(error))} at {own[-1] if own else '?'}"


def _builtin_name(kind: type[BaseException]) -> str:
    return next(base.__name__ for base in kind.__mro__ if base.__module__ == "builtins")
