"""The function's folder in memory: its descriptors, its refusals, and what it leaves as it is.

tests/parity compares what can be read from it, and how, with the official template.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.handler.conftest import Evaluator
from tests.runtime.processes import (
    descriptors,
    only_root_may_look,
    wait_ended,
    workers,
    zygote,
)
from tests.support import INDEX, serve

CREATED = 1_700_000_000
FILES: dict[str, str | bytes] = {
    "handler.py": """\
import errno, fcntl, glob, io, mmap, multiprocessing, os, pathlib, shutil, stat, subprocess, sys
import tempfile, threading

HERE = os.path.dirname(__file__)
FILE = os.path.join(HERE, "text.txt")
DATA = os.path.join(HERE, "data")

def refused(call):
    try:
        return ["no error", str(call())]
    except OSError as error:
        return [errno.errorcode[error.errno], error.filename]

def inside(path, call):
    before = os.getcwd()
    os.chdir(path)
    try:
        return call()
    finally:
        os.chdir(before)

KEPT = []

def kept(file):
    KEPT.append(file)
    return file

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def in_child(call):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, str(call()).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    return os.read(reader, 4096).decode()

def value_of(expression):
    return eval(expression, globals())

def in_pool(expression):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(value_of, [expression])

def in_threads(call):
    found = []
    threads = [threading.Thread(target=lambda: found.append(call())) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return found

def handle(event, context):
    return {"body": [eval(event.body, globals())]}
""",
    "text.txt": "text\n",
    "data/leaf.txt": "leaf",
}


@pytest.fixture(scope="module")
def evaluate() -> Iterator[Evaluator]:
    with serve(FILES, created=CREATED) as function:
        yield Evaluator(function)


@pytest.mark.parametrize(
    "call",
    [
        "open(FILE, 'w')",
        "open(FILE, 'a')",
        "open(FILE, 'r+b')",
        "io.open(DATA + '/new', 'x')",
        "io.FileIO(FILE, 'w')",
        "io.FileIO(DATA + '/new', 'x')",
        "os.open(FILE, os.O_WRONLY)",
        "os.open(FILE, os.O_RDONLY | os.O_TRUNC)",
        "os.open(DATA + '/new', os.O_CREAT | os.O_RDWR)",
        "os.mkdir(DATA + '/new')",
        "os.makedirs(DATA + '/newer/new')",
        "os.mkfifo(DATA + '/new')",
        "os.mknod(DATA + '/new')",
        "os.unlink(FILE)",
        "os.remove(FILE)",
        "os.rmdir(DATA)",
        "os.rename(FILE, HERE + '/other')",
        "os.rename(FILE, '/tmp/other')",
        "os.replace(DATA, HERE + '/other')",
        "os.symlink('/tmp', DATA + '/new')",
        "os.chmod(FILE, 0o600)",
        "os.chown(FILE, 0, 0)",
        "os.lchown(FILE, 0, 0)",
        "os.utime(FILE)",
        "os.truncate(FILE, 0)",
        "os.setxattr(FILE, 'user.x', b'')",
        "pathlib.Path(FILE).write_text('x')",
        "pathlib.Path(FILE).touch()",
        "pathlib.Path(FILE).unlink()",
        "pathlib.Path(DATA).joinpath('new').mkdir(parents=True)",
        "pathlib.Path(FILE).rename('/tmp/other')",
        "pathlib.Path(FILE).chmod(0o600)",
        "shutil.rmtree(DATA)",
        "shutil.copy('/etc/passwd', FILE)",
        "shutil.move('/etc/passwd', FILE)",
        "tempfile.mkdtemp(dir=HERE)",
        "tempfile.NamedTemporaryFile(dir=HERE)",
        "inside(DATA, lambda: open('leaf.txt', 'w'))",
        "inside(DATA, lambda: os.mkdir('new'))",
        "os.unlink('leaf.txt', dir_fd=os.open(DATA, os.O_RDONLY))",
        "os.truncate('function/text.txt', 0)",
    ],
)
def test_writing_fails_as_on_a_file_system_that_can_only_be_read(
    evaluate: Evaluator, call: str
) -> None:
    [[error, filename]] = evaluate(f"refused(lambda: {call})").json()
    assert error == "EROFS"
    assert filename is not None


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("os.mkdir(DATA)", "EEXIST"),
        ("os.mkdir(HERE + '/none/new')", "ENOENT"),
        ("os.mkdir(FILE + '/new')", "ENOTDIR"),
        ("os.unlink(HERE + '/none')", "ENOENT"),
        ("os.rename(HERE + '/none', HERE + '/new')", "ENOENT"),
        ("os.link(FILE, '/tmp/other')", "EXDEV"),
        ("os.symlink('/tmp', FILE)", "EEXIST"),
        ("open(DATA, 'w')", "EISDIR"),
        ("open(FILE, 'x')", "EEXIST"),
        ("open(HERE + '/none', 'r+')", "ENOENT"),
    ],
)
def test_what_would_fail_in_any_folder_fails_for_the_same_reason(
    evaluate: Evaluator, call: str, error: str
) -> None:
    assert evaluate(f"refused(lambda: {call})[0]").json() == [error]


@pytest.mark.parametrize(
    "descriptor",
    [
        "os.open(FILE, os.O_RDONLY)",
        "kept(open(FILE)).fileno()",
        "os.dup(kept(open(FILE, 'rb', 0)).fileno())",
        "kept(io.FileIO(FILE)).fileno()",
        "os.open('text.txt', os.O_RDONLY, dir_fd=os.open(HERE, os.O_RDONLY))",
    ],
)
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("os.readlink(f'/proc/self/fd/{D}').partition('-file-')[0]", "/memfd:faas-seal"),
        ("fcntl.fcntl(D, 1034) & 15", 15),  # F_GET_SEALS: against every change
        ("fcntl.fcntl(D, fcntl.F_GETFL) & os.O_ACCMODE", os.O_RDONLY),
        ("os.get_inheritable(D)", False),
        ("os.read(D, 99).decode()", "text\n"),
        ("mmap.mmap(D, 0, access=mmap.ACCESS_READ)[:].decode()", "text\n"),
        ("mmap.mmap(D, 0, access=mmap.ACCESS_COPY)[:].decode()", "text\n"),
        ("refused(lambda: os.write(D, b'x'))[0]", "EBADF"),
        ("refused(lambda: mmap.mmap(D, 0, access=mmap.ACCESS_WRITE))[0]", "EACCES"),
        ("refused(lambda: os.ftruncate(D, 0))[0]", "EINVAL"),
        ("refused(lambda: open(f'/proc/self/fd/{D}', 'w'))[0]", "EPERM"),
        ("os.fstat(D) == os.stat(FILE)", True),
    ],
)
def test_a_descriptor_is_sealed_memory_that_can_only_be_read(
    evaluate: Evaluator, descriptor: str, expression: str, value: object
) -> None:
    assert evaluate(f"(lambda D: {expression})({descriptor})").json() == [value]


@pytest.mark.parametrize(
    "call",
    [
        "open(FILE).read()",
        "open(FILE, 'rb').peek()",
        "pathlib.Path(FILE).read_text()",
        "[os.stat(FILE), os.listdir(DATA), list(os.scandir(DATA)), list(os.walk(HERE))]",
        "glob.glob('function/**', recursive=True)",
    ],
)
def test_reading_alone_takes_no_descriptor(evaluate: Evaluator, call: str) -> None:
    expression = f"(lambda before, found: descriptors() - before)(descriptors(), {call})"
    assert evaluate(expression).json() == [0]


def test_descriptors_end_with_their_files(evaluate: Evaluator) -> None:
    read = "(lambda file: [file.fileno() > 2, file.close()])(open(FILE))"
    [[before, _, after]] = evaluate(f"[descriptors(), {read}, descriptors()]").json()
    assert before == after


def test_a_descriptor_has_the_lowest_number_that_is_free(evaluate: Evaluator) -> None:
    again = "(lambda number: [os.close(number), os.open(FILE, os.O_RDONLY) == number][1])"
    assert evaluate(f"{again}(os.open('/dev/null', os.O_RDONLY))").json() == [True]


@only_root_may_look
def test_descriptors_that_are_left_open_end_with_the_process() -> None:
    def left(pid: int) -> list[str]:
        return [target for target in descriptors(pid).values() if "faas-seal-file" in target]

    with serve(FILES, seal_linger="5s") as function:
        assert Evaluator(function)("os.open(FILE, os.O_RDONLY) > 2").json() == [True]
        [used] = [pid for pid in workers(function) if left(pid)]
        wait_ended(used)
        for pid in (function.process.pid, zygote(function), *workers(function)):
            assert left(pid) == []


def test_the_files_have_the_time_at_which_they_were_sealed(evaluate: Evaluator) -> None:
    times = "[os.stat(FILE).st_mtime, os.path.getctime(FILE), os.lstat(DATA).st_atime]"
    assert evaluate(times).json() == [[CREATED] * 3]


def test_files_of_the_folder_are_the_same_as_no_others(evaluate: Evaluator) -> None:
    numbers = "[(s.st_dev, s.st_ino) for s in map(os.stat, (HERE, FILE, DATA, DATA + '/leaf.txt'))]"
    assert evaluate(f"len({{*{numbers}}})").json() == [4]
    assert evaluate(
        "[os.path.samefile(FILE, INDEX), os.path.ismount(HERE)]".replace("INDEX", repr(str(INDEX)))
    ).json() == [[False, False]]


@pytest.mark.parametrize("call", ["open(FILE).read()", "sorted(os.listdir(HERE))", "os.getcwd()"])
def test_threads_and_children_find_the_folder(evaluate: Evaluator, call: str) -> None:
    expected = evaluate(call).json()[0]
    assert evaluate(f"in_child(lambda: {call})").json() == [str(expected)]
    assert evaluate(f"in_threads(lambda: {call})").json() == [[expected] * 8]
    assert evaluate(f"in_pool({call!r})").json() == [expected]


def test_a_process_that_is_started_in_the_folder_works_beside_it(evaluate: Evaluator) -> None:
    working = "subprocess.run(['pwd'], capture_output=True, text=True).stdout.strip()"
    assert evaluate(f"inside(DATA, lambda: {working})").json() == [str(Path.cwd())]


def test_a_child_reads_a_file_that_is_its_standard_input(evaluate: Evaluator) -> None:
    cat = "subprocess.run(['cat'], stdin=open(FILE), capture_output=True, text=True).stdout"
    assert evaluate(cat).json() == ["text\n"]


def test_where_there_is_no_home_the_folder_of_the_process_stands_for_it(
    evaluate: Evaluator,
) -> None:
    assert not Path("/home/app").exists(), "the test wants a machine without"
    listed = sorted([*os.listdir(), "function"])  # noqa: PTH208
    assert evaluate("[os.getcwd(), str(pathlib.Path.cwd())]").json() == [["/home/app"] * 2]
    for path in ("", "'.'", "'/home/app'", "os.getcwd()"):
        assert evaluate(f"sorted(os.listdir({path}))").json() == [listed]
    assert evaluate(
        "os.path.getsize('/home/app/Makefile') == os.path.getsize('Makefile')"
    ).json() == [True]
    assert evaluate("open(os.path.abspath('Makefile')).read(1)").json() == ["#"]
    assert evaluate("inside('/home/app', os.getcwd)").json() == ["/home/app"]
    assert evaluate("inside('/', lambda: os.path.exists('function'))").json() == [False]


def test_everything_else_is_as_ever(evaluate: Evaluator, tmp_path: Path) -> None:
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "text.txt").write_text("other")
    assert evaluate(f"open({str(tmp_path)!r} + '/function/text.txt').read()").json() == ["other"]
    assert evaluate(
        f"inside({str(tmp_path)!r}, lambda: [open('function/text.txt').read(), os.getcwd()])"
    ).json() == [["other", str(tmp_path)]]
    assert evaluate(
        f"os.rename({str(tmp_path)!r} + '/function', {str(tmp_path)!r} + '/f')"
    ).json() == [None]
    assert evaluate(f"os.stat({str(tmp_path)!r}).st_ino").json() == [tmp_path.stat().st_ino]
    assert evaluate(f"sorted(os.listdir({str(tmp_path)!r}))").json() == [["f"]]
    assert evaluate(f"open({str(tmp_path)!r} + '/new', 'w').write('new')").json() == [3]
    assert (tmp_path / "new").read_text() == "new"


PLAIN = """\
[
    f"{module.__name__}.{name}"
    for module in list(sys.modules.values())
    if module is not None and not module.__name__.startswith("faas_sealed.")
    for name, value in list(vars(module).items())
    if type(value) is type(len)
    and (value.__module__, value.__name__) in (
        ("posix", "stat"), ("posix", "open"), ("posix", "listdir"), ("posix", "scandir"),
        ("posix", "getcwd"), ("io", "open"), ("_io", "open"), ("_io", "open_code"),
    )
]
"""


def test_no_module_has_a_function_that_does_not_know_the_folder(evaluate: Evaluator) -> None:
    assert evaluate(PLAIN.replace("\n", " ")).json() == [[]]


EARLY = """\
import sys
import bz2, codecs, glob, gzip, importlib.metadata, io, linecache, lzma, os, pathlib, shutil
import tarfile, tempfile, tokenize, zipfile, zipimport
from glob import glob as find
from io import open as opens
from os import listdir, stat
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from faas_sealed.runtime.handler import bundle_files

bundle_files.install(1)
bundle_files.show({"text.txt": b"text", "text.bz2": bz2.compress(b"text")})
FILE = "/home/app/function/text.txt"
print(bz2.open("function/text.bz2").read(), tokenize.open(FILE).read(), opens(FILE).read())
print(listdir("function"), stat(FILE).st_size, find("function/*.txt"))
print(Path(FILE).read_text(), list(Path("function").glob("*.txt")), Path(FILE).exists())
print(tarfile.is_tarfile(FILE), zipfile.is_zipfile(FILE), linecache.getline(FILE, 1))
print(os.open in os.supports_dir_fd, os.stat in os.supports_follow_symlinks)
"""


def test_modules_that_had_been_loaded_before_find_the_files() -> None:
    template = INDEX.parent
    done = subprocess.run(
        [sys.executable, "-c", EARLY, str(template)], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "b'text' text text",
        "['text.txt', 'text.bz2'] 4 ['function/text.txt']",
        "text [PosixPath('function/text.txt')] True",
        "False False text",
        "",
        "True True",
    ]


# As in an image: a folder at the same place, with the sealed file in it.
IMAGE = """\
mount -t tmpfs none /home && mkdir -p /home/app/function && cd /home/app &&
echo sealed > function/function.sealed && echo > function/requirements.txt && exec "$@"
"""


def may_mount() -> bool:
    """Tell whether a process may have a /home of its own, and does without this one."""
    if any(str(path).startswith("/home/") for path in (INDEX, Path(sys.executable).resolve())):
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/home"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not may_mount(), reason="not run: only root may mount another /home")
def test_in_an_image_the_bundle_alone_is_seen_there() -> None:
    prefix = ["unshare", "--mount", "sh", "-c", IMAGE, "sh"]
    with serve(FILES, prefix=prefix) as function:
        evaluate = Evaluator(function)
        for path in ("HERE", "'function'", "HERE + '/.'", "'/proc/self/cwd/function'"):
            assert evaluate(f"sorted(os.listdir({path}))").json() == [
                ["__init__.py", "data", "handler.py", "text.txt"]
            ]
        link = "(lambda p: [os.symlink(HERE, p + '/x'), sorted(os.listdir(p + '/x')),"
        link += " open(p + '/x/text.txt').read(), inside(p + '/x', os.getcwd)])(tempfile.mkdtemp())"
        assert evaluate(link).json()[0][1:] == [
            ["__init__.py", "data", "handler.py", "text.txt"],
            "text\n",
            "/home/app/function",
        ]
        assert evaluate("os.path.exists(HERE + '/function.sealed')").json() == [False]
        assert evaluate("[os.getcwd(), os.listdir()]").json() == [["/home/app", ["function"]]]
        assert evaluate("[e.is_dir() for e in os.scandir()]").json() == [[True]]
        assert evaluate("[str(p) for p in pathlib.Path().rglob('leaf.txt')]").json() == [
            ["function/data/leaf.txt"]
        ]
        assert evaluate("refused(lambda: open(HERE + '/requirements.txt'))[0]").json() == ["ENOENT"]
        assert evaluate("refused(lambda: open('function/function.sealed', 'w'))[0]").json() == [
            "EROFS"
        ]
        assert evaluate("os.path.ismount(HERE)").json() == [False]


WALKER = 'mount -t tmpfs none /home && cd / && exec "$@"'


@pytest.mark.skipif(not may_mount(), reason="not run: only root may mount another /home")
@pytest.mark.parametrize("at", ["image", "elsewhere"])
@pytest.mark.parametrize("seed", range(3))
def test_paths_lead_where_the_kernel_would_go(at: str, seed: int) -> None:
    walker = Path(__file__).with_name("path_walker.py")
    command = ["unshare", "--mount", "sh", "-c", WALKER, "sh", sys.executable, str(walker)]
    done = subprocess.run(
        [*command, str(INDEX.parent), str(seed), "3000", at], capture_output=True, text=True
    )
    assert done.stderr == ""
    *differing, last = done.stdout.splitlines()
    assert differing == []
    assert int(last.split()[0]) > 500, "most paths lead nowhere"
