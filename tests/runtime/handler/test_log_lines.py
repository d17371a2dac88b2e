"""The lines that a handler prints: each arrives whole in the container's log."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from tests.support import Function, serve, wait_until

HANDLER = """\
import ctypes, logging, os, subprocess, sys, threading

def handle(event, context):
    exec(event.body, globals())
"""


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    # What one call configures, another would find in the same process.
    with serve({"handler.py": HANDLER}, seal_isolation="request") as function:
        yield function


def run(function: Function, code: str) -> None:
    answer = function.request(method="POST", body=code.encode(), headers=[("X-Call-Id", "call-1")])
    assert answer.status == 200, function.open_trace(answer.json()["trace"])


@pytest.mark.parametrize(
    ("code", "out", "err"),
    [
        ("print('a', 5, 'ü')", "a 5 ü\n", ""),
        ("print('a\\nb\\n\\nc')", "a\nb\n\nc\n", ""),
        ("print('no end', end='')", "no end\n", ""),
        ("print('to', 'error', file=sys.stderr)", "", "to error\n"),
        ("sys.stdout.write('half a '); sys.stdout.write('line\\n')", "half a line\n", ""),
        ("sys.stdout.write('not '); sys.stdout.flush(); print('yet')", "not yet\n", ""),
        ("sys.stdout.buffer.write(b'bytes'); sys.stdout.flush(); print()", "bytes\n", ""),
        ("sys.stdout.writelines(['a\\n', 'b'])", "a\nb\n", ""),
        ("print('x' * 100_000)", "x" * 100_000 + "\n", ""),
        ("sys.__stdout__.write('original')", "original\n", ""),
        ("os.write(1, b'direct\\n')", "direct\n", ""),
        ("os.write(2, b'direct\\n')", "", "direct\n"),
        ("subprocess.run(['echo', 'of a child'])", "of a child\n", ""),
        ("subprocess.run(['sh', '-c', 'echo of a child >&2'])", "", "of a child\n"),
        ("subprocess.run(['echo', 'redirected'], stdout=sys.stderr)", "", "redirected\n"),
        ("ctypes.CDLL(None).perror(b'of C')", "", "of C: Success\n"),
        ("print('\\udc80', file=sys.stderr)", "", "\\udc80\n"),
        ("logging.warning('ü %s', 1)", "", "WARNING:root:ü 1\n"),
        ("logging.getLogger('library').error('failed')", "", "ERROR:library:failed\n"),
        ("own = logging.getLogger('own'); own.setLevel('INFO'); own.info('said'); own.debug('not')",
         "", "INFO:own:said\n"),
        ("logging.getLogger('function.CANARY').error('failed')", "", "ERROR:function:failed\n"),
        ("logging.basicConfig(format='too late'); logging.error('failed')",
         "", "ERROR:root:failed\n"),
        ("logging.basicConfig(format='my %(message)s', force=True); logging.error('failed')",
         "", "my failed\n"),
        ("logging.lastResort.emit(logging.makeLogRecord({'msg': 'plain'}))", "", "plain\n"),
        ("logging.warning(type('Noisy', (), {'__str__': lambda _: str(logging.error('in'))})())",
         "", "ERROR:root:in\nWARNING:root:None\n"),
        ("threading.Thread(target=print, args=('of a thread',)).run()", "of a thread\n", ""),
        ("print([sys.stdout.fileno(), sys.stdout.isatty(), sys.stdout.name])",
         "[1, False, '<stdout>']\n", ""),
    ],
)  # fmt: skip
def test_what_is_written_arrives(function: Function, code: str, out: str, err: str) -> None:
    before = len(function.stdout.text), len(function.stderr.text)
    run(function, code)

    def written() -> tuple[str, str]:
        return function.stdout.text[before[0] :], function.stderr.text[before[1] :]

    wait_until(lambda: written() == (out, err), f"{code} to be in the log")


def test_bytes_arrive_as_they_are(function: Function) -> None:
    run(function, "sys.stdout.buffer.write(b'\\xff\\x00\\xfe|end of bytes\\n')")
    function.stdout.wait_for("end of bytes")
    assert b"\xff\x00\xfe|end of bytes\n" in bytes(function.stdout)


CHATTY = """\
import sys, threading

