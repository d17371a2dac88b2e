"""A process executes the handler's modules once; its calls share what these hold and change."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.runtime.processes import wait_ended
from tests.runtime.wire import connected
from tests.support import Answer, Function, read_answer, serve

COUNT = """\
import os, sys
from . import counter

def handle(event, context):
    counter.CALLS += 1
    names = [name for name in sys.modules if name.partition(".")[0] == "function"]
    finders = [finder for finder in sys.meta_path if "faas_sealed" in type(finder).__module__]
    return [os.getpid(), counter.CALLS, sorted(names), len(finders)]
"""
COUNTER = "CALLS = 0\n"


def serve_in_one_process(files: Mapping[str, str | bytes]) -> AbstractContextManager[Function]:
    """Serve a handler whose calls all come to one process."""
    return serve(files, seal_workers=1, seal_linger="60s")


def ask(function: Function, bodies: Iterable[bytes]) -> list[Answer]:
    """Send requests one after another on one connection."""
    answers = []
    with function.connect() as connection:
        for body in bodies:
            connection.sendall(function.head("/", "POST", body) + body)
            answers.append(read_answer(connection))
    return answers


def test_a_process_executes_the_modules_once() -> None:
    with serve_in_one_process({"handler.py": COUNT, "counter.py": COUNTER}) as function:
        answers = [answer.json() for answer in ask(function, [b"", b"", b""])]
    assert len({pid for pid, *_ in answers}) == 1
    assert [calls for _, calls, *_ in answers] == [1, 2, 3]
    for _, _, names, finders in answers:
        assert names == ["function", "function.counter", "function.handler"]
        assert finders == 1


def test_each_request_has_a_process_and_modules_of_its_own_if_so_set() -> None:
    files = {"handler.py": COUNT, "counter.py": COUNTER}
    with serve(files, seal_isolation="request") as function:
        answers = [answer.json() for answer in ask(function, [b"", b"", b""])]
    assert len({pid for pid, *_ in answers}) == 3
    assert [calls for _, calls, *_ in answers] == [1, 1, 1]


# What a module of the handler may do once in a process, and fails or goes wrong at the second time.
ONCE = {
    "a start method": """\
import multiprocessing
multiprocessing.set_start_method("fork")

def handle(event, context):
    return multiprocessing.get_start_method()
""",
    "a registry that refuses duplicates": """\
import codecs, logging, sys, types

if not hasattr(sys, "registry"):
    sys.registry = {}

class Counter:
    def __init__(self, name):
        if name in sys.registry:
            raise ValueError(f"Duplicated timeseries: {name}")
        sys.registry[name] = self

CALLS = Counter("calls_total")

def handle(event, context):
    return ",".join(sys.registry)
""",
    "a registered class": """\
import json, sys

class Money:
    pass

if not hasattr(json, "money"):
    json.money = Money()

def handle(event, context):
    return str(isinstance(json.money, Money))
""",
    "a patched library": """\
import json
plain = json.dumps
json.dumps = lambda value: f"<{plain(value)}>"

def handle(event, context):
    return json.dumps(1)
""",
    "a hook of the process": """\
import os, sys
sys.addaudithook(lambda name, _: heard.append(name) if name == "tested" else None)
heard = []

def handle(event, context):
    heard.clear()
    sys.audit("tested")
    return str(len(heard))
""",
    "a cache": """\
import functools

@functools.lru_cache
def once():
    return object()

first = once()

def handle(event, context):
    return str(once() is first)
""",
    "an open connection": """\
import socket
ours, theirs = socket.socketpair()

def handle(event, context):
    ours.send(b"x")
    return theirs.recv(1)
""",
    "a pool of threads": """\
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)

def handle(event, context):
    return pool.submit(str, 5).result()
""",
    "a pool of processes": """\
from concurrent.futures import ProcessPoolExecutor
pool = ProcessPoolExecutor(1)

def double(x):
    return 2 * x

def handle(event, context):
    return str(pool.submit(double, 2).result())
""",
    "a class that is pickled": """\
import pickle

class Point:
    pass

kept = pickle.dumps(Point())

def handle(event, context):
    return f"{type(pickle.loads(kept)) is Point} {Point.__module__}"
""",
    "log handlers": """\
import io, logging
written = io.StringIO()
logging.getLogger("own").addHandler(logging.StreamHandler(written))

def handle(event, context):
    written.truncate(0)
    logging.getLogger("own").error("said")
    return str(written.getvalue().count("said"))
