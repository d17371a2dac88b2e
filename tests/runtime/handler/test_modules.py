"""The package `function`: imports, and what Python tells of its modules."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faas_sealed.runtime.handler.loader import Package, Program

from tests.runtime.handler.conftest import Evaluator
from tests.support import serve

FILES: dict[str, str | bytes] = {
    "__init__.py": "NAME = __name__\n",
    "handler.py": '''\
"""The handler's own docstring."""

import dataclasses, enum, importlib, inspect, pickle, pkgutil, sys, threading, typing
import function
import function.rates as rates_by_name
from function.rates import STANDARD
from . import rates
from .shop.basket import Basket
from .plain.corner import Corner
from .shop import turn

@dataclasses.dataclass
class Point:
    """A point."""
    x: int
    next: "Point | None" = None

class Color(enum.Enum):
    RED = 1

def double(x):
    return 2 * x

def lazily():
    from .late import LATE
    from function.late import LATE as again
    return [LATE, again, importlib.import_module(".late", __package__).LATE]

def in_thread(job):
    results = []
    thread = threading.Thread(target=lambda: results.append(job()))
    thread.start()
    thread.join()
    return results

def in_child(job, value):
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(job, [value])

def here():
    return inspect.stack()[1].function

def handle(event, context):
    return eval(event.body, globals())

if __name__ == "__main__":
    raise AssertionError("a handler is imported, not run")
