"""Sealed traces, in place of what the interpreter would write about a handler."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable, Iterator

import pytest
from faas_seal.scan.search import Search

from tests.support import Function, serve, wait_until

CULPRIT = """\
CANARY_variable = "CANARY_constant"

def CANARY_function(*CANARY_arguments):
    CANARY_local = CANARY_variable
    raise ValueError(f"CANARY_message {CANARY_local}")  # CANARY_comment
"""
HANDLER = """\
import asyncio, concurrent.futures, contextlib, ctypes, faulthandler, gc, logging, multiprocessing
import os, signal, sys, threading, time, traceback, types, warnings, weakref, _thread
from .CANARY_file import CANARY_function

def raised():
    CANARY_function()

def chained():
    try:
        CANARY_function()
    except ValueError as error:
        raise KeyError("CANARY_key") from error

def grouped():
    try:
        CANARY_function()
    except ValueError as error:
        raise ExceptionGroup("CANARY_group", [error])

def deep(depth=0):
    return deep(depth + 1) + CANARY_function.CANARY_attribute

def unspeakable():
    class CANARY_class(Exception):
        def __str__(self):
            CANARY_function()
    raise CANARY_class

def exited():
    sys.exit("CANARY_exit")

def interrupted():
    raise KeyboardInterrupt("CANARY_interrupt")

def produced():
    yield "first"
    CANARY_function()

def produced_at_once():
    CANARY_function()
    yield "never"

def returned():
    return types.SimpleNamespace(CANARY_attribute=1)

def signalled():
    signal.signal(signal.SIGUSR1, lambda number, CANARY_frame: CANARY_function())
    os.kill(os.getpid(), signal.SIGUSR1)

def misspelled():
    from . import CANARY_broken

def lacking():
    import CANARY_no_such_module

def in_thread():
    thread = threading.Thread(target=CANARY_function, name="CANARY_thread")
    thread.start()
    thread.join()

def in_bare_thread():
    _thread.start_new_thread(CANARY_function, ())
    time.sleep(0.05)

def in_timer():
    timer = threading.Timer(0, CANARY_function)
    timer.start()
    timer.join()

def in_pool_of_threads():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(CANARY_function).result()

def in_process():
    process = multiprocessing.get_context("fork").Process(target=CANARY_function)
    process.start()
    process.join()

def in_pool_of_processes():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(CANARY_function)

def in_callback():
    future = concurrent.futures.Future()
    future.add_done_callback(CANARY_function)
    future.set_result(None)

def in_finalizer():
    class CANARY_class:
        def __del__(self):
            CANARY_function()
    CANARY_class()

def in_weak_reference():
    class CANARY_class:
        pass
    held = CANARY_class()
    reference = weakref.ref(held, CANARY_function)
    del held

def in_generator():
    def CANARY_generator():
        with contextlib.closing(types.SimpleNamespace(close=CANARY_function)):
            yield
    generator = CANARY_generator()
    next(generator)
    del generator

def in_native_code():
    ctypes.CFUNCTYPE(None)(CANARY_function)()

def in_task():
    async def CANARY_task():
        CANARY_function()
    async def main():
        task = asyncio.create_task(CANARY_task())
        await asyncio.sleep(0)
        del task
        gc.collect()
    asyncio.run(main(), debug=True)

def in_loop():
    async def main():
        asyncio.get_running_loop().call_soon(CANARY_function)
        await asyncio.sleep(0.01)
    asyncio.run(main())

def unawaited():
    async def CANARY_coroutine():
        pass
    CANARY_coroutine()

def warned():
    warnings.warn("CANARY_warning")  # CANARY_comment

def warned_to_logging():
    logging.basicConfig()
    logging.captureWarnings(True)
    warnings.warn("CANARY_warning")  # CANARY_comment
    logging.captureWarnings(False)

def warned_of_resources():
    warnings.simplefilter("always", ResourceWarning)
    CANARY_open = open("/etc/hostname")
    del CANARY_open

def warned_of_syntax():
    from . import CANARY_syntax

def logged():
    try:
        CANARY_function()
    except ValueError:
        logging.exception("in clear")

def logged_by_format():
    try:
        CANARY_function()
    except ValueError as error:
        print(logging.Formatter().formatException((type(error), error, error.__traceback__)))

def logged_with_stack():
    logging.getLogger("any").warning("in clear", stack_info=True)  # CANARY_comment