""",
}


@pytest.mark.parametrize("source", ONCE.values(), ids=ONCE.keys())
def test_what_a_module_does_once_in_a_process_it_does_once(source: str) -> None:
    with serve_in_one_process({"handler.py": source}) as function:
        answers = ask(function, [b""] * 4)
    assert [answer.status for answer in answers] == [200] * 4
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].text in {
        "fork", "calls_total", "True", "<1>", "1", "x", "5", "4", "True function.handler"
    }  # fmt: skip


GOES_ON = """\
import itertools, threading, time
steps = itertools.count()
stepped = []

def step():
    while True:
        stepped.append(next(steps))
        time.sleep(0.001)

threading.Thread(target=step).start()

def handle(event, context):
    return str(len(stepped))
"""


def test_a_thread_that_a_module_has_started_goes_on_in_later_calls() -> None:
    with serve_in_one_process({"handler.py": GOES_ON}) as function:
        counts = [int(ask(function, [b""])[0].text)]
        while counts[-1] < counts[0] + 5:
            counts += [int(answer.text) for answer in ask(function, [b"", b""])]
    assert counts == sorted(counts)


# What one call does, before the next one comes to the same worker.
SCARS = {
    "nothing": "",
    "an error": "1 / 0",
    "an error while importing": "from . import broken",
    "no meta_path": "sys.meta_path.clear()",
    "another meta_path": "sys.meta_path = list(sys.meta_path)",
    "no modules": "[sys.modules.pop(name) for name in list(sys.modules) if 'function' in name]",
    "an alarm": "import signal; signal.setitimer(signal.ITIMER_REAL, 0.01)",
    "another folder": "os.chdir('/')",
    "no standard output": "sys.stdout.close(); sys.stderr.close()",
    "no buffer of standard output": "sys.stdout.buffer.close(); sys.stderr.buffer.close()",
    "detached standard output": "sys.stdout.detach(); sys.stderr.detach()",
    "missing standard output": "sys.stdout = sys.stderr = None",
    "deleted standard output": "del sys.stdout, sys.stderr",
    "other standard output, closed": "import io\n"
    "sys.stdout = sys.stderr = io.StringIO(); sys.stdout.close()",
    "other standard output, detached": "import io\n"
    "sys.stdout = io.TextIOWrapper(io.BytesIO()); sys.stdout.detach()",
    "wrapped standard output": "import io\n"
    "for name in ('stdout', 'stderr'):\n"
    "    setattr(sys, name, io.TextIOWrapper(getattr(sys, name).buffer))",
    "another hook": "sys.excepthook = sys.unraisablehook = None",
}
SCARRED = """\
import os, sys

def handle(event, context):
    if event.body:
        exec(event.body)
    print("printed")
    print("complained", file=sys.stderr)
    return [os.getpid()]
"""


@pytest.mark.parametrize("scar", SCARS.values(), ids=SCARS.keys())
def test_what_one_call_has_broken_does_not_break_the_next(scar: str) -> None:
    files = {"handler.py": SCARRED, "broken.py": "import none_such\n"}
    with serve_in_one_process(files) as function:
        first, *rest = ask(function, [b"", scar.encode(), b"", b""])
    assert [answer.json() for answer in rest[1:]] == [first.json()] * 2
    assert function.stdout.text.splitlines()[-2:] == ["printed", "printed"]
    assert function.stderr.text.splitlines()[-2:] == ["complained", "complained"]


# Handlers that put a standard output of their own in place of Python's.
WRAPPERS = {
    "its buffer": "io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')",
    "its buffer, detached": "io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')",
    "a writer of codecs": "codecs.getwriter('utf-8')(sys.stdout.buffer)",
    "a writer of codecs, detached": "codecs.getwriter('utf-8')(sys.stdout.detach())",
    "its descriptor": "open(sys.stdout.fileno(), 'w', encoding='utf-8', closefd=False)",
    "its descriptor, to be closed": "os.fdopen(1, 'w', encoding='utf-8')",
    "write alone": "type('Tee', (), {'write': staticmethod(sys.stdout.write)})()",
}


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS.keys())
@pytest.mark.parametrize("when", ["when it is imported", "in the first call"])
def test_standard_output_of_the_handlers_own_stays_and_is_written_out(
    wrapper: str, when: str
) -> None:
    replace = f"    global own\n    own = sys.stdout = {wrapper}\n"
    source = f"import codecs, io, os, sys\nown = None\ndef replace():\n{replace}\n"
    source += "replace()\n" if when == "when it is imported" else ""
    source += "def handle(event, context):\n    own or replace()\n    print('grüße')\n"
    source += "    return str(sys.stdout is own)\n"
    with serve_in_one_process({"handler.py": source}) as function:
        for call in range(1, 5):
            assert ask(function, [b""])[0].text == "True"
            function.stdout.wait_for("grüße\n" * call)
    assert function.stdout.text == "grüße\n" * 4


def test_a_standard_output_that_each_call_wraps_again_works() -> None:
    source = (
        "import io, sys\n"
        "def handle(event, context):\n"
        "    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')\n"
        "    print('grüße')\n"
    )
    with serve_in_one_process({"handler.py": source}) as function:
        assert [answer.status for answer in ask(function, [b""] * 4)] == [200] * 4
    assert function.stdout.text == "grüße\n" * 4


CHANGES = """\
import logging, os, sys, warnings

