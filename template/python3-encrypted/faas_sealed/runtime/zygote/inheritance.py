"""The inheritance of workers: what a zygote prepares once, for all workers that it forks.

The inheritance is made before any request. It holds no function key and no plaintext, because
every worker would have them.
"""

from __future__ import annotations

import importlib
import random
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from faas_sealed.runtime.handler import bundle_files
from faas_sealed.runtime.handler.handler import flask_app
from faas_sealed.runtime.handler.hooks import seal_writes
from faas_sealed.runtime.handler.native_errors import hold_back_native_errors
from faas_sealed.runtime.shared.channel import Channel
from faas_sealed.runtime.shared.deployed import Deployed
from faas_sealed.runtime.shared.log import Log, say
from faas_sealed.runtime.shared.table import Table
from faas_sealed.runtime.worker.access import Access
from faas_sealed.runtime.worker.link import Link
from faas_sealed.runtime.worker.worker import Worker
from faas_sealed.runtime.zygote.warm_up import warm_up
from faas_sealed.settings import Settings


@dataclass(frozen=True)
class Inheritance:
    """What is the same for all workers of a zygote."""

    settings: Settings
    access: Access
    log: Log
    table: Table

    @classmethod
    def prepare(cls, settings: Settings, deployed: Deployed, table: Table) -> Inheritance:
        """Import and warm up what workers need, and put hooks into this process, for good."""
        access = Access.of(deployed, settings)
        bundle_files.install(deployed.sealed.header.created)
        _preload(deployed.sealed.header.preload)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a library may have changed it
        warm_up(settings)
        log = Log(settings.log, table.fd)
        log.install(hold_back_native_errors())
        seal_writes(log)
        return cls(settings, access, log, table)

    def live(self, row: int, channel: Channel) -> None:
        """Be the worker with this row of the table, until it has nothing more to do."""
        _reseed()
        Worker(self.settings, self.access, self.log, Link(self.table, row, channel)).run()


def _preload(names: Iterable[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            # The handler's own import will fail again, and the trace of that is sealed.
            say(f"cannot import {name}, which the handler imports: {type(error).__name__}")
    if "flask" in sys.modules:
        flask_app()
    if "asyncio" in sys.modules:
        importlib.import_module("faas_sealed.runtime.handler.coroutines")


def _reseed() -> None:
    """Seed random numbers anew; else each worker would draw the same ones after the fork."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