def logged_wrongly():
    logging.warning("%d", "CANARY_argument")  # CANARY_comment

def handled_wrongly():
    class CANARY_handler(logging.Handler):
        def emit(self, record):
            try:
                CANARY_function()
            except ValueError:
                self.handleError(record)
    logger = logging.getLogger("wrong")
    logger.addHandler(CANARY_handler())
    logger.propagate = False
    logger.error("CANARY_said")

def printed():
    try:
        CANARY_function()
    except ValueError:
        traceback.print_exc()

def printed_to_output():
    try:
        CANARY_function()
    except ValueError as error:
        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stdout)

def printed_frames():
    try:
        CANARY_function()
    except ValueError as error:
        traceback.print_tb(error.__traceback__)

def printed_stack():
    traceback.print_stack()  # CANARY_comment

def hooked():
    try:
        CANARY_function()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
        sys.__excepthook__(type(error), error, error.__traceback__)

def stopped():
    breakpoint()  # CANARY_comment

def dumped():
    faulthandler.enable()
    faulthandler.dump_traceback()
    faulthandler.dump_traceback_later(0.01)
    time.sleep(0.05)

def crashed():
    faulthandler.enable()
    ctypes.string_at(0)

def broke_the_interpreter():
    ctypes.pythonapi.Py_FatalError(b"CANARY_fatal")

def aborted():
    os.abort()

def after_answer():
    def CANARY_later():
        time.sleep(0.005)
        CANARY_function()
    threading.Thread(target=CANARY_later).start()

def without_output():
    sys.stdout.close()
    sys.stderr.close()
    sys.stdout = sys.stderr = None
    warnings.warn("CANARY_warning")
    in_finalizer()
    CANARY_function()

def handle(event, context):
    return globals()[event.path.strip("/")]()
