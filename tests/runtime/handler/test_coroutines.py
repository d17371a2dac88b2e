"""Coroutines and asynchronous generators as handlers, on one event loop a process."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.runtime.wire import Cut, chunked, connected, reason
from tests.support import Answer, Function, serve, wait_until

HTML = "text/html; charset=utf-8"

ACTS = """\
import asyncio, contextlib, contextvars, functools, gc, json, os, signal, sys, threading, time

variable = contextvars.ContextVar("variable", default=0)

async def later(value=None):
    await asyncio.sleep(0.001)
    return value

async def fail():
    await asyncio.sleep(0)
    raise LookupError("no such thing")

async def pieces(*values):
    for value in values:
        await asyncio.sleep(0.001)
        yield value

async def pieces_then_fail(*values):
    for value in values:
        yield value
    await fail()

class Awaitable:
    def __init__(self, value):
        self.value = value
    def __await__(self):
        return later(self.value).__await__()

class Countdown:
    # An asynchronous iterator that is no generator.
    def __init__(self, count):
        self.count = count
    def __aiter__(self):
        return self
    async def __anext__(self):
        if not self.count:
            raise StopAsyncIteration
        self.count -= 1
        return str(await later(self.count))

class Called:
    async def __call__(self, event, context):
        return await later(event.method)

async def in_generator_with_context():
    variable.set(1)
    yield str(variable.get())
    variable.set(variable.get() + 1)
    yield str(variable.get())

async def in_generator_with_task_group():
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        task = group.create_task(later("b"))
        yield "a"
        yield await task

async def gathered():
    return "".join(await asyncio.gather(*map(later, "abc")))

async def of_a_thread():
    return await asyncio.to_thread(str, 5)

async def of_a_child():
    child = await asyncio.create_subprocess_exec("echo", "child", stdout=asyncio.subprocess.PIPE)
    written, _ = await child.communicate()
    return written + str(await child.wait()).encode()

async def signalled():
    loop, heard = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, heard.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await heard.wait()
    return str(loop.remove_signal_handler(signal.SIGUSR1))

async def runs_another():
    return asyncio.run(later())

async def runs_again():
    return asyncio.get_running_loop().run_until_complete(later())

async def stops():
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)

async def cancels_itself():
    asyncio.current_task().cancel()
    await asyncio.sleep(60)

async def groups():
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())

async def exits():
    sys.exit("bye")

async def of_the_body(event):
    return str(sum(len(piece) for piece in event.stream))

def handle(event, context):
    return eval(event.query["eval"], globals() | {"event": event, "context": context})
"""


class Actor:
    """A handler that answers with the value of an expression, mostly a coroutine."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, expression: str, **request: str) -> Answer:
        encoded = "".join(f"%{byte:02x}" for byte in expression.encode())
        return self.function.request(f"/?eval={encoded}", **request)  # type: ignore[arg-type]

    def trace(self, expression: str) -> str:
        """Return the opened trace of an expression whose answer is an error."""
        answer = self(expression)
        assert answer.status == 500, answer
        return self.function.open_trace(answer.json()["trace"])


@pytest.fixture(scope="module", params=["without Flask", "with Flask"])
def act(request: pytest.FixtureRequest) -> Iterator[Actor]:
    flask = request.param == "with Flask"
    source = ("import flask\n" if flask else "") + ACTS
    preload = ["asyncio", "flask"] if flask else ["asyncio"]
    with serve(
        {"handler.py": source}, preload=preload, seal_workers=1, seal_linger="60s"
    ) as served:
        yield Actor(served)


