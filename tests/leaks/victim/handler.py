"""CANARY_docstring"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import logging
import mmap
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from .CANARY_package import data
from .CANARY_package.CANARY_module import CANARY_class, CANARY_fatal, CANARY_function

CANARY_variable = "CANARY_text_constant"  # CANARY_comment
CANARY_number = 31415926535897932384626433832795028841971693993751


def handle(event: Any, context: Any) -> Any:
    act = ACTS[event.path.strip("/").partition("/")[0]]
    return act(event)


def answer(event: Any) -> dict[str, Any]:
    """CANARY_function_docstring"""
    return {
        "body": CANARY_function(event.body),
        "headers": {"X-Reply": CANARY_function(event.headers["X-Canary"].encode()).decode()},
    }


def from_data(event: Any) -> str:
    beside = Path(__file__).parent / "CANARY_data_file.txt"
    with open(beside) as file:  # noqa: PTH123
        return f"{len(file.read())} {len(data())}"


def from_descriptors(event: Any) -> str:
    """Read the file as the kernel does, and leave one of its descriptors open."""
    beside = Path(__file__).parent / "CANARY_data_file.txt"
    with beside.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        size = len(memory[:])
    descriptor = os.open(beside, os.O_RDONLY)
    return f"{size} {len(os.read(descriptor, 9999))}"


def by_path(event: Any) -> list[Any]:
    """Import modules by their paths, in each way."""
    folder = Path(__file__).parent / "CANARY_package"
    sys.path.insert(0, str(folder))
    imported = importlib.import_module("CANARY_module")
    ran = runpy.run_path(str(folder / "CANARY_module.py"))
    return [imported.CANARY_function(b"x").decode(), len(ran)]


def say(event: Any) -> None:
    print("what a handler prints is in the log")


def fail(event: Any) -> None:
    CANARY_local = event.body
    raise CANARY_class(f"CANARY_message {CANARY_local!r}")


def fail_in_thread(event: Any) -> None:
    thread = threading.Thread(target=fail, args=(event,), name="CANARY_thread_name")
    thread.start()
    thread.join()


def fail_in_task(event: Any) -> None:
    async def task() -> None:
        fail(event)

    async def main() -> None:
        asyncio.create_task(task(), name="CANARY_task_name")  # noqa: RUF006
        await asyncio.sleep(0.01)

    asyncio.run(main(), debug=True)


def fail_in_process(event: Any) -> None:
    process = multiprocessing.get_context("fork").Process(target=fail, args=(event,))
    process.start()
    process.join()


def fail_in_callback(event: Any) -> None:
    future: Future[None] = Future()
    future.add_done_callback(lambda _: fail(event))
    future.set_result(None)


def fail_in_finalizer(event: Any) -> None:
    class Finalized:
        def __del__(self) -> None:
            fail(event)

    Finalized()


def fail_while_sending(event: Any) -> Iterator[bytes]:
    yield b"first"
    fail(event)


def fail_to_import(event: Any) -> None:
    importlib.import_module(f"{__package__}.CANARY_broken")


def fail_fatally(event: Any) -> None:
    CANARY_fatal()


def fail_at_exit(event: Any) -> None:
    sys.exit("CANARY_exit_message")


def warn(event: Any) -> None:
    warnings.warn("CANARY_warning", stacklevel=1)


def warn_by_log(event: Any) -> None:
    logging.basicConfig()
    logging.captureWarnings(True)
    warnings.warn("CANARY_logged_warning", stacklevel=1)


def log_exception(event: Any) -> None:
    try:
        fail(event)
    except CANARY_class:
        logging.exception("it failed")


def log_badly(event: Any) -> None:
    logging.getLogger("victim").error("%d", "CANARY_log_argument")


def log_stack(event: Any) -> None:
    logging.getLogger("victim").error("here", stack_info=True)  # CANARY_line


def print_exception(event: Any) -> None:
    try:
        fail(event)
    except CANARY_class:
        traceback.print_exc()


def print_stack(event: Any) -> None:
    traceback.print_stack()  # CANARY_line


def stop_in_debugger(event: Any) -> None:
    breakpoint()  # CANARY_line


def hook_exception(event: Any) -> None:
    try:
        fail(event)
    except CANARY_class:
        sys.excepthook(*sys.exc_info())


def receive_upload(event: Any) -> str:
    from flask import request

    return CANARY_function(request.files["upload"].read()).decode()


def write_a_file(event: Any) -> None:
    tempfile.TemporaryFile().close()


def leave(event: Any) -> None:
    os._exit(7)


def die(event: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash(event: Any) -> None:
    ctypes.string_at(0)


def sleep(event: Any) -> None:
    time.sleep(60)


def spin(event: Any) -> None:
    sum(range(10**15))


def produce(event: Any) -> Iterator[bytes]:
    for _ in range(200):
        yield CANARY_function(event.body) * 20
        time.sleep(0.0005)


def leave_thread(event: Any) -> None:
    CANARY_held = event.body
    threading.Thread(target=time.sleep, args=(60,), kwargs={}, daemon=True).start()
    threading.Thread(target=lambda: time.sleep(60 + len(CANARY_held))).start()


def leave_child(event: Any) -> None:
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)


def leave_daemon(event: Any) -> None:
    """Leave a process as daemons are made: a child's child, in a session of its own."""
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        os._exit(0)
    os.wait()


def returns_nonsense(event: Any) -> tuple[int, ...]:
    return 1, 2, 3, 4, CANARY_number


ACTS: dict[str, Callable[[Any], Any]] = {
    name: act
    for name, act in globals().items()
    if callable(act) and getattr(act, "__module__", "") == __name__
}
