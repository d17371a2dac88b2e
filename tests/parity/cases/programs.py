"""Handlers as programs: modules, files, state, the log, ends."""

from __future__ import annotations

from tests.parity.case import ONE, Case, Group, value

_PACKAGE = (
    "STANDARD",
    "function.rates.STANDARD",
    "[rates is function.rates, rates is importlib.import_module('.rates', __package__)]",
    "[Basket.rate, till.rate, till.Basket is Basket]",
    "lazily()",
    "importlib.import_module('function.late').LATE",
    "importlib.import_module('rates').STANDARD",
    "importlib.import_module('function.none')",
    "importlib.import_module('function.data').__name__",
    "importlib.reload(rates).STANDARD",
    "[__name__, __package__, main]",
    "__file__",
    "[Basket.__module__, Basket.__qualname__]",
    "'function.handler' in sys.modules",
    "inspect.getsource(lazily)",
    "pickle.loads(pickle.dumps(Basket)) is Basket",
    "[module.name for module in pkgutil.iter_modules(function.__path__)]",
    "read(os.path.join(FOLDER, 'data', 'rates.json'))",
    "Path(__file__).with_name('data').joinpath('rates.json').read_text()",
    "importlib.resources.files(__package__).joinpath('data/rates.json').read_text()",
    "pkgutil.get_data(__package__, 'data/rates.json').decode()",
    "read('function/data/rates.json')",
    "read('data/rates.json')",
    "read(os.path.join(FOLDER, 'none.json'))",
    "os.path.exists(os.path.join(FOLDER, 'data', 'rates.json'))",
    "os.listdir(os.path.join(FOLDER, 'data'))",
    "write(os.path.join(FOLDER, 'new.txt'))",
    "write(os.path.join(__import__('tempfile').mkdtemp(), 'new.txt'))",
)

_ONE = Case(ONE)
_THIRD = (Case("the third call on a connection", earlier=("/", "/")),)
# The state of modules is a process's: all calls come to one, as in python3-http.
_ONE_PROCESS = {"seal_workers": "1", "seal_linger": "60s"}
# An answer to the handler `background`, whose first request starts a thread.
_WORKED = Case("what a thread has done after the answer", target="/ask", earlier=("/start",))

_ONCE = (
    "executions",
    "count()",
    "isinstance(one, Money)",
    "type(pickle.loads(pickled)) is Money and Money.__module__",
    "json.dumps('patched')",
    "multiprocessing.get_start_method()",
    "cached() is first",
    "through_the_socket('ping')",
    "pool.submit(str, 5).result()",
    "[type(sys.stdout).__name__, sys.stdout.encoding, sys.stdout.closed]",
    "len(logging.getLogger('own').handlers)",
)
_CHANGED = (
    Case("what an earlier call has changed", earlier=("/change",)),
    Case("what an earlier call has changed before it failed", earlier=("/raise-in-the-middle",)),
    Case("after an alarm that was left", earlier=("/lose-the-alarm",)),
)

_SAID = (
    "by-print",
    "by-print-with-flush",
    "to-standard-error",
    "by-the-root-logger",
    "by-a-logger-of-its-own",
    "by-a-logger-set-to-info",
    "by-a-library-that-leaves-it-to-others",
    "by-a-handler-of-its-own",
    "configured-in-the-call",
    "with-a-traceback",
    "by-an-exception",
)

GROUPS = (
    Group(
        "Modules and files", "package", tuple(value(f"[{expression}]") for expression in _PACKAGE)
    ),
    Group("An `__init__.py` of its own", "own_init", (_ONE,)),
    Group("`import` of a module beside it", "sibling", (_ONE,)),
    Group("An exception when it is imported", "fails_at_import", (_ONE,)),
    Group("No function `handle`", "without_handle", (_ONE,)),
    Group("`def handle(event)`", "one_argument", (_ONE,)),
    Group("`async def handle`", "coroutine", (_ONE,)),
    Group("`async def handle`, with `yield`", "asynchronous_pieces", (_ONE,)),
    Group("`asyncio.run()`", "asyncio_run", (_ONE,)),
    Group("State of a module", "state", _THIRD, settings=_ONE_PROCESS),
    Group("Threads", "background", (_WORKED,), settings=_ONE_PROCESS),
    Group(
        "What a process does once",
        "once",
        tuple(value(expression, earlier=("/", "/")) for expression in _ONCE),
        settings=_ONE_PROCESS,
    ),
    Group("What a call leaves behind", "changes", _CHANGED, settings=_ONE_PROCESS),
    Group(
        "`requests`",
        "outgoing",
        (
            Case("GET", target="/ok?a=1&a=2"),
            Case("POST", method="POST", target="/ok", body="ünï".encode()),
            Case("an error of the service's", target="/missing"),
        ),
    ),
    Group("`sys.exit()`", "ends", (Case("sys.exit(3)", target="/exit"),)),
    Group("`os._exit()`", "ends", (Case("os._exit(3)", target="/_exit"),)),
    Group("The log", "output", tuple(Case(said, target=f"/{said}") for said in _SAID), log=True),
    Group("The log, configured by the handler", "configured_log", (_ONE,), log=True),
    Group("The log of Flask's application", "flask_log", (_ONE,), log=True),
)