@pytest.mark.parametrize(
    ("expression", "status", "content_type", "body"),
    [
        ("later()", 200, HTML, b""),
        ("later('text')", 200, HTML, b"text"),
        ("later(b'bytes')", 200, HTML, b"bytes"),
        ("later({'body': {'a': 1}, 'statusCode': 201})", 201, "application/json", b'{"a":1}\n'),
        ("later(('x', 202, {'Content-Type': 'text/csv'}))", 202, "text/csv", b"x"),
        ("later([1])", 200, "application/json", b"[1]\n"),
        ("later(c for c in 'abc')", 200, HTML, b"abc"),
        ("Awaitable('x')", 200, HTML, b"x"),
        ("Called()(event, context)", 200, HTML, b"GET"),
        ("functools.partial(later)('x')", 200, HTML, b"x"),
        ("gathered()", 200, HTML, b"abc"),
        ("of_a_thread()", 200, HTML, b"5"),
        ("of_a_child()", 200, HTML, b"child\n0"),
        ("signalled()", 200, HTML, b"True"),
        ("asyncio.run(later('x'))", 200, HTML, b"x"),
        ("pieces()", 200, HTML, b""),
        ("pieces('a', b'b', 'ü')", 200, HTML, "abü".encode()),
        ("later(pieces('a', 'b'))", 200, HTML, b"ab"),
        ("{'body': pieces('a', 'b'), 'statusCode': 201}", 201, HTML, b"ab"),
        ("{'body': pieces('a'), 'headers': {'Content-Type': 'a/b'}}", 200, "a/b", b"a"),
        ("(pieces('a', 'b'), 202, {'Content-Type': 'a/b'})", 202, "a/b", b"ab"),
        ("(pieces('a'), 202)", 202, HTML, b"a"),
        ("later((pieces('a'), {'Content-Type': 'a/b'}))", 200, "a/b", b"a"),
        ("Countdown(3)", 200, HTML, b"210"),
        ("in_generator_with_context()", 200, HTML, b"12"),
    ],
)
def test_each_form_has_its_answer(
    act: Actor, expression: str, status: int, content_type: str, body: bytes
) -> None:
    for _ in range(2):  # in the same process
        answer = act(expression)
        assert (answer.status, answer.header("Content-Type"), answer.body) == (
            status,
            content_type,
            body,
        )


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no task groups")
def test_a_generator_may_yield_inside_a_task_group(act: Actor) -> None:
    assert act("in_generator_with_task_group()").text == "ab"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("fail()", "LookupError: no such thing"),
        ("pieces_then_fail()", "LookupError: no such thing"),
        ("later(fail())", "coroutine"),
        ("pieces(5)", "TypeError: the body yields int"),
        ("{'body': [pieces()]}", "TypeError: "),
        (
            "runs_another()",
            "RuntimeError: asyncio.run() cannot be called from a running event loop",
        ),
        ("runs_again()", "RuntimeError: This event loop is already running"),
        ("stops()", "RuntimeError: Event loop stopped before Future completed"),
        ("cancels_itself()", "CancelledError"),
        ("exits()", "SystemExit: bye"),
    ],
)
def test_what_goes_wrong_is_an_error_of_the_handler(act: Actor, expression: str, said: str) -> None:
    assert said in act.trace(expression)
    assert act("later('next')").text == "next"


def test_a_trace_begins_in_the_handler_and_goes_on_in_its_coroutines(act: Actor) -> None:
    lines = act.trace("fail()").splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "/home/app/function/handler.py", line ')
    assert lines[1].endswith(", in fail")
    assert lines[-1] == "LookupError: no such thing"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no exception groups")
def test_a_group_of_exceptions_is_in_the_trace(act: Actor) -> None:
    trace = act.trace("groups()")
    assert "unhandled errors in a TaskGroup" in trace
    assert "LookupError: no such thing" in trace


def test_a_generator_that_fails_later_cuts_the_answer_off_and_its_trace_is_sealed(
    act: Actor,
) -> None:
    with connected(act.function) as client:
        client.send(act.function.head("/?eval=pieces_then_fail('a')"))
        with pytest.raises(Cut) as cut:
            client.read()
    assert cut.value.body == b"a"
    *_, line = act.function.stderr.wait_for("handler-error").splitlines()
    assert "no such thing" in act.function.open_trace(line.rpartition(" ")[2])


