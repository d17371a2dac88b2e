"""What a seal takes along, from the command to what faas-cli builds and to an answer."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faas_seal.project.stackfile import StackFile
from faas_seal.project.watching import POLL_SECONDS, changes

from tests.command.cli.test_seal import TEMPLATE, names, opened
from tests.command.conftest import HANDLER, STACK, Run, start
from tests.support import PATIENCE

CANARY = "canary_7718_common"
COPY = "configuration:\n  # for all\n  copy:\n    - ./common   # ours\n    - data/rates.json\n"

needs_faas_cli = pytest.mark.skipif(not shutil.which("faas-cli"), reason="faas-cli is not on PATH")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def copying(project: Path) -> Path:
    """A project whose stack file copies a folder and a file into each function."""
    write(project / "common" / "__init__.py", f"X = '{CANARY}'\n")
    write(project / "data" / "rates.json", f'"{CANARY}"')
    write(project / "greet" / "handler.py", f"from .common import X\n{HANDLER}")
    write(project / "stack.yaml", STACK + COPY)
    return project


def built(project: Path, lang: str = "python3-encrypted") -> dict[str, bytes]:
    """Return what faas-cli puts into the build context of greet, by name."""
    template = project / "template" / lang
    if not template.exists():
        shutil.copytree(TEMPLATE, template)
    command = ["faas-cli", "build", "--shrinkwrap", "--yaml", "stack.yaml", "--filter", "greet"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    folder = project / "build" / "greet"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_the_stack_file_copies_is_sealed(copying: Path, run: Run) -> None:
    said = run("seal").stderr
    assert set(opened(copying)) == {
        "handler.py",
        "requirements.txt",
        "common/__init__.py",
        "data/rates.json",
    }
    assert "./common, data/rates.json: sealed with each function from now on" in said
    assert "warning" not in said
    text = (copying / "stack.yaml").read_text()
    assert text.endswith(COPY.replace("copy:", "x-faas-seal-copy:"))
    assert "unchanged" in run("seal").stdout
    write(copying / "common" / "__init__.py", "X = 2\n")
    assert "unchanged" not in run("seal").stdout
    assert opened(copying)["common/__init__.py"] == b"X = 2\n"
    run("test", "greet", status=2)  # it has no tests, and was understood


@needs_faas_cli
def test_it_is_sealed_where_python3_http_has_it_and_never_built_in_clear(
    copying: Path, run: Run
) -> None:
    shutil.copytree(TEMPLATE, copying / "template" / "plain")
    sealed_language = (copying / "stack.yaml").read_text()
    write(copying / "stack.yaml", sealed_language.replace("python3-encrypted", "plain"))
    baseline = built(copying, "plain")
    assert CANARY.encode() in baseline["function/common/__init__.py"]
    write(copying / "stack.yaml", sealed_language)
    run("seal", "--clean")
    for name, content in opened(copying).items():
        assert baseline[f"function/{name}"] == content
    files = built(copying)
    assert "function/function.sealed" in files
    assert not any(CANARY.encode() in content for content in files.values())
    assert not any("common" in name for name in files)


@needs_faas_cli
def test_a_build_folder_with_copies_in_clear_is_found(copying: Path, run: Run) -> None:
    run("seal")
    text = (copying / "stack.yaml").read_text()
    write(copying / "stack.yaml", text.replace("x-faas-seal-copy", "copy"))
    assert CANARY.encode() in b"".join(built(copying).values())
    said = run("seal", "--clean").stderr
    assert "build/greet holds the source" in said
    assert not (copying / "build" / "greet").exists()
    assert (copying / "stack.yaml").read_text() == text


@needs_faas_cli
def test_requirements_that_all_functions_share_are_no_copy_in_clear(
    project: Path, run: Run
) -> None:
    write(project / "requirements.txt", "flask\n")
    write(project / "stack.yaml", f"{STACK}configuration: {{copy: [./requirements.txt]}}\n")
    run("seal")
    assert (project / "sealed" / "greet" / "requirements.txt").read_text() == "flask\n"
    assert built(project)["function/requirements.txt"] == b"flask\n"
    assert "holds the source" not in run("seal").stderr


def test_a_list_that_is_there_again_is_added_to_the_sealed_one(copying: Path, run: Run) -> None:
    run("seal")
    stack = copying / "stack.yaml"
    write(copying / "more.txt", "more")
    stack.write_text(stack.read_text() + "  copy:\n    - more.txt\n    - ./common\n")
    run("seal")
    assert opened(copying)["more.txt"] == b"more"
    assert StackFile.load(stack).extra_paths == ()
    assert set(StackFile.load(stack).copied_paths) == {"more.txt", "./common", "data/rates.json"}


@pytest.mark.parametrize(
    "lists",
    [
        "configuration: {templates: [], copy: [./common, data/rates.json]}\n",
        "x-copy: &copy [./common, data/rates.json]\nconfiguration:\n  copy: *copy\n",
        'configuration:\n  "copy": [./common, "${DATA:-data}/rates.json"]\n',
    ],
)
def test_the_list_is_found_however_it_is_written(copying: Path, run: Run, lists: str) -> None:
    write(copying / "stack.yaml", STACK + lists)
    run("seal")
    assert {"common/__init__.py", "data/rates.json"} < set(opened(copying))
    assert StackFile.load(copying / "stack.yaml").extra_paths == ()


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("./missing", "does not exist"),
        ("../outside", "no file or folder inside"),
        (".", "no file or folder inside"),
        ("greet/..", "no file or folder inside"),
        ("./link", "a link that leads out of the project"),
        (".faas-seal", "holds keys"),
        ("./.secrets/greet-transport", "holds keys"),
    ],
)
def test_a_path_that_cannot_be_sealed_is_refused_by_name(
    copying: Path, run: Run, path: str, problem: str
) -> None:
    run("seal")
    (copying / "link").symlink_to(copying.parent)
    write(copying / "stack.yaml", f"{STACK}configuration:\n  copy: ['{path}']\n")
    refused = run("seal", status=1).stderr
    assert f"stack.yaml copies {path} into every function, and that" in refused
    assert problem in refused


def test_where_another_function_needs_the_copies_in_clear_the_hint_can_be_pasted(
    copying: Path, run: Run
) -> None:
    other = "  other:\n    lang: node20\n    handler: ./other\n    image: other\n"
    write(copying / "stack.yaml", STACK + other + COPY)
    before = (copying / "stack.yaml").read_text()
    refused = run("seal", status=1).stderr
    assert "puts ./common, data/rates.json into the build of every function in clear" in refused
    assert "and other needs that" in refused
    assert (copying / "stack.yaml").read_text() == before
    first, _, pasted = refused.partition("hint: ")[2].partition("\n")
    assert first == "move functions.greet to another stack file, and seal that:"
    write(copying / "sealed.yaml", pasted)
    run("seal", "--yaml", "sealed.yaml")
    assert "common/__init__.py" in opened(copying)
    write(copying / "stack.yaml", STACK + other + "    skip_build: true\n" + COPY)
    run("seal")


def test_up_takes_no_copies_in_clear(copying: Path, run: Run) -> None:
    for words in (["--copy-extra", "common"], ["--copy-extra=common"]):
        refused = run("up", *words, status=2).stderr
        assert "--copy-extra would put files into the build in clear" in refused
        assert "configuration.copy" in refused
    assert not (copying / "sealed").exists()


# Requirements.


def test_files_that_the_requirements_name_are_taken_along(project: Path, run: Run) -> None:
    write(project / "greet" / "requirements.txt", "-r base.txt\n-c pins.txt\n")
    write(project / "greet" / "base.txt", "flask\n")
    write(project / "greet" / "pins.txt", "flask>=3\n")
    run("seal")
    folder = project / "sealed" / "greet"
    assert names(folder) == {"function.sealed", "requirements.txt", "constraints.txt"}
    assert (folder / "requirements.txt").read_text().startswith("flask\n-c constraints.txt")
    assert (folder / "constraints.txt").read_text() == "flask>=3\n"
    write(project / "greet" / "base.txt", f"flask  # {CANARY}, which is not hidden\n")
    write(project / "greet" / "handler.py", f"{HANDLER}# {CANARY[::-1]}, which is\n")
    run("seal")
    run("scan", "sealed")
    write(project / "greet" / "base.txt", "flask\n")
    run("seal")
    assert "unchanged" in run("seal").stdout
    (folder / "constraints.txt").write_text("flask>=2\n")
    assert "unchanged" not in run("seal").stdout
    write(project / "greet" / "requirements.txt", "flask\n")
    run("seal")
    assert names(folder) == {"function.sealed", "requirements.txt"}


@needs_faas_cli
def test_they_are_in_the_build_context(project: Path, run: Run) -> None:
    write(project / "greet" / "requirements.txt", "-c pins.txt\nflask\n")
    write(project / "greet" / "pins.txt", "flask>=3\n")
    run("seal")
    files = built(project)
    ignored = files[".dockerignore"].decode().split()
    for name in ("requirements.txt", "constraints.txt"):
        assert f"function/{name}" in files
        assert f"!function/{name}" in ignored
    assert "flask==" not in files["function/requirements.txt"].decode()


def test_a_package_from_this_machine_is_refused_before_anything_is_written(
    project: Path, run: Run
) -> None:
    write(project / "greet" / "requirements.txt", "flask\n./wheels/mine-1-py3-none-any.whl\n")
    refused = run("seal", status=1).stderr
    assert "requirements.txt, line 2 takes a package from this machine: ./wheels/mine" in refused
    assert not (project / "sealed").exists()


def test_requirements_of_powershell_are_read(project: Path, run: Run) -> None:
    path = project / "greet" / "requirements.txt"
    path.write_bytes("flask==3.0.0\r\npandas\r\n".encode("utf-16"))
    write(project / "greet" / "handler.py", f"import pandas\n{HANDLER}")
    said = run("seal").stderr
    assert "requirements.txt lacks" not in said
    sealed = project / "sealed" / "greet" / "requirements.txt"
    assert sealed.read_bytes() == b"flask==3.0.0\r\npandas\r\n"


def test_requirements_that_sealignore_leaves_out_are_installed_all_the_same(
    project: Path, run: Run
) -> None:
    write(project / "greet" / ".sealignore", "*.txt\n")
    write(project / "greet" / "requirements.txt", "flask\n")
    run("seal")
    assert set(opened(project)) == {"handler.py"}
    assert (project / "sealed" / "greet" / "requirements.txt").read_text() == "flask\n"


# What the seal says.


def test_a_module_that_looks_like_a_test_is_taken_along_and_told_of(
    project: Path, run: Run
) -> None:
    write(project / "greet" / "ab_test.py", "def split(n): return n % 2\n")
    write(project / "greet" / "other_test.py", "")
    write(project / "greet" / "handler.py", f"from .ab_test import split\n{HANDLER}")
    result = run("seal")
    assert "note: greet: ab_test.py is sealed, too, because handler.py imports it" in result.stderr
    assert "left out other_test.py" in result.stdout
    assert "ab_test.py" in opened(project)
    said = json.loads(run("seal", "--json").stdout)["greet"]
    assert (said["taken_along"], said["left_out"]) == (["ab_test.py"], ["other_test.py"])


def test_a_module_that_is_imported_and_left_out_is_warned_of(project: Path, run: Run) -> None:
    write(project / "greet" / "rates.py", "")
    write(project / "greet" / ".sealignore", "rates.py\n")
    write(project / "greet" / "handler.py", f"from . import rates\n{HANDLER}")
    assert "greet is sealed without rates.py, which handler.py imports" in run("seal").stderr


def test_source_for_the_images_python_is_sealed_with_a_note(project: Path, run: Run) -> None:
    write(project / "greet" / "handler.py", f'{HANDLER}x = f"{{dict(a=1)["a"]}}"\n')
    image = "    build_args:\n      PYTHON_VERSION: '3.99'\n"
    write(project / "stack.yaml", STACK + image)
    write(project / "greet" / "model.py", "type X = int\ntry: pass\nexcept A, B: pass\n")
    said = run("seal").stderr
    assert "model.py is for Python 3.99, which the image has; Python 3." in said
    write(project / "stack.yaml", STACK + image.replace("3.99", "3.10"))
    assert "does not compile: line" in run("seal", status=1).stderr


def test_modules_that_the_images_python_lacks_are_warned_of(project: Path, run: Run) -> None:
    write(project / "greet" / "handler.py", f"import imp\n{HANDLER}")
    assert "greet imports imp, which Python 3.12 does not have" in run("seal").stderr


# Beside what faas-cli builds from a folder.


@needs_faas_cli
def test_all_that_python3_http_gets_is_sealed_or_said_to_be_left_out(
    project: Path, run: Run
) -> None:
    greet = project / "greet"
    for name in (
        *("model.py", "pkg/__init__.py", "data/rates.json", "static/app.js", ".hidden/x"),
        *("ab_test.py", "other_test.py", "tests/x.json", ".env", "._x", "build/x", "template/y"),
        *("pkg/template/page.html", "empty.txt", "deep/er/still/x", "é.txt", "a b.txt"),
    ):
        write(greet / name, "")
    write(greet / ".git", "gitdir: x\n")
    write(greet / "handler.py", f"from . import ab_test\n{HANDLER}")
    (greet / "link.json").symlink_to("data/rates.json")
    (greet / "linked").symlink_to("data")
    run("seal")
    left_out = json.loads(run("seal", "--json").stdout)["greet"]["left_out"]
    shutil.copytree(TEMPLATE, project / "template" / "plain")
    shutil.rmtree(project / "template" / "plain" / "function")
    source = STACK.replace("python3-encrypted", "plain")
    write(project / "stack.yaml", source)
    there = {
        name.removeprefix("function/")
        for name in built(project, "plain")
        if name.startswith("function/")
    }
    missing = there - set(opened(project))
    assert missing == {"other_test.py", "tests/x.json", ".env", "._x", ".git"}
    assert set(opened(project)) <= there
    assert set(left_out) == {"other_test.py", "tests/", ".env", "._x", "build/", "template/"}


def test_a_watch_sees_what_is_copied(copying: Path) -> None:
    file = copying / "data" / "rates.json"
    seen = changes([copying / "greet", file])
    with ThreadPoolExecutor(1) as pool:
        changed = pool.submit(next, seen)
        while not changed.done():
            file.write_text(file.read_text() + " ")
            time.sleep(POLL_SECONDS)


def test_tests_find_what_is_copied_and_taken_along(copying: Path) -> None:
    greet = copying / "greet"
    write(greet / "ab_test.py", "def split(n): return n % 2\n")
    write(
        greet / "handler.py",
        "from .ab_test import split\nfrom .common import X\n"
        "def handle(event, context): return f'{X} {split(3)}'\n",
    )
    write(
        greet / "handler_test.py",
        f"from .handler import handle\ndef test(): assert handle(0, 0) == '{CANARY} 1'\n",
    )
    write(copying / "common" / "common_test.py", "from . import X\ndef test(): assert X\n")
    with start("test", "greet") as process:
        output = b"".join(process.communicate(timeout=PATIENCE)).decode()
    assert process.returncode == 0, output
    assert "2 passed" in output
