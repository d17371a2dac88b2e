"""The pool: all workers of the function, each from its fork to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from faas_sealed.runtime.acceptor.connection import Connection
from faas_sealed.runtime.acceptor.loop import Loop
from faas_sealed.runtime.acceptor.workers import WorkerProcess
from faas_sealed.runtime.acceptor.zygotes import ZygoteProcess, Zygotes
from faas_sealed.runtime.shared.channel import Channel, Verb
from faas_sealed.runtime.shared.system import kill_children, kill_group, reap_children
from faas_sealed.runtime.shared.table import FREE, READING, Table
from faas_sealed.settings import Settings

# A worker ends itself at its deadline. The acceptor kills one that still lives this much later.
GRACE_NANOSECONDS = 1_000_000_000
END_SECONDS = 1.0


class Pool:
    """Has workers forked, and kills, buries and forgets them."""

    def __init__(
        self,
        settings: Settings,
        loop: Loop,
        deployed: int,
        *,
        on_message: Callable[[WorkerProcess], None],
        on_end: Callable[[WorkerProcess], None],
    ) -> None:
        """`deployed` is a descriptor of memory with what the workers serve.

        `on_message` is called when a worker has sent a message, `on_end` when it has ended.
        """
        self._serve_once = settings.isolation == "request"
        self._loop = loop
        self._on_message = on_message
        self._on_end = on_end
        self.most_workers = settings.workers + settings.readers
        self.table = Table.create(self.most_workers)
        self._free_rows = list(range(self.most_workers))
        self.workers: list[WorkerProcess] = []
        self.zygotes = Zygotes(
            loop,
            self.table.fd,
            deployed,
            on_forked=self._on_forked,
            on_unforked=self._on_unforked,
            on_lost=self._on_lost,
            on_changed=self._on_changed,
        )

    def fork(self, most: int) -> None:
        """Have `most` workers forked, or fewer if there are not so many free rows."""
        for _ in range(min(most, len(self._free_rows))):
            ours, theirs = Channel.pair()
            worker = WorkerProcess(self._free_rows.pop(), ours, serves_once=self._serve_once)
            self.table.write(worker.row, FREE, 0, 0)
            self.workers.append(worker)
            self._loop.watch(ours.fileno(), partial(self._on_message, worker))
            worker.zygote = self.zygotes.fork(worker.row, theirs)
            theirs.close()

    def receive(self, worker: WorkerProcess) -> tuple[Verb, Connection] | None:
        """Return a worker's message and the connection that it is about, or None."""
        try:
            said = worker.receive()
        except BlockingIOError:
            return None
        if said is None:  # the worker sends nothing more; its pidfd tells when it has ended
            self._loop.unwatch(worker.channel.fileno())
        return said

    def bury(self, worker: WorkerProcess) -> None:
        """Kill what an ended worker has started, let the zygote reap the worker, and forget it.

        Until the worker is reaped, no other process can get its id.
        """
        if worker.zygote is not None:
            kill_group(worker.pid)
            worker.zygote.reap(worker.pid)
        self._forget(worker)
        self.kill_orphans()

    def kill_orphans(self) -> None:
        """Kill what ended workers have left outside their process groups: we have adopted it."""
        kill_children(but=self.zygotes.pids() | {worker.pid for worker in self.workers})

    def kill_overdue(self) -> None:
        """Kill every worker that lives on after its deadline, and what it has started."""
        now = time.monotonic_ns()
        for worker in self.workers:
            state, _, until = self.table.read(worker.row)
            if state != READING and 0 < until < now - GRACE_NANOSECONDS:
                worker.kill()

    def end(self) -> None:
        """End the zygotes, the workers and what workers have started; wait until all are gone.

        Processes that do not end by themselves are killed.
        """
        for worker in self.workers:
            worker.channel.close()
        self.zygotes.close()
        give_up_at = time.monotonic() + END_SECONDS
        while reap_children() and time.monotonic() < give_up_at + END_SECONDS:
            if time.monotonic() >= give_up_at:
                for worker in self.workers:
                    worker.kill()
                kill_children()
            time.sleep(0.005)

    # What the zygotes tell.

    def _on_forked(self, row: int, pid: int, pidfd: int) -> None:
        worker = self._in_row(row)
        worker.forked(pid, pidfd)
        self._loop.watch(pidfd, partial(self._on_end, worker))

    def _on_unforked(self, row: int) -> None:
        self._forget(self._in_row(row))

    def _on_lost(self, zygote: ZygoteProcess) -> None:
        for worker in self.workers.copy():
            if worker.zygote is zygote:
                worker.zygote = None
                if not worker.pid:
                    self._forget(worker)

    def _on_changed(self) -> None:
        for worker in self.workers:
            worker.outdate()

    def _in_row(self, row: int) -> WorkerProcess:
        return next(worker for worker in self.workers if worker.row == row)

    def _forget(self, worker: WorkerProcess) -> None:
        self.workers.remove(worker)
        self._loop.unwatch(worker.channel.fileno())
        if worker.pidfd >= 0:
            self._loop.unwatch(worker.pidfd)
        worker.close()
        self._free_rows.append(worker.row)
