"""Keeps one function served: sealed again, it is replaced; crashed, it is started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from faas_sealed.formats.errors import SealError

from faas_seal.local.console import Console
from faas_seal.local.errors import RuntimeDown
from faas_seal.local.interpreter import find_interpreter
from faas_seal.local.program import NAMESPACE, Program
from faas_seal.local.runtime import Runtime
from faas_seal.local.upstream import IDLE_SECONDS

WATCH_SECONDS = 0.5
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A runtime that has lived so long did not end because of how it was started.
SETTLED_SECONDS = 30.0


class Supervisor:
    """One function of the stack file. `load` reads what the stack file says of it now."""

    def __init__(self, load: Callable[[], Program], console: Console) -> None:
        self._load = load
        self._console = console
        self.program = load()
        self.name = self.program.name
        self._created = datetime.now(timezone.utc)
        self._invocations = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._runtime: Runtime | None = None
        self._stamp = _stamp(self.program.sealed_file)
        self._watcher = threading.Thread(target=self._watch, name=self.name, daemon=True)
        self._retiring: list[threading.Thread] = []
        self._delay = FIRST_DELAY
        self._start_at: float | None = None

    def start(self) -> None:
        """Start the function for the first time; raise SealError if it is never ready."""
        self._runtime = self._launch()
        self._watcher.start()

    def tell_to_end(self) -> None:
        """Let what is under way end; start nothing more."""
        self._stopping.set()
        if self._runtime is not None:
            self._runtime.tell_to_end()

    def stop(self) -> None:
        """End every process of this function, and return when they have."""
        self.tell_to_end()
        if self._watcher.ident is not None:
            self._watcher.join()
        for thread in self._retiring:
            thread.join()
        if self._runtime is not None:
            self._runtime.end()

    def description(self) -> dict[str, object]:
        """Return what the gateway's API tells of a function (FunctionStatus in faas-provider)."""
        available = self._runtime is not None and self._runtime.status() is None
        return {
            "name": self.name,
            "image": "",
            "namespace": NAMESPACE,
            "envProcess": "python index.py",
            "invocationCount": self._invocations,
            "replicas": 1,
            "availableReplicas": int(available),
            "labels": {},
            "annotations": {},
            "createdAt": self._created.isoformat(timespec="seconds"),
        }

    @contextmanager
    def request(self) -> Iterator[Runtime]:
        """Give the runtime for one request, which keeps it from ending meanwhile.

        Raises RuntimeDown if there is none.
        """
        with ExitStack() as stack:
            with self._lock:
                runtime = self._runtime
                if runtime is None or runtime.status() is not None:
                    raise RuntimeDown(f"the runtime of {self.name} is down and starts again soon")
                self._invocations += 1
                stack.enter_context(runtime.request())
            yield runtime

    def _launch(self) -> Runtime:
        program = self._load()
        python = find_interpreter(program, self._say, self._stopping)
        runtime = Runtime(program, python, self._console)
        try:
            runtime.wait_ready(self._stopping)
        except BaseException:
            runtime.end(0)
            raise
        self.program = program
        return runtime

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            runtime = self._runtime
            assert runtime is not None
            runtime.pool.close_idle(IDLE_SECONDS)
            stamp = _stamp(self.program.sealed_file)
            if stamp is not None and stamp != self._stamp:
                self._stamp = stamp
                self._delay = FIRST_DELAY
                self._replace(runtime)
            elif runtime.status() is not None:
                self._revive(runtime)

    def _revive(self, runtime: Runtime) -> None:
        now = time.monotonic()
        if self._start_at is None:
            runtime.end(0)
            if now - runtime.started > SETTLED_SECONDS:
                self._delay = FIRST_DELAY
            self._say(f"the runtime ended with status {runtime.status()}")
            self._wait_for_next_start()
        elif now >= self._start_at:
            self._replace(runtime)

    def _replace(self, old: Runtime) -> None:
        try:
            new = self._launch()
        except (SealError, OSError) as error:
            if self._stopping.is_set():
                return
            self._say(str(error))
            if isinstance(error, SealError) and error.hint:
                self._say(f"hint: {error.hint}")
            if old.status() is None:
                self._say("the version before keeps serving")
            else:
                self._wait_for_next_start()
            return
        with self._lock:
            self._runtime = new
        self._start_at = None
        self._say("the function is served as it is sealed now")
        thread = threading.Thread(target=old.drain, args=(self._stopping,), daemon=True)
        thread.start()
        self._retiring = [t for t in self._retiring if t.is_alive()] + [thread]

    def _wait_for_next_start(self) -> None:
        self._say(f"it is started again in {self._delay:g} s")
        self._start_at = time.monotonic() + self._delay
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _say(self, text: str) -> None:
        self._console.about(self.name, text)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what tells one state of a file from another, or None while it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
