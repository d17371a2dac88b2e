"""Each request meets fresh modules, whatever an earlier one in its worker has done."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

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

# What one call does, before the next one comes to the same worker.
SCARS = {
    "nothing": "",
    "an error": "1 / 0",
    "an error while importing": "from . import broken",
    "no meta_path": "sys.meta_path.clear()",
    "another meta_path": "sys.meta_path = list(sys.meta_path)",
    "no modules": "[sys.modules.pop(name) for name in list(sys.modules) if 'function' in name]",
    "modules of its own": "sys.modules['function.counter'] = 5",
    "no standard output": "sys.stdout.close(); sys.stderr.close()",
    "other standard output": "import io; sys.stdout = sys.stderr = io.StringIO()",
    "missing standard output": "sys.stdout = sys.stderr = None",
    "another hook": "sys.excepthook = sys.unraisablehook = None",
}
SCARRED = """\
import os, sys

def handle(event, context):
    from . import counter
    counter.CALLS += 1
    if event.body:
        exec(event.body)
    print("printed")
    print("complained", file=sys.stderr)
    return [os.getpid(), counter.CALLS]
"""


@pytest.mark.parametrize(("isolation", "calls"), [("burst", [1, 1, 1]), ("warm", [1, 2, 3])])
def test_modules_are_executed_anew_unless_kept_warm(isolation: str, calls: list[int]) -> None:
    files = {"handler.py": COUNT, "counter.py": COUNTER}
    with serve(files, seal_isolation=isolation, seal_linger="5s", seal_warm_ttl="5s") as function:
        answers = [answer.json() for answer in ask(function, [b"", b"", b""])]
    assert len({pid for pid, *_ in answers}) == 1, "the test wants one worker"
    assert [count for _, count, *_ in answers] == calls
    for _, _, names, finders in answers:
        assert names == ["function", "function.counter", "function.handler"]
        assert finders == 1


def test_each_request_has_a_process_of_its_own_if_so_set() -> None:
    files = {"handler.py": COUNT, "counter.py": COUNTER}
    with serve(files, seal_isolation="request") as function:
        pids = {answer.json()[0] for answer in ask(function, [b"", b"", b""])}
    assert len(pids) == 3


@pytest.mark.parametrize("scar", SCARS.values(), ids=SCARS.keys())
def test_a_request_leaves_nothing_that_the_next_would_meet(scar: str) -> None:
    files = {"handler.py": SCARRED, "counter.py": COUNTER, "broken.py": "import none_such\n"}
    with serve(files, seal_linger="5s") as function:
        _, *rest = ask(function, [f"pid = os.getpid(); {scar}".encode(), b"", b""])
    (first, calls), (second, calls_again) = [answer.json() for answer in rest]
    assert (first, calls, calls_again) == (second, 1, 1)
    assert function.stdout.text.splitlines()[-2:] == ["printed", "printed"]
    assert function.stderr.text.splitlines()[-2:] == ["complained", "complained"]


LEAVES_A_THREAD = """\
import os, sys, threading, time
from . import counter

def import_after_the_answer():
    while "function" in sys.modules:
        time.sleep(0.001)
    try:
        import function.handler
    except ImportError:
        pass
    print("tried to import")
    from .counter import CALLS

def handle(event, context):
    if event.path == "/leave":
        threading.Thread(target=import_after_the_answer).start()
    counter.CALLS += 1
    return [os.getpid(), counter.CALLS]
"""


def test_a_thread_that_imports_after_the_answer_harms_nobody() -> None:
    files = {"__init__.py": "ITS_OWN = 1\n", "handler.py": LEAVES_A_THREAD, "counter.py": COUNTER}
    files["counter.py"] += "from . import ITS_OWN\n"
    with serve(files, seal_linger="5s") as function, function.connect() as connection:

        def call(path: str) -> list[int]:
            connection.sendall(function.head(path))
            answer: list[int] = read_answer(connection).json()
            return answer

        calls = [call("/leave")]
        function.stdout.wait_for("tried to import")
        function.stderr.wait_for("exception in a thread")
        calls += [call("/"), call("/")]
    assert len({pid for pid, _ in calls}) == 1, "the test wants one worker"
    assert [count for _, count in calls] == [1, 1, 1]


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
    logging.disable(logging.CRITICAL)
"""


def test_handlers_of_loggers_do_not_add_up() -> None:
    with serve({"handler.py": LOGGING}, seal_linger="5s") as function:
        ask(function, [b""] * 5)
    for said in ("said once", "said by a library"):
        assert function.stdout.text.splitlines().count(said) == 5
        assert function.stderr.text.splitlines().count(f"root {said}") == 5


def ask(function: Function, bodies: Iterable[bytes]) -> list[Answer]:
    """Send requests one after another on one connection."""
    answers = []
    with function.connect() as connection:
        for body in bodies:
            connection.sendall(function.head("/", "POST", body) + body)
            answers.append(read_answer(connection))
    return answers