''',
    "rates.py": "STANDARD = 7\n",
    "late.py": "LATE = 'late'\n",
    "shop/__init__.py": "from .basket import Basket\nfrom . import turn\n",
    "shop/basket.py": "from . import turn\n\nclass Basket:\n    rate = turn.STANDARD\n",
    "shop/turn.py": """\
from ..rates import STANDARD
from . import basket

def basket_of_the_turn():
    return basket.Basket
""",
    "plain/corner.py": "from ..rates import STANDARD\n\nclass Corner:\n    rate = STANDARD\n",
    "fails.py": "raise LookupError('at import')\n",
    "latin.py": "# coding: latin-1\nTEXT = 'é'\n".encode("latin-1"),
}  # fmt: skip


@pytest.fixture(scope="module")
def evaluate() -> Iterator[Evaluator]:
    with serve(FILES) as function:
        yield Evaluator(function)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[STANDARD, rates.STANDARD, rates_by_name.STANDARD, function.rates.STANDARD]", [7] * 4),
        ("function.NAME", "function"),
        ("[Basket.rate, turn.basket_of_the_turn() is Basket]", [7, True]),
        ("Corner.rate", 7),
        ("lazily()", ["late"] * 3),
        ("in_thread(lazily)", [["late"] * 3]),
        ("importlib.import_module('function.latin').TEXT", "é"),
        ("importlib.reload(rates).STANDARD", 7),
        ("importlib.import_module('runpy').run_module('function.late')['LATE']", "late"),
    ],
)
def test_imports_of_every_form_find_the_package(
    evaluate: Evaluator, expression: str, value: object
) -> None:
    assert evaluate(f"{{'body': [{expression}]}}").json() == [value]


@pytest.mark.parametrize("name", ["function.nothing", "function.rates.deeper", "rates", "handler"])
def test_what_is_not_in_the_package_is_not_found(evaluate: Evaluator, name: str) -> None:
    assert "ModuleNotFoundError" in evaluate.trace(f"importlib.import_module({name!r})")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("__name__", "function.handler"),
        ("__package__", "function"),
        ("__file__", "/home/app/function/handler.py"),
        ("__doc__", "The handler's own docstring."),
        ("[__spec__.name, __spec__.origin, __spec__.parent]",
         ["function.handler", "/home/app/function/handler.py", "function"]),
        ("__spec__.loader is __loader__", True),
        ("function.__file__", "/home/app/function/__init__.py"),
        ("function.__path__", ["/home/app/function"]),
        ("[hasattr(m, '__file__') for m in [importlib.import_module('function.plain')]]", [False]),
        ("importlib.util.find_spec('function.shop.turn').origin",
         "/home/app/function/shop/turn.py"),
        ("importlib.util.find_spec('function.nothing')", None),
        ("Basket.__module__", "function.shop.basket"),
        ("[each.name for each in pkgutil.iter_modules(function.__path__, 'x.')]",
         ["x.fails", "x.handler", "x.late", "x.latin", "x.rates", "x.shop"]),
        ("[each.name for each in pkgutil.walk_packages(function.shop.__path__, 'y.')]",
         ["y.basket", "y.turn"]),
        ("list(pkgutil.iter_modules([function.__file__]))", []),
        ("sorted(name for name in sys.modules if name.startswith('function.p'))",
         ["function.plain", "function.plain.corner"]),
    ],
)  # fmt: skip
def test_modules_know_where_they_are(evaluate: Evaluator, expression: str, value: object) -> None:
    assert evaluate(f"{{'body': [{expression}]}}").json() == [value]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inspect.getsource(double)", "def double(x):\n    return 2 * x\n"),
        ("inspect.getsource(Basket)", "class Basket:\n    rate = turn.STANDARD\n"),
        ("inspect.getsource(rates)", "STANDARD = 7\n"),
        ("inspect.getsource(Point).startswith('@dataclasses.dataclass\\nclass Point')", True),
        ("inspect.getfile(Basket)", "/home/app/function/shop/basket.py"),
        ("inspect.getdoc(Point)", "A point."),
        ("inspect.getmodule(double).__name__", "function.handler"),
        ("here()", "<module>"),
        ("str(typing.get_type_hints(Point)['next'])", "function.handler.Point | None"),
        ("pickle.loads(pickle.dumps(Point(1, Point(2)))) == Point(1, Point(2))", True),
        ("pickle.loads(pickle.dumps([double, Color.RED])) == [double, Color.RED]", True),
        ("dataclasses.asdict(Point(1))", {"x": 1, "next": None}),
        ("in_child(double, 4)", [8]),
    ],
)  # fmt: skip
def test_python_can_look_into_the_modules(
    evaluate: Evaluator, expression: str, value: object
) -> None:
    if "get_type_hints" in expression:
        value_of = evaluate(expression).text
        assert value_of in (value, f"typing.Optional[{str(value).removesuffix(' | None')}]")
    else:
        assert evaluate(f"{{'body': [{expression}]}}").json() == [value]


def test_an_exception_while_importing_names_its_line(evaluate: Evaluator) -> None:
    trace = evaluate.trace("importlib.import_module('function.fails')")
    assert '  File "/home/app/function/fails.py", line 1, in <module>\n' in trace
    assert "    raise LookupError('at import')\n" in trace


@pytest.mark.parametrize(
    ("broken", "said"),
    [("def f(:\n", "SyntaxError"), ("1 / 0\n", "ZeroDivisionError"), ("import none_such", "none")],
)
def test_a_trace_shows_nothing_of_how_modules_are_imported(broken: str, said: str) -> None:
    handler = (
        "try:\n    from .broken import x\n"
        "except BaseException as error:\n    raise LookupError('chained') from error\n"
    )
    with serve({"handler.py": handler, "broken.py": broken}) as function:
        trace = function.open_trace(function.request().json()["trace"])
    assert said in trace
    assert "chained" in trace
    files = re.findall(r'File "([^"]+)"', trace)
    assert set(files) == {"/home/app/function/handler.py", "/home/app/function/broken.py"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"handler.py": "def handel(event, context):\n    pass\n"}, "has no attribute 'handle'"),
        ({"handler.py": "handle = 5\n"}, "'int' object is not callable"),
        ({"handler.py": "def handle():\n    pass\n"}, "takes 0 positional arguments but 2"),
        ({"handler.py": "def handle(event, context)\n    pass\n"}, "SyntaxError: expected ':'"),
        ({"handler.py": "def handle(e, c):\n    return 'é'\n".encode("latin-1")}, "SyntaxError"),
        ({"handler.py": "null = '\0'\n"}, "null bytes"),
        ({"handler.py": "from .none import x\n"}, "No module named 'function.none'"),
        ({"handler.py": "1 / 0\n"}, "ZeroDivisionError"),
        ({"handler.py": "def handle(e, c):\n    handle(e, c)\n"}, "RecursionError"),
        ({"handler.py": "raise SystemExit('bye')\n"}, "SystemExit: bye"),
        ({"__init__.py": "raise LookupError\n", "handler.py": ""}, "LookupError"),
        ({"handler/__init__.py": "def handle(e, c):\n    1 / 0\n"}, "ZeroDivisionError"),
        ({"other.py": ""}, "No module named 'function.handler'"),
    ],
)
def test_a_handler_that_cannot_be_called_is_explained_in_its_trace_alone(
    files: dict[str, str | bytes], said: str
) -> None:
    with serve(files) as function:
        for _ in range(2):
            answer = function.request()
            document = answer.json()
            assert (answer.status, document["title"]) == (500, "The handler failed")
            assert said in function.open_trace(document["trace"])
            assert said not in answer.text
        function.stderr.wait_for("handler-error")
        assert said not in function.stderr.text


def test_a_package_can_be_unloaded_at_any_time() -> None:
    finders = list(sys.meta_path)
    never_loaded = Package(Program({"handler.py": b""}))
    never_loaded.unload()
    failing = Package(Program({"__init__.py": b"", "handler.py": b"1 / 0\n"}))
    with pytest.raises(ZeroDivisionError):
        failing.load()
    failing.unload()
    failing.unload()
    assert sys.meta_path == finders
    assert not [name for name in sys.modules if name.partition(".")[0] == "function"]


def test_libraries_of_the_handler_are_imported_once_in_the_zygote(tmp_path: Path) -> None:
    (tmp_path / "library_of_the_handler.py").write_text("import os\nPID = os.getpid()\n")
    source = (
        "import os, library_of_the_handler\n"
        "def handle(event, context):\n"
        "    return [library_of_the_handler.PID, os.getppid(), os.getpid()]\n"
    )
    with serve(
        {"handler.py": source},
        preload=["library_of_the_handler"],
        environ={"PYTHONPATH": str(tmp_path)},
        seal_isolation="request",
    ) as function:
        answers = [function.request().json() for _ in range(3)]
    assert {library for library, _, _ in answers} == {zygote for _, zygote, _ in answers}
    assert len({worker for _, _, worker in answers}) == 3