def handle(event, context):
    name, _, size = event.path.strip("/").partition("/")
    line = name + "-" * int(size) + name + "\\n"
    for _ in range(20):
        sys.stdout.write(line)
        sys.stderr.write(line)
    writers = [threading.Thread(target=sys.stdout.write, args=(line,)) for _ in range(5)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
"""


@pytest.mark.parametrize("isolation", ["request", "burst"])
def test_lines_of_workers_and_threads_are_never_mixed(isolation: str) -> None:
    sizes = [10, 4090, 5000, 100_000]
    calls = [(f"[{number}]", sizes[number % len(sizes)]) for number in range(24)]
    targets = [f"/{name}/{size}" for name, size in calls]
    with (
        serve({"handler.py": CHATTY}, seal_isolation=isolation, seal_workers=8) as function,
        ThreadPoolExecutor(8) as clients,
    ):
        assert {answer.status for answer in clients.map(function.request, targets)} == {200}
    for stream, times in ((function.stdout, 25), (function.stderr, 20)):
        expected = {f"{name}{'-' * size}{name}": times for name, size in calls}
        assert Counter(stream.text.splitlines()) == expected


def test_a_deadline_in_the_middle_of_a_line_leaves_the_log_to_others() -> None:
    """The lock of a process that is killed is given back."""
    source = """\
def handle(event, context):
    while event.path == "/forever":
        print("x" * 100_000)
    print("still heard")
"""
    with serve({"handler.py": source}, exec_timeout="1s") as function:
        assert function.request("/forever").status == 504
        assert function.request().status == 200
        function.stdout.wait_for("still heard\n")


JSON = """\
import logging, os, sys, threading, warnings

def handle(event, context):
    print("said")
    print("two\\nlines")
    print('quo"ted \\\\ \\t ü', file=sys.stderr)
    sys.stdout.buffer.write(b"\\xff\\n")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logger.log(level, "logged")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("failed")
    warnings.warn("mind")
    thread = threading.Thread(target=print, args=("in a thread",))
    thread.start()
    thread.join()
    print("x" * 100_000)
    print("no end", end="")

logger = logging.getLogger("mine")
logger.addHandler(logging.StreamHandler())
logger.setLevel(1)
logger.propagate = False
"""


def test_lines_can_be_json_with_time_level_and_call_id() -> None:
    began = datetime.now(timezone.utc)
    with serve({"handler.py": JSON}, seal_log="json") as function:
        answer = function.request(headers=[("X-Call-Id", "call-1")])
        assert answer.status == 200
    out = [json.loads(line) for line in function.stdout.text.splitlines()]
    err = [json.loads(line) for line in function.stderr.text.splitlines()]
    said = ["said", "two", "lines", "\ufffd", "in a thread", "x" * 100_000, "no end"]
    assert [(entry["level"], entry["message"]) for entry in out] == [
        ("info", each) for each in said
    ]
    sealed = re.compile("fse1_[A-Za-z0-9_-]+")
    assert [(entry["level"], sealed.sub("fse1_…", entry["message"])) for entry in err] == [
        ("error", 'quo"ted \\ \t ü'),
        *((level, "logged") for level in ("debug", "info", "warning", "error", "critical")),
        ("error", "failed"),
        ("error", "fse1_…"),
        ("warning", "faas-seal: warning call-1 fse1_…"),
    ]
    for entry in out + err:
        assert list(entry) == ["time", "level", "call_id", "message"]
        assert entry["call_id"] == "call-1"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"])
        written = datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))
        assert -1 < (written - began).total_seconds() < 60
