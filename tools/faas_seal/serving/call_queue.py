"""The queue behind `/async-function/`, with the limits of OpenFaaS's gateway and queue-worker."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import requests
from faas_sealed.formats.errors import RequestFailed
from requests.structures import CaseInsensitiveDict

from faas_seal.serving.console import Console
from faas_seal.serving.heads import HeaderList
from faas_seal.serving.refusals import QueueFull

# The gateway's limit for a body in the queue.
BODY_BYTES = 256_000
QUEUE_LENGTH = 256
WORKERS = 4
CALLBACK_SECONDS = 30.0


@dataclass(frozen=True)
class QueuedAnswer:
    """The answer to an asynchronous call, read to its end."""

    status: int
    headers: HeaderList = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class QueuedCall:
    """An asynchronous call. `callback` is a URL or empty; `invoke` makes the call."""

    name: str
    call_id: str
    callback: str
    invoke: Callable[[], QueuedAnswer] = field(repr=False)


class CallQueue:
    """Makes the calls that were accepted with 202, a few at a time, and calls back."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._queue: queue.Queue[QueuedCall] = queue.Queue(QUEUE_LENGTH)
        self._stopping = threading.Event()

    def start(self) -> None:
        for _ in range(WORKERS):
            threading.Thread(target=self._work, name="background", daemon=True).start()

    def put(self, call: QueuedCall) -> None:
        """Accept a call, or raise QueueFull."""
        try:
            self._queue.put_nowait(call)
        except queue.Full:
            raise QueueFull(f"{QUEUE_LENGTH} asynchronous calls are waiting already") from None

    def stop(self) -> None:
        """Begin no more calls. Calls under way go on."""
        self._stopping.set()

    def waiting(self) -> int:
        """Return how many calls have not begun yet."""
        return self._queue.qsize()

    def _work(self) -> None:
        while True:
            call = self._queue.get()
            if self._stopping.is_set():
                self._queue.put(call)
                return
            begun = time.monotonic()
            try:
                answer = call.invoke()
            except RequestFailed as error:
                # OpenFaaS's queue-worker gets the gateway's answer in this case.
                answer = QueuedAnswer(error.status, [], str(error).encode())
            seconds = time.monotonic() - begun
            text = f"async {call.call_id} {answer.status} ({seconds * 1000:.0f} ms)"
            if call.callback:
                text += self._call_back(call, answer, seconds)
            self._console.about(call.name, text)

    def _call_back(self, call: QueuedCall, answer: QueuedAnswer, seconds: float) -> str:
        """POST an answer with its own headers, not with the request's, which hold the key.

        Return the words for the log.
        """
        sent = CaseInsensitiveDict(answer.headers)
        sent["X-Duration-Seconds"] = f"{seconds:f}"
        sent["X-Function-Status"] = str(answer.status)
        sent["X-Function-Name"] = call.name
        sent["X-Call-Id"] = call.call_id
        try:
            done = requests.post(
                call.callback,
                data=answer.body,
                headers=sent,
                timeout=CALLBACK_SECONDS,
                # Without this, requests would add a password for that host from ~/.netrc.
                auth=lambda request: request,
            )
        except (requests.RequestException, ValueError) as error:
            return f", the callback failed: {type(error).__name__}"
        return f", the callback answered {done.status_code}"