def test_head_is_answered_without_the_body(act: Actor) -> None:
    answer = act("pieces_then_fail('a')", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_the_body_is_there_as_for_others(act: Actor) -> None:
    with connected(act.function) as client:
        head = act.function.head(
            "/?eval=of_the_body(event)", "POST", headers=[("Transfer-Encoding", "chunked")]
        )
        client.send(head + chunked([b"ab", b"cde"]))
        assert client.read().text == "5"


ASYNCHRONOUS = """\
import asyncio, os, threading
from pathlib import Path

lock = asyncio.Lock()
loops, seen, tasks = set(), [], []
connection = None

async def ask(port):
    global connection
    if connection is None:
        connection = await asyncio.open_connection("127.0.0.1", port)
    reader, writer = connection
    writer.write(b"said\\n")
    return await reader.readline()

async def background():
    while True:
        seen.append(len(seen))
        await asyncio.sleep(0)

async def wait_for(path):
    while not Path(path).exists():
        await asyncio.sleep(0.005)

async def handle(event, context):
    loops.add(asyncio.get_running_loop())
    match event.path:
        case "/loops":
            async with lock:
                return str(len(loops))
        case "/ask":
            return await ask(int(event.query["port"]))
        case "/start":
            tasks.append(asyncio.create_task(background()))
        case "/seen":
            return str(len(seen))
        case "/close":
            loop = asyncio.get_running_loop()
            def close():
                while loop.is_running():
                    pass
                loop.close()
            threading.Thread(target=close).start()
        case "/wait":
            await wait_for(event.query["path"])
        case "/sleep":
            await asyncio.sleep(60)
        case "/spin":
            while True:
                await asyncio.sleep(0)
"""


@pytest.fixture
def function() -> Iterator[Function]:
    with serve(
        {"handler.py": ASYNCHRONOUS},
        preload=["asyncio"],
        seal_workers=1,
        seal_linger="60s",
        exec_timeout="2s",
    ) as function:
        yield function


def test_all_calls_of_a_process_have_one_event_loop(function: Function) -> None:
    assert [function.request("/loops").text for _ in range(3)] == ["1"] * 3


def test_a_connection_that_one_call_has_opened_serves_the_next(function: Function) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        with connected(function) as client:
            client.send(function.head(f"/ask?port={port}"))
            peer, _ = server.accept()
            with peer:
                for _ in range(3):
                    assert peer.recv(100) == b"said\n"
                    peer.send(b"heard\n")
                    assert client.read().body == b"heard\n"
                    client.send(function.head(f"/ask?port={port}"))
                assert peer.recv(100) == b"said\n"
                peer.send(b"heard\n")
                assert client.read().body == b"heard\n"


def test_what_is_pending_goes_on_at_the_next_call_and_not_before(
    function: Function, tmp_path: Path
) -> None:
    function.request("/start")
    first = int(function.request("/seen").text)
    second = int(function.request("/seen").text)
    assert first <= second <= first + 3
    (tmp_path / "there").touch()
    function.request(f"/wait?path={tmp_path}/there")
    with connected(function) as client:
        client.send(function.head(f"/wait?path={tmp_path}/later"))
        client.wait_taken()
        (tmp_path / "later").touch()
        assert client.read().status == 200
    assert int(function.request("/seen").text) > second


def test_a_loop_that_was_closed_is_replaced(function: Function) -> None:
    assert function.request("/close").status == 200
    wait_until(lambda: function.request("/loops").text == "2", "there is another loop")


@pytest.mark.parametrize("path", ["/sleep", "/spin"])
def test_a_coroutine_has_the_same_deadline(function: Function, path: str) -> None:
    answer = function.request(path)
    assert (answer.status, reason(answer)) == (504, "deadline")
    assert function.request("/loops").status == 200


STREAMING = """\
import asyncio
from pathlib import Path

async def wait_for(path):
    while not Path(path).exists():
        await asyncio.sleep(0.005)

async def handle(event, context):
    try:
        yield "first"
        await wait_for(event.query["path"])
        for _ in range(1000):
            yield "second" * 1000
    finally:
        await asyncio.sleep(0.01)
        print("cleaned up")
"""


def test_a_piece_is_sent_before_the_next_is_produced(tmp_path: Path) -> None:
    with serve({"handler.py": STREAMING}) as function, connected(function) as client:
        client.send(function.head(f"/?path={tmp_path}/there"))
        pieces = client.pieces()
        assert next(pieces) == b"first"
        (tmp_path / "there").touch()
        assert len(list(pieces)) == 1000
        function.stdout.wait_for("cleaned up")


def test_a_generator_is_ended_when_its_caller_has_gone(tmp_path: Path) -> None:
    with serve({"handler.py": STREAMING}) as function:
        with connected(function) as client:
            client.send(function.head(f"/?path={tmp_path}/there"))
            assert next(client.pieces()) == b"first"
            client.reset()
        (tmp_path / "there").touch()
        function.stdout.wait_for("cleaned up")
        assert "exception" not in function.stderr.text


BOUND = """\
import asyncio, warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        loop = asyncio.get_event_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
future = loop.create_future()

async def handle(event, context):
    loop.call_soon(future.set_result, "of the module's loop") if not future.done() else None
    return await future
"""


def test_the_loop_that_a_module_has_made_is_the_loop_of_the_process() -> None:
    with serve({"handler.py": BOUND}) as function:
        assert function.request().text == "of the module's loop"


IN_FLASK = """\
import asyncio, flask

async def handle(event, context):
    await asyncio.sleep(0)
    if flask.request.path == "/abort":
        flask.abort(418)
    names = await asyncio.gather(name(), asyncio.create_task(name()))
    return flask.jsonify(names), 201

async def name():
    await asyncio.sleep(0)
    return flask.request.args["name"]
"""


def test_flasks_request_and_abort_work_in_coroutines() -> None:
    with serve({"handler.py": IN_FLASK}, preload=["asyncio", "flask"]) as function:
        answer = function.request("/?name=Ada")
        assert (answer.status, answer.json()) == (201, ["Ada", "Ada"])
        assert function.request("/abort").status == 418


IMPORTED = """\
import os, sys
BEFORE = "asyncio" in sys.modules

def handle(event, context):
    return [BEFORE, "asyncio" in sys.modules]
"""


def test_asyncio_is_imported_only_for_handlers_that_want_it() -> None:
    with serve({"handler.py": IMPORTED}) as function:
        assert function.request().json() == [False, False]
    with serve({"handler.py": IMPORTED}, preload=["asyncio"]) as function:
        assert function.request().json() == [True, True]
