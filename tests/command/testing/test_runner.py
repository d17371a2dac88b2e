"""`faas-seal test` runs a function's tests on what would be sealed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution as distribution_of
from pathlib import Path

import pytest

from tests.command.conftest import start

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "function-samples"
TEMPLATE = ROOT / "template" / "python3-encrypted"
DATA = "Path(__file__).with_name('data.txt').read_text()"


def run_tests(*arguments: str) -> tuple[int, str]:
    with start("test", "greet", *arguments) as process:
        stdout, stderr = process.communicate(timeout=120)
    return process.returncode, (stdout + stderr).decode()


def write(project: Path, **files: str) -> None:
    for name, content in files.items():
        (project / "greet" / f"{name}.py").write_text(content)


def test_each_way_to_import_the_handler_means_the_sealed_one(project: Path) -> None:
    for number, module in enumerate((".handler", "function.handler", "handler")):
        test = f"from {module} import handle\n\n\ndef test_it():\n"
        test += "    assert handle.__globals__['__file__'] == '/home/app/function/handler.py'\n"
        test += "    assert handle(None, None)['body'] == 'hello'\n"
        write(project, **{f"way{number}_test": test})
    status, output = run_tests()
    assert status == 0, output
    assert "3 passed" in output


def test_a_failing_test_fails(project: Path) -> None:
    write(project, handler_test="def test_one():\n    assert 1 == 2\n")
    status, output = run_tests()
    assert (status, "1 failed" in output) == (1, True), output


def test_a_module_that_is_not_sealed_is_not_found(project: Path) -> None:
    write(
        project,
        handler="from .extra import word\n\n\ndef handle(event, context):\n    return word\n",
        extra="word = 'yes'\n",
        handler_test="from .handler import handle\n\n\ndef test_it():\n    assert handle(0, 0)\n",
    )
    assert run_tests()[0] == 0
    (project / "greet" / ".sealignore").write_text("extra.py\n*_test.py\n")
    status, output = run_tests()
    assert status == 1
    assert "No module named 'function.extra'" in output


def test_a_data_file_is_read_from_memory(project: Path) -> None:
    handler = f"from pathlib import Path\n\n\ndef handle(event, context):\n    return {DATA}\n"
    write(
        project,
        handler=handler,
        handler_test="from .handler import handle\n\n\ndef test_it():\n"
        "    assert handle(0, 0) == 'sealed'\n",
    )
    (project / "greet" / "data.txt").write_text("sealed")
    assert run_tests()[0] == 0


def test_other_arguments_are_pytests(project: Path) -> None:
    write(project, handler_test="def test_one(): pass\n\n\ndef test_two(): pass\n")
    status, output = run_tests("-k", "two", "-v")
    assert status == 0
    assert "test_two PASSED" in output
    assert "1 passed, 1 deselected" in output


def test_a_folder_of_tests_with_a_conftest_is_taken_too(project: Path) -> None:
    tests = project / "greet" / "tests"
    tests.mkdir()
    (tests / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef word():\n    return 'hello'\n"
    )
    (tests / "test_handler.py").write_text(
        "from function.handler import handle\n\n\ndef test_it(word):\n"
        "    assert handle(None, None)['body'] == word\n"
    )
    status, output = run_tests()
    assert status == 0, output


def test_tests_beside_a_module_of_a_subpackage_may_import_from_it(project: Path) -> None:
    package = project / "greet" / "prices"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "model.py").write_text("PRICE = 3\n")
    (package / "model_test.py").write_text(
        "from ..handler import handle\nfrom .model import PRICE\nfrom . import model\n\n\n"
        "def test_it():\n    assert handle and PRICE == 3\n"
        "    assert model.__file__ == '/home/app/function/prices/model.py'\n"
    )
    status, output = run_tests()
    assert status == 0, output
    assert "1 passed" in output


def test_tests_that_a_sealignore_does_not_leave_out_are_run_too(project: Path) -> None:
    (project / "greet" / ".sealignore").write_text("extra.py\n")
    write(
        project, handler_test="from .handler import handle\n\n\ndef test_it():\n    assert handle\n"
    )
    status, output = run_tests()
    assert status == 0, output
    assert "1 passed" in output


def test_a_place_that_pytest_names_chooses_tests(project: Path) -> None:
    write(project, handler_test="def test_one():\n    assert 0\n\n\ndef test_two(): pass\n")
    assert "FAILED function/handler_test.py::test_one" in run_tests()[1]
    status, output = run_tests("function/handler_test.py::test_two")
    assert status == 0
    assert "1 passed" in output


def test_tests_that_cannot_be_imported_fail(project: Path) -> None:
    write(project, handler_test="from .nowhere import word\n")
    status, output = run_tests()
    assert status == 1
    assert "No module named 'function.nowhere'" in output


def test_arguments_that_pytest_does_not_know_are_a_wrong_command_line(project: Path) -> None:
    write(project, handler_test="def test_one(): pass\n")
    assert run_tests("--nonsense")[0] == 2
    status, output = run_tests("-k", "nothing")
    assert status == 2
    assert "no test of greet was chosen" in output


def repack(distribution: str, folder: Path) -> None:
    """Make a wheel of an installed distribution, so that pip need not fetch one."""
    found = distribution_of(distribution)
    with zipfile.ZipFile(folder / f"{found.name}-{found.version}-py3-none-any.whl", "w") as wheel:
        for path in found.files or ():
            if ".." not in path.parts and path.suffix != ".pyc":
                wheel.write(str(found.locate_file(path)), str(path))


def test_a_function_with_requirements_has_pytest_beside_them(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = ["pytest", "pluggy", "iniconfig", "packaging", "pygments"]
    needed += ["exceptiongroup", "tomli", "typing_extensions"] if sys.version_info < (3, 11) else []
    for distribution in needed:
        repack(distribution, tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    template = project / "template" / TEMPLATE.name
    shutil.copytree(TEMPLATE, template)
    (template / "requirements.txt").write_text("")
    (project / "greet" / "requirements.txt").write_text("iniconfig\n")
    write(
        project,
        handler="import importlib.util\nimport iniconfig\n\n"
        "PYTEST = importlib.util.find_spec('pytest')\n\n\n"
        "def handle(event, context):\n    return iniconfig.__name__\n",
        handler_test="from .handler import PYTEST, handle\n\n\n"
        "def test_it():\n    assert handle(0, 0) == 'iniconfig'\n    assert PYTEST is None\n",
    )
    status, output = run_tests()
    assert status == 0, output
    assert "installing pytest" in output
    status, output = run_tests()
    assert status == 0, output
    assert "installing" not in output


def test_without_tests_it_says_what_to_write(project: Path) -> None:
    status, output = run_tests()
    assert status == 2
    assert "greet has no tests" in output
    assert "hint: write greet/handler_test.py" in output
    write(project, handler_test="")
    assert run_tests()[0] == 2


def test_a_python_without_pytest_is_named(project: Path) -> None:
    write(project, handler_test="def test_one(): pass\n")
    blocked = (
        "import sys; sys.modules['pytest'] = None; from faas_seal.testing import pytest_child; "
    )
    bare = subprocess.run(
        [sys.executable, "-c", blocked + "sys.exit(pytest_child.main('t', 't', []))"],
        check=False,
    )
    assert bare.returncode == 97


def test_the_tests_of_a_sample_pass(project: Path) -> None:
    shutil.rmtree(project / "greet")
    shutil.copytree(SAMPLES / "rules", project / "greet")
    status, output = run_tests()
    assert status == 0, output
