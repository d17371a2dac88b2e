"""The differences: where our answers are not python3-http's, what they are, and why.

A case that is named here must differ, with exactly this outcome; no other case may differ.
"""

from __future__ import annotations

from tests.parity.case import ONE
from tests.parity.difference import (
    PROBLEM_HEADERS,
    Difference,
    answer,
    in_json,
    logged,
    problem,
    raised,
)
from tests.parity.outcome import SEALED_LINES, Outcome

_DATA = "/home/app/function/data"

DIFFERENCES = (
    Difference(
        "Exceptions are sealed",
        "If the handler raises an exception, or returns something of no known form, the answer is "
        "a problem document, whose trace only holders of a function key can open. python3-http "
        "answers with Flask's or waitress's page, and writes the traceback to the log in clear.",
        {
            "What is returned": {
                **raised(
                    "TypeError",
                    *("memoryview(b'ab')", "5", "1.5", "True", "object()", "{1}", "range(3)"),
                    *("[object()]", "()", "('x',)", "('x', 200, {}, 4)", "(None, 200)"),
                    *("(5, 200)", "iter([5])"),
                ),
                **raised("AttributeError", "('x', object())"),
                **raised("LookupError", "fail()", "pieces_then(fail)"),
            },
            "A dict": raised("TypeError", "{'body': {1: 2, 'a': 3}}", "{'body': {'x': object()}}"),
            "Status": {
                **raised("ValueError", "{'statusCode': '', 'body': 'x'}"),
                **raised("AttributeError", "{'statusCode': 201.0, 'body': 'x'}"),
            },
            "Headers of the answer": {
                **raised("UnicodeEncodeError", "{'body': 'x', 'headers': {'X-U': '\\u20ac'}}"),
                **raised(
                    "ValueError",
                    "{'body': 'x', 'headers': {'X-A': 'a\\nX-Injected: 1'}}",
                    "{'body': 'x', 'headers': {'X-A': 'a\\r\\n b'}}",
                    "{'body': 'x', 'headers': ['X-A']}",
                ),
                **raised("TypeError", "{'body': 'x', 'headers': 5}"),
            },
            "The event and its surroundings": {
                **raised("AttributeError", "event.user"),
                **raised("KeyError", "event.headers['X-None']"),
            },
            "`event.method`": {
                "HEAD, of an exception": {"status": 500, "headers": PROBLEM_HEADERS, "body": ""}
            },
            "Flask's answers": raised("RuntimeError", "flask.session.update(a=1)"),
            "Modules and files": {
                **raised(
                    "ModuleNotFoundError",
                    "[importlib.import_module('rates').STANDARD]",
                    "[importlib.import_module('function.none')]",
                ),
                **raised(
                    "FileNotFoundError",
                    "[read('data/rates.json')]",
                    "[read(os.path.join(FOLDER, 'none.json'))]",
                ),
            },
            "No function `handle`": raised("AttributeError", ONE),
            "`def handle(event)`": raised("TypeError", ONE),
            "The log": {
                "with-a-traceback": logged("ERROR:function:failed", "fse1_…"),
                "by-an-exception": problem(
                    500,
                    "handler-error",
                    raised="LookupError",
                    stdout=[],
                    stderr=["faas-seal: handler-error CALL fse1_…"],
                ),
            },
        },
    ),
    Difference(
        "A handler that ends the process",
        "python3-http leaves these callers without an answer, because a thread of the server ends, "
        "or the whole server. Here each call has a process that is watched.",
        {
            "What is returned": raised("KeyboardInterrupt", "exec('raise KeyboardInterrupt')"),
            "`sys.exit()`": raised("SystemExit", "sys.exit(3)"),
            "`os._exit()`": {"os._exit(3)": problem(502, "worker-died")},
        },
    ),
    Difference(
        "A handler that cannot be imported",
        "python3-http ends at the start, with the traceback in the log. Here nobody sees the "
        "handler before a call brings the key: the function starts, and each call is answered.",
        {
            "`import` of a module beside it": raised("ModuleNotFoundError", ONE),
            "An exception when it is imported": raised("LookupError", ONE),
        },
    ),
    Difference(
        "A `body` is sent, not its repr",
        "python3-http sends `str(body)` unless the body is a dict. Nobody can want that for bytes, "
        "a list or a generator. Here these are sent as bytes, as JSON and piece by piece.",
        {
            "A dict": {
                "{'body': [1, 2]}": in_json("[1,2]\n"),
                "{'body': []}": in_json("[]\n"),
                "{'body': Numbers(a=1)}": in_json('{"a":1}\n'),
                "{'body': b'text'}": answer("text"),
                "{'body': b'\\xff\\x00'}": {
                    "status": 200,
                    "headers": {"content-type": "text/html; charset=utf-8"},
                    "base64": "/wA=",
                },
                "{'body': b'\\x00', 'headers': {'Content-Type': 'image/png'}}": answer(
                    "\0", content_type="image/png"
                ),
                "{'body': b'\\x00', 'headers': {'Content-type': 'application/octet-stream'}}": (
                    answer("\0", content_type="application/octet-stream")
                ),
                "{'body': bytearray(b'ab')}": answer("ab"),
                "{'body': memoryview(b'ab')}": answer("ab"),
                "{'body': (c for c in 'abc')}": answer("abc"),
            }
        },
    ),
    Difference(
        "Headers that repeat",
        "If a header's value is a list, each item is sent as a header of its own. The headers of a "
        "JSON body may repeat, too. python3-http sends the list's repr, and only the last of "
        "several headers of a JSON body.",
        {
            "Headers of the answer": {
                "{'body': 'x', 'headers': {'Set-Cookie': ['a=1', 'b=2']}}": answer(
                    "x", set_cookie=["a=1", "b=2"]
                ),
                "{'body': 'x', 'headers': {'Set-Cookie': ('a=1', 'b=2')}}": answer(
                    "x", set_cookie=["a=1", "b=2"]
                ),
                "{'body': {}, 'headers': [('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')]}": in_json(
                    "{}\n", set_cookie=["a=1", "b=2"]
                ),
            }
        },
    ),
    Difference(
        "What HTTP does not allow is an error",
        "A status outside 200 to 599 is the handler's error, and so is a header with characters "
        "that are not allowed. python3-http sends them, and each receiver does what it likes.",
        {
            "Status": raised(
                "ValueError",
                "{'statusCode': 100}",
                "{'statusCode': 199, 'body': 'x'}",
                "{'statusCode': 600, 'body': 'x'}",
                "{'statusCode': 999, 'body': 'x'}",
                "{'statusCode': 99, 'body': 'x'}",
                "{'statusCode': 0, 'body': 'x'}",
                "{'statusCode': -1, 'body': 'x'}",
                "{'statusCode': 'abc', 'body': 'x'}",
                "{'statusCode': True, 'body': 'x'}",
            ),
            "Headers of the answer": raised(
                "ValueError",
                "{'body': 'x', 'headers': {'\\xdcn': '1'}}",
                "{'body': 'x', 'headers': {'X A': '1'}}",
                "{'body': 'x', 'headers': {'X-A:': '1'}}",
                "{'body': 'x', 'headers': {'': '1'}}",
                "{'body': 'x', 'headers': {'X-A': 'a\\0b'}}",
            ),
        },
    ),
    Difference(
        "Headers of the connection",
        "These headers are the server's business, and left out. In python3-http waitress answers "
        "500 if a handler sets one.",
        {
            "Headers of the answer": {
                "{'body': 'xyz', 'headers': {'Transfer-Encoding': 'gzip'}}": answer("xyz"),
                "{'body': 'xyz', 'headers': {'Connection': 'upgrade', 'Keep-Alive': '5'}}": (
                    answer("xyz")
                ),
            }
        },
    ),
    Difference(
        "The context has the token's id",
        "`context.token_id` tells a handler that a request came before. It is None for a raw key.",
        {
            "The event and its surroundings": {
                "[name for name in vars(context) if not name.startswith('_')]": in_json(
                    '["hostname","token_id"]\n'
                )
            }
        },
    ),
    Difference(
        "Every method and path reaches the handler",
        "In python3-http Flask answers OPTIONS, refuses unusual methods, and keeps `/static/` for "
        "itself. Here the runtime answers only a browser's preflight, which cannot bring a key.",
        {
            "`event.method`": {
                **{
                    method: answer(method, x_method=method)
                    for method in ("OPTIONS", "TRACE", "PROPFIND")
                },
                "OPTIONS, a browser's preflight": {
                    "status": 204,
                    "headers": {
                        "access-control-allow-headers": "x-function-key",
                        "access-control-allow-methods": "POST",
                        "access-control-allow-origin": "*",
                        "access-control-max-age": "600",
                        "vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
                    },
                    "body": "",
                },
            },
            "`event.path`": {"/static/x": in_json('["/static/x"]\n')},
        },
    ),
    Difference(
        "Headers of proxies, and long heads",
        "The gateway tells by whom and as what it was called. In python3-http waitress keeps this "
        "from the handler, and it takes 256 KiB of headers. Here it is 1 MiB, which gateway and "
        "watchdog take.",
        {
            "Headers of proxies, and long heads": {
                "[event.headers.get('X-Forwarded-For')]": in_json('["192.0.2.1"]\n'),
                "[event.headers.get('X-Forwarded-Host')]": in_json('["shop.example"]\n'),
                "[event.headers.get('X-Forwarded-Proto')]": in_json('["https"]\n'),
                "[event.headers.get('Forwarded')]": in_json('["for=192.0.2.1"]\n'),
                "300000 bytes": answer("300000"),
            }
        },
    ),
    Difference(
        "Malformed requests",
        "Malformed requests are refused with the same status, but with a problem document, like "
        "all errors of the runtime.",
        {
            "`event.method`": {"get": problem(400, "malformed-request")},
            "`event.query`": {"?a=ü": problem(400, "malformed-request")},
        },
    ),
    Difference(
        "`event.stream`",
        "`event` has one more attribute: the body as it arrives.",
        {
            "The event and its surroundings": {
                "[name for name in dir(event) if not name.startswith('_')]": in_json(
                    '["body","headers","method","path","query","stream"]\n'
                )
            }
        },
    ),
    Difference(
        "A call has the main thread",
        "A call has a process to itself for as long as it takes. So signals work, and so do "
        "libraries that want the main thread.",
        {
            "The event and its surroundings": {
                "[threading.current_thread() is threading.main_thread()]": in_json("[true]\n")
            }
        },
    ),
    Difference(
        "Coroutines are awaited",
        "`handle` may be a coroutine function or an asynchronous generator. python3-http fails "
        "with these.",
        {
            "What is returned": {"coroutine()": answer("")},
            "`async def handle`": {ONE: answer("x")},
            "`async def handle`, with `yield`": {ONE: answer("first second")},
        },
    ),
    Difference(
        "Flask's routes",
        "`flask.request` is Flask's, but no route has led to it: the runtime has no routes.",
        {
            "`flask.request`": {
                "[[request.endpoint, str(request.url_rule), request.view_args, "
                "request.blueprint]]": in_json('[[null,"None",null,null]]\n'),
                **raised(
                    "werkzeug.routing.exceptions.BuildError",
                    "[flask.url_for('call_handler', path='x')]",
                ),
            }
        },
    ),
    Difference(
        "The function's folder can only be read",
        "The files are in memory. In python3-http the folder belongs to the user of the process, "
        "as long as the root of the container can be written to. Write to `/tmp`.",
        {
            "Modules and files": raised("OSError", "[write(os.path.join(FOLDER, 'new.txt'))]"),
            "The folder: written to": {
                **{
                    f"fails(lambda: {call})": in_json(f'[["OSError", 30, "{path}"]]')
                    for call, path in (
                        ("open(p('text.txt'), 'w')", f"{_DATA}/text.txt"),
                        ("open(p('text.txt'), 'r+b')", f"{_DATA}/text.txt"),
                        ("open('function/data/new.txt', 'x')", "function/data/new.txt"),
                        ("Path(p('new.txt')).write_text('x')", f"{_DATA}/new.txt"),
                        ("os.mkdir(p('new'))", f"{_DATA}/new"),
                        ("os.makedirs(p('newer/new'))", f"{_DATA}/newer"),
                        ("os.remove(p('text.txt'))", f"{_DATA}/text.txt"),
                    )
                },
                "[os.access(p('text.txt'), os.W_OK), os.access(DATA, os.W_OK)]": in_json(
                    "[[false, false]]"
                ),
            },
        },
    ),
    Difference(
        "Code that opens a path in the kernel",
        "The files are never on a disk, and the kernel does not find them. Python's own functions "
        "do. Databases, child processes and C libraries get an error that says what to do.",
        {
            "The folder: opened by C code and child processes": {
                "answers(lambda: sqlite3.connect(p('table.db')).execute('select x from t')"
                ".fetchone())": in_json(
                    f'["OperationalError: {_DATA}/table.db is in memory alone: copy it to /tmp, or '
                    'deserialize() what open() reads"]'
                ),
                "answers(lambda: subprocess.check_output(['cat', p('text.txt')]).decode())": (
                    in_json(
                        f'["OSError: [Errno 95] {_DATA}/text.txt is in memory alone: hand over its '
                        'content, as by stdin=open(...)"]'
                    )
                ),
                "answers(lambda: subprocess.check_output(['cat', 'text.txt'], cwd=DATA)"
                ".decode())": in_json(
                    f'["OSError: [Errno 95] {_DATA} is in memory alone: no process can work '
                    'there, or write; choose /tmp"]'
                ),
                "answers(lambda: importlib.resources.path('function.data', 'text.txt').__enter__()"
                ".read_text())": in_json(
                    f'["OSError: [Errno 95] {_DATA}/text.txt is in memory alone: read it with '
                    'open() or read_bytes()"]'
                ),
            },
        },
    ),
    Difference(
        "What is printed is in the log at once",
        "In python3-http Python keeps what is printed until it has 8 KiB, and loses the rest when "
        "it ends.",
        {"The log": {"by-print": logged(stdout=("printed",))}},
    ),
    Difference(
        "Two paths are the runtime's",
        "`GET /.well-known/faas-seal` tells callers what the author has signed. `…/ready` tells "
        "the watchdog that requests may come. `seal_discovery: off` leaves the first to the "
        "handler.",
        {
            "`event.path`": {
                "/.well-known/faas-seal": {
                    "status": 200,
                    "headers": {
                        "cache-control": "no-store",
                        "content-type": "application/octet-stream",
                    },
                    "body": SEALED_LINES,
                }
            }
        },
    ),
    Difference(
        "Names of modules stay out of the log",
        "A logger usually has the name of its module. Here every name that begins with `function.` "
        "is written as `function`.",
        {
            "The log": {
                "by-a-logger-of-its-own": logged("ERROR:function:failed"),
                "by-a-logger-set-to-info": logged("INFO:function:informed"),
                "configured-in-the-call": logged("WARNING:function:warned"),
            }
        },
    ),
)


def listed() -> dict[tuple[str, str], tuple[int, Outcome]]:
    """Return, by group and case, the number of its difference (from 1) and our outcome."""
    return {
        (group, case): (number, outcome)
        for number, difference in enumerate(DIFFERENCES, 1)
        for group, cases in difference.ours.items()
        for case, outcome in cases.items()
    }
