"""The supervisor of one function, which it replaces after a change and restarts after a crash."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from faas_sealed.formats.errors import SealError

from faas_seal.project.python_env import find_interpreter
from faas_seal.project.watching import Stamp, stamp
from faas_seal.serving.console import Console
from faas_seal.serving.deployment import NAMESPACE, Deployment, load_deployment
from faas_seal.serving.refusals import RuntimeDown
from faas_seal.serving.runtime_connections import IDLE_SECONDS
from faas_seal.serving.runtime_process import RuntimeProcess

WATCH_SECONDS = 0.5
# How long a call waits at most for a change that was made before it.
REPLACE_SECONDS = 5.0
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A runtime that has lived this long did not end because of how it was started.
SETTLED_SECONDS = 30.0


class Supervisor:
    """Serves one function as the stack file and its sealed file have it now."""

    def __init__(self, stack: Path, name: str, console: Console) -> None:
        self.name = name
        self._stack = stack
        self._console = console
        # Taken before the file is read, so that a change meanwhile is noticed later.
        seen = stamp(stack)
        self._deployment = load_deployment(stack, name)
        self._seen: tuple[Stamp | None, ...] = (seen, self._deployment.sealed)
        self._created = datetime.now(timezone.utc)
        self._invocations = 0
        self._lock = threading.Condition()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._runtime: RuntimeProcess | None = None
        self._watcher = threading.Thread(target=self._watch, name=self.name, daemon=True)
        self._retiring: list[threading.Thread] = []
        self._delay = FIRST_DELAY
        self._start_at: float | None = None

    def start(self) -> None:
        """Start the function for the first time; raise SealError if it is never ready."""
        self._runtime = self._launch(self._deployment)
        self._watcher.start()

    def tell_to_end(self) -> None:
        """Start nothing more, and tell the runtime to finish its requests and end."""
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
        """Return the function as the gateway's API lists it (FunctionStatus in faas-provider)."""
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
    def request(self) -> Iterator[RuntimeProcess]:
        """Lend the runtime for one request, during which it is not ended.

        A change made just before the request is waited for, but not for long. Raises
        RuntimeDown if there is no runtime.
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
        return stamp(self._stack), stamp(self._deployment.sealed_file)

    def _changed(self) -> tuple[Stamp | None, ...]:
        """Return the stamps of all files if one has changed since the last replacement, else ()."""
        stamps = self._stamps()
        # A missing file is about to be replaced.
        if self._stopping.is_set() or None in stamps or stamps == self._seen:
            return ()
        return stamps

    def _launch(self, deployment: Deployment) -> RuntimeProcess:
        python = find_interpreter(deployment.python_env, self._say, self._stopping)
        runtime = RuntimeProcess(deployment, python, self._console)
        try:
            runtime.wait_ready(self._stopping)
        except BaseException:
            runtime.end(0)
            raise
        self._deployment = deployment
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
        """Remember what was acted on, and let the calls that wait for it go on."""
        with self._lock:
            self._seen = seen
            self._lock.notify_all()

    def _revive(self, runtime: RuntimeProcess) -> None:
        now = time.monotonic()
        if self._start_at is None:
            runtime.end(0)
            if now - runtime.started > SETTLED_SECONDS:
                self._delay = FIRST_DELAY
            self._say(f"the runtime ended with status {runtime.status()}")
            self._wait_for_next_start()
        elif now >= self._start_at:
            self._replace(runtime)

    def _replace(self, old: RuntimeProcess) -> None:
        try:
            deployment = load_deployment(self._stack, self.name)
            if deployment == old.deployment and old.status() is None:
                return  # only other functions of the stack file have changed
            new = self._launch(deployment)
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
