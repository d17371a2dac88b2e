"""Keeps one function served: changed, it is replaced; crashed, it is started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from faas_sealed.formats.errors import SealError

from faas_seal.project.python_env import find_interpreter
from faas_seal.serving.connections import IDLE_SECONDS
from faas_seal.serving.console import Console
from faas_seal.serving.deployment import NAMESPACE, Program, Stamp, load_program, stamp
from faas_seal.serving.refusals import RuntimeDown
from faas_seal.serving.runtime import Runtime

WATCH_SECONDS = 0.5
# The longest that a call waits for what was changed before it was made.
REPLACE_SECONDS = 5.0
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A runtime that has lived so long did not end because of how it was started.
SETTLED_SECONDS = 30.0


class Supervisor:
    """One function of a stack file, as that and its sealed file have it now."""

    def __init__(self, stack: Path, name: str, console: Console) -> None:
        self.name = name
        self._stack = stack
        self._console = console
        self._program = load_program(stack, name)
        self._created = datetime.now(timezone.utc)
        self._invocations = 0
        self._lock = threading.Condition()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._runtime: Runtime | None = None
        self._seen = self._stamps()
        self._watcher = threading.Thread(target=self._watch, name=self.name, daemon=True)
        self._retiring: list[threading.Thread] = []
        self._delay = FIRST_DELAY
        self._start_at: float | None = None

    def start(self) -> None:
        """Start the function for the first time; raise SealError if it is never ready."""
        self._runtime = self._launch(self._program)
        self._watcher.start()

    def tell_to_end(self) -> None:
        """Let what is under way end; start nothing more."""
        self._stopping.set()
        self._wake.set()
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

        What was changed just before is waited for, but not for long. Raises RuntimeDown if
        there is no runtime.
        """
        with ExitStack() as stack:
            with self._lock:
                if self._changed():
                    self._wake.set()
                    self._lock.wait_for(lambda: not self._changed(), REPLACE_SECONDS)
                runtime = self._runtime
                if runtime is None or runtime.status() is not None:
                    raise RuntimeDown(f"the runtime of {self.name} is down and starts again soon")
                self._invocations += 1
                stack.enter_context(runtime.request())
            yield runtime

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return stamp(self._stack), stamp(self._program.sealed_file)

    def _changed(self) -> tuple[Stamp | None, ...]:
        """Return the stamps of files that have changed and were not acted on yet, or nothing."""
        stamps = self._stamps()
        # A file that is not there is being written.
        if self._stopping.is_set() or None in stamps or stamps == self._seen:
            return ()
        return stamps

    def _launch(self, program: Program) -> Runtime:
        python = find_interpreter(program, self._say, self._stopping)
        runtime = Runtime(program, python, self._console)
        try:
            runtime.wait_ready(self._stopping)
        except BaseException:
            runtime.end(0)
            raise
        self._program = program
        return runtime

    def _watch(self) -> None:
        while not self._stopping.is_set():
            runtime = self._runtime
            assert runtime is not None
            runtime.pool.close_idle(IDLE_SECONDS)
            if stamps := self._changed():
                self._delay = FIRST_DELAY
                self._replace(runtime)
                self._settle(stamps)
            elif runtime.status() is not None:
                self._revive(runtime)
            self._wake.wait(WATCH_SECONDS)
            self._wake.clear()
        self._settle(self._seen)

    def _settle(self, seen: tuple[Stamp | None, ...]) -> None:
        """Let the calls go on that wait for what has changed."""
        with self._lock:
            self._seen = seen
            self._lock.notify_all()

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
            program = load_program(self._stack, self.name)
            if program == old.program and old.status() is None:
                return  # the stack file has changed, but for others
            new = self._launch(program)
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
        self._say("the function is served as it is now")
        thread = threading.Thread(target=old.drain, args=(self._stopping,), daemon=True)
        thread.start()
        self._retiring = [t for t in self._retiring if t.is_alive()] + [thread]

    def _wait_for_next_start(self) -> None:
        self._say(f"it is started again in {self._delay:g} s")
        self._start_at = time.monotonic() + self._delay
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _say(self, text: str) -> None:
        self._console.about(self.name, text)