"""
FILES = {
    "__init__.py": "",
    "handler.py": HANDLER,
    "CANARY_file.py": CULPRIT,
    "CANARY_broken.py": "CANARY_token = = 1\n",
    "CANARY_syntax.py": "CANARY_is = 1 is 1\n",
}
CULPRITS = {"CANARY_function", "CANARY_file", "CANARY_message", "CANARY_constant", "CANARY_comment"}

# What is in the traces that a call leaves in the log, and the status of its answer.
CALLS: dict[str, tuple[int, set[str]]] = {
    "raised": (500, CULPRITS),
    "chained": (500, {*CULPRITS, "CANARY_key", "direct cause"}),
    "deep": (500, {"in deep", "RecursionError"}),
    "unspeakable": (500, {"CANARY_class"}),
    "exited": (500, {"SystemExit: CANARY_exit"}),
    "interrupted": (500, {"KeyboardInterrupt: CANARY_interrupt"}),
    "produced": (200, CULPRITS),
    "produced_at_once": (500, CULPRITS),
    "returned": (500, {"TypeError: handle returned SimpleNamespace"}),
    "signalled": (500, CULPRITS),
    "misspelled": (500, {"CANARY_broken", "CANARY_token", "SyntaxError"}),
    "lacking": (500, {"CANARY_no_such_module"}),
    "in_thread": (200, CULPRITS),
    "in_bare_thread": (200, CULPRITS),
    "in_timer": (200, CULPRITS),
    "in_pool_of_threads": (500, CULPRITS),
    "in_process": (200, CULPRITS),
    "in_pool_of_processes": (500, CULPRITS),
    "in_callback": (200, CULPRITS),
    "in_finalizer": (200, {*CULPRITS, "CANARY_class"}),
    "in_weak_reference": (200, CULPRITS),
    "in_generator": (200, {*CULPRITS, "CANARY_generator"}),
    "in_native_code": (200, CULPRITS),
    "in_task": (200, {*CULPRITS, "CANARY_task", "never retrieved"}),
    "in_loop": (200, CULPRITS),
    "unawaited": (200, {"CANARY_coroutine", "never awaited"}),
    "warned": (200, {"CANARY_warning", "CANARY_comment", "UserWarning"}),
    "warned_to_logging": (200, {"CANARY_warning", "CANARY_comment", "UserWarning"}),
    "warned_of_resources": (200, {"CANARY_open", "ResourceWarning"}),
    "warned_of_syntax": (200, {"CANARY_syntax", "CANARY_is", "SyntaxWarning"}),
    "logged": (200, CULPRITS),
    "logged_by_format": (200, CULPRITS),
    "logged_with_stack": (200, {"CANARY_comment", "in logged_with_stack"}),
    "logged_wrongly": (200, {"CANARY_argument", "CANARY_comment", "TypeError"}),
    "handled_wrongly": (200, {*CULPRITS, "CANARY_said"}),
    "printed": (200, CULPRITS),
    "printed_to_output": (200, CULPRITS),
    "printed_frames": (200, {"CANARY_function", "CANARY_file", "CANARY_comment"}),
    "printed_stack": (200, {"CANARY_comment", "in printed_stack"}),
    "hooked": (200, CULPRITS),
    "after_answer": (200, CULPRITS),
    "without_output": (500, {*CULPRITS, "CANARY_warning", "CANARY_class"}),
}
if sys.version_info >= (3, 11):
    CALLS["grouped"] = (500, {*CULPRITS, "CANARY_group"})
# Nothing can be sealed by a process that is dying, and nobody is there to debug.
SILENT = {
    "stopped": 200,
    "dumped": 200,
    "crashed": 502,
    "broke_the_interpreter": 502,
    "aborted": 502,
}

_TRACE = re.compile("fse1_[A-Za-z0-9_-]+")


class Canaries:
    """Names and texts that stand nowhere else, by the words that stand for them above."""

    def __init__(self) -> None:
        words = {word for text in FILES.values() for word in re.findall("CANARY_[a-z_]+", text)}
        self._values = {word: f"{word}_{secrets.token_hex(8)}" for word in words | {"CANARY_file"}}
        self.search = Search(dict(self._values))

    def plant(self, text: str) -> str:
        return re.sub("CANARY_[a-z_]+", lambda match: self._values[match[0]], text)


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module", params=["text", "json"])
def function(request: pytest.FixtureRequest, canaries: Canaries) -> Iterator[Function]:
    files = {canaries.plant(name): canaries.plant(text) for name, text in FILES.items()}
    with serve(files, seal_log=request.param) as function:
        yield function


@pytest.mark.parametrize("name", CALLS)
def test_the_log_has_a_sealed_trace_and_no_word_in_clear(
    function: Function, canaries: Canaries, name: str
) -> None:
    status, told = CALLS[name]
    wanted = {canaries.plant(word) for word in told}
    answer, written = call(function, name)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    opened = ""

    def is_told() -> bool:
        nonlocal opened
        traces = dict.fromkeys(_TRACE.findall(written()))
        opened = "\n".join(function.open_trace(trace) for trace in traces)
        return all(word in opened for word in wanted)

    wait_until(is_told, f"{wanted} in {opened}")
    assert_nothing_is_told(canaries, answer, written())
    if "Traceback" in opened:
        first_frame = opened.partition("Traceback (most recent call last):\n")[2].splitlines()[0]
        assert re.search(
            r'File "(/home/app/function/|/.*/concurrent/|/.*/multiprocessing/)', first_frame
        )
    # The same eyes would have seen it.
    assert canaries.search.in_bytes(opened.encode(), "the opened traces") or name in (
        "deep",
        "returned",
    )


@pytest.mark.parametrize("name", SILENT)
def test_where_nothing_can_be_sealed_nothing_is_written(
    function: Function, canaries: Canaries, name: str
) -> None:
    answer, written = call(function, name)
    assert answer.startswith(b"HTTP/1.1 %d " % SILENT[name])
    call(function, "stopped")
    assert_nothing_is_told(canaries, answer, written())
    assert not _TRACE.search(written())


def call(function: Function, name: str) -> tuple[bytes, Callable[[], str]]:
    """Call one of the acts; return all bytes of the answer, and what tells what is logged since."""
    begin = len(bytes(function.stdout)), len(bytes(function.stderr))
    with function.connect() as connection:
        connection.sendall(function.head(f"/{name}", headers=[("Connection", "close")]))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    def written() -> str:
        out, err = bytes(function.stdout)[begin[0] :], bytes(function.stderr)[begin[1] :]
        return (out + err).decode()

    return answer, written


def assert_nothing_is_told(canaries: Canaries, answer: bytes, log: str) -> None:
    assert not canaries.search.in_bytes(answer, "the answer")
    assert not canaries.search.in_bytes(log.encode(), "the log")
    for text in (log, answer.decode()):
        assert "/sealed/" not in text
        assert ".py" not in text
        assert not re.search(r"\bline \d", text)
    assert not re.search(r"\w(Error|Warning)\b", log)