def handle(event, context):
    before = [
        os.environ.get("OWN"), os.getcwd() == "/", "/own" in sys.path, sys.getrecursionlimit(),
        logging.getLogger("own").level, logging.root.manager.disable, len(logging.root.handlers),
        ("ignore", None, UserWarning, None, 0) in warnings.filters,
    ]
    os.environ["OWN"] = "x"
    os.chdir("/")
    sys.path.append("/own")
    sys.setrecursionlimit(1234)
    logging.getLogger("own").setLevel(5)
    logging.disable(7)
    logging.root.addHandler(logging.NullHandler())
    warnings.simplefilter("ignore", UserWarning)
    return before
"""


def test_what_one_call_changes_in_its_process_the_next_call_finds() -> None:
    with serve_in_one_process({"handler.py": CHANGES}) as function:
        _, second = ask(function, [b"", b""])
    assert second.json() == ["x", True, True, 1234, 5, 7, 2, True]


LOGGING = """\
import logging, sys

logging.basicConfig(level=logging.INFO, format="root %(message)s")
own = logging.getLogger("own")
own.addHandler(logging.StreamHandler(sys.stdout))
own.addFilter(lambda record: True)
logging.getLogger("library.part").addHandler(logging.StreamHandler(sys.stdout))
logging.getLogger("library").setLevel("ERROR")

def handle(event, context):
    own.info("said once")
    logging.getLogger("library.part").error("said by a library")
"""


def test_a_line_is_logged_as_often_as_it_is_said() -> None:
    with serve_in_one_process({"handler.py": LOGGING}) as function:
        ask(function, [b""] * 5)
    for said in ("said once", "said by a library"):
        assert function.stdout.text.splitlines().count(said) == 5
        assert function.stderr.text.splitlines().count(f"root {said}") == 5


@pytest.mark.parametrize("failure", ["raise LookupError('not yet')", "import sys; sys.exit(3)"])
def test_after_a_failed_import_the_next_call_starts_anew(tmp_path: Path, failure: str) -> None:
    note, mended = tmp_path / "pids", tmp_path / "mended"
    source = f"""\
import os
from pathlib import Path
with open({str(note)!r}, "a") as file:
    print(os.getpid(), file=file)
if not Path({str(mended)!r}).exists():
    {failure}

def handle(event, context):
    return [os.getpid()]
"""
    with serve_in_one_process({"handler.py": source}) as function:
        failed = ask(function, [b"", b""])
        assert [answer.status for answer in failed] == [500, 500]
        for answer in failed:
            trace = function.open_trace(answer.json()["trace"])
            assert "not yet" in trace or "SystemExit: 3" in trace
        mended.touch()
        used = ask(function, [b"", b""])
        pids = [int(line) for line in note.read_text().splitlines()]
        assert [answer.json() for answer in used] == [pids[2:]] * 2
        assert len(set(pids)) == 3
        wait_ended(*pids[:2])


def test_a_handler_can_be_called_although_its_package_was_removed() -> None:
    source = (
        "import sys\n"
        "def handle(event, context):\n"
        "    for name in list(sys.modules):\n"
        "        if name.partition('.')[0] == 'function':\n"
        "            del sys.modules[name]\n"
        "    from . import counter\n"
        "    return str(counter.CALLS)\n"
    )
    with serve_in_one_process({"handler.py": source, "counter.py": COUNTER}) as function:
        assert [answer.text for answer in ask(function, [b"", b""])] == ["0", "0"]


TIMEOUT = """\
import socket
socket.setdefaulttimeout(0.01)

def handle(event, context):
    return b"x" * 20_000_000
"""


def test_a_default_timeout_of_sockets_is_none_of_the_answers() -> None:
    with serve_in_one_process({"handler.py": TIMEOUT}) as function:
        for _ in range(3):
            with connected(function) as client:
                client.send(function.head())
                time.sleep(0.2)  # the answer lies in no buffer as a whole
                assert len(client.read().body) == 20_000_000
