"""The entry of two processes: the acceptor, and the zygote that the acceptor starts.

Without arguments the process becomes the acceptor; with `zygote` and the numbers of three
descriptors it becomes the zygote.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
from pathlib import Path
from typing import NoReturn

from faas_sealed.formats.errors import SealError
from faas_sealed.runtime.shared.log import say
from faas_sealed.runtime.shared.system import adopt_orphans, forbid_dumps, name_process
from faas_sealed.settings import Settings

# If one of these is set, the interpreter writes names of the handler's modules and functions to
# the log or to files (docs.python.org/3/using/cmdline.html#environment-variables).
TELLTALES = (
    "PYTHONDUMPREFS",
    "PYTHONDUMPREFSFILE",
    "PYTHONPERFSUPPORT",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONVERBOSE",
    "PYTHON_PERF_JIT_SUPPORT",
)


def main() -> NoReturn:
    """Serve until told to end. A bad setting or sealed file ends the process with one line."""
    _open_standard_descriptors()
    arguments = sys.argv[1:]
    del sys.argv[1:]  # a library that the handler imports may parse them
    default_file = Path(sys.argv[0]).resolve().parent / "function" / "function.sealed"
    try:
        settings = Settings.from_environ(os.environ, default_file)
        if arguments[:1] == ["zygote"]:
            _run_zygote(settings, *map(int, arguments[1:]))
        else:
            _run_acceptor(settings)
    except SealError as error:
        say(f"error: {error}")
        sys.exit(1)
    sys.exit(0)


def _open_standard_descriptors() -> None:
    """Open each of descriptors 0 to 2 that is closed; else another file would get its number."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)


def _run_acceptor(settings: Settings) -> None:
    from faas_sealed.runtime.acceptor.acceptor import Acceptor
    from faas_sealed.runtime.acceptor.updates import Updates

    name_process("faas-acceptor")
    forbid_dumps()
    adopt_orphans()
    for name in TELLTALES:
        os.environ.pop(name, None)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    updates = Updates(settings)
    deployed = updates.first()
    listener = _listen(settings)
    Acceptor(settings, listener, deployed.to_memory(), updates).run()


def _run_zygote(settings: Settings, control: int, table: int, memory: int) -> None:
    from faas_sealed.runtime.shared.channel import Channel
    from faas_sealed.runtime.shared.deployed import Deployed
    from faas_sealed.runtime.shared.table import Table
    from faas_sealed.runtime.zygote import zygote

    for fd in (control, table, memory):
        os.set_inheritable(fd, False)
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, control)
    deployed = Deployed.from_memory(memory, settings.author)
    os.close(memory)
    zygote.run(settings, Channel(end), Table(table), deployed)


def _listen(settings: Settings) -> socket.socket:
    """Return a socket that listens where the watchdog connects, or raise SealError."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=1024)
    except OSError as error:
        raise SealError(
            f"cannot listen on {settings.host}:{settings.port} (upstream_url): "
            f"{os.strerror(error.errno or 0)}"
        ) from None
