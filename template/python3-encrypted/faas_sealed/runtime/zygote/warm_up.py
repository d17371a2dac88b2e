"""The warm-up: requests that a zygote sends itself and serves as a worker does, before it forks.

Function and key are made for the purpose. All workers then share imports, caches and arenas,
and none has to build its own.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace

from faas_sealed.formats.bundle import pack
from faas_sealed.formats.file import Recipient, seal
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.log import Log
from faas_sealed.runtime.shared.table import Table
from faas_sealed.runtime.worker.access import Access
from faas_sealed.runtime.worker.link import Link
from faas_sealed.runtime.worker.worker import Worker
from faas_sealed.settings import Settings

# Python specialises code that has run a few times (PEP 659), and writes into the code as it does.
# Workers share what is specialised here; else each would copy those pages to do it again.
WARM_UPS = 12

_DUMMY_HANDLER = b"""\
def handle(event, context):
    return {"statusCode": 200, "body": [event.method, event.body.decode(), event.path]}
"""


def warm_up(settings: Settings) -> None:
    """Serve some requests, and raise RuntimeError if one fails."""
    settings = replace(settings, isolation="request", audit=False)
    table = Table.unshared(1)
    for _ in range(WARM_UPS):
        _serve_one(settings, table)


def _serve_one(settings: Settings, table: Table) -> None:
    function_key, seed = os.urandom(32), os.urandom(32)
    sealed = seal(
        pack({"handler.py": _DUMMY_HANDLER}),
        function="warm-up",
        seed=seed,
        recipients=[Recipient(function_key)],
        created=0,
    )
    request = (
        "POST / HTTP/1.1\r\nHost: warm-up\r\nTransfer-Encoding: chunked\r\n"
        f"X-Function-Key: {FUNCTION_KEY.encode(function_key)}\r\n\r\n"
        "2\r\nhi\r\n0\r\n\r\n"
    )
    acceptor, channel = Channel.pair()
    watchdog, connection = socket.socketpair()
    with acceptor.socket, channel.socket, watchdog:
        watchdog.sendall(request.encode())
        with connection:
            acceptor.send(Verb.SERVE, 0, time.monotonic_ns(), [connection.fileno()])
        acceptor.socket.shutdown(socket.SHUT_WR)  # a worker that asks for time or room is refused
        worker = Worker(settings, Access(sealed), Log(settings.log, -1), Link(table, 0, channel))
        worker.run()
        worker.handler.unload()  # else the dummy would answer in every worker
        answer = watchdog.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError("the runtime cannot serve its own request")
