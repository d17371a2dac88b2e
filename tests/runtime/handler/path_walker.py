"""A program that walks random paths twice: as the kernel does, and as the folder's functions do.

python path_walker.py TEMPLATE SEED STEPS image|elsewhere

It needs an empty /home of its own. First the files lie in a real folder, and the kernel
answers. Then the bundle has them: in an `image` a folder with other files lies at the same place,
`elsewhere` there is no /home/app. It prints the answers that differ.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import sys
from collections.abc import Callable
from typing import Any

FILES = {
    "text.txt": b"text\n",
    "a b": b"",
    "data/leaf.txt": b"leaf",
    "data/deep/x": b"1234567",
    "function/function": b"again",
}
HOME = "/home/app"
ROOT = f"{HOME}/function"
LINKS = {
    "root": ROOT,
    "home": "../../home/app",
    "leaf": f"{ROOT}/data/leaf.txt",
    "data": "root/data",
    "none": f"{ROOT}/none",
    "up": "/home",
    "dangling": "nowhere",
    "loop": "loop",
}
STARTS = (
    *(f"{ROOT}/", f"{HOME}/", "/home/", "/", ROOT, HOME, "//home//app//function//"),
    *("", "", "function/", "./", "../", "/home/t/", "/home/t/root/", "/home/t/home/function/"),
    "/home/t/up/app/function/",
)
PARTS = (
    *("", "", ".", "..", "..", "home", "app", "function", "function", "data", "deep", "x"),
    *("text.txt", "leaf.txt", "a b", "none", "t", "etc", "passwd", *LINKS),
)
# What lies in /home for the walk itself.
BESIDE = ("app", "stand-in")
FOLDERS = (
    "/",
    HOME,
    HOME,
    ROOT,
    f"{ROOT}/data",
    f"{ROOT}/data/deep",
    "/home/t",
    "/home/t/function",
)


def make_files() -> None:
    for name, content in FILES.items():
        os.makedirs(os.path.dirname(f"{ROOT}/{name}"), exist_ok=True)
        with open(f"{ROOT}/{name}", "wb") as file:
            file.write(content)
    with open(f"{HOME}/index.py", "w") as file:
        file.write("beside")
    os.makedirs("/home/t/function")
    with open("/home/t/function/text.txt", "w") as file:
        file.write("other")
    for name, target in LINKS.items():
        os.symlink(target, f"/home/t/{name}")


def seal_files(template: str, at: str) -> None:
    """Take the real files away, and let the bundle have them."""
    shutil.rmtree(ROOT)
    if at == "image":
        os.mkdir(ROOT)
        with open(f"{ROOT}/function.sealed", "w") as file:
            file.write("sealed")
        os.chdir(HOME)
    else:
        os.rename(HOME, "/home/stand-in")
        os.chdir("/home/stand-in")
    sys.path.insert(0, template)
    from faas_sealed.runtime.handler import bundle_files

    bundle_files.install(1)
    bundle_files.show(FILES)


def kind(found: os.stat_result) -> tuple[int, int]:
    return stat.S_IFMT(found.st_mode), found.st_size if stat.S_ISREG(found.st_mode) else 0


def opened(path: Any) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def by_descriptor(path: Any) -> tuple[int, int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return kind(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def scanned(path: Any) -> list[tuple[Any, ...]]:
    return sorted(
        (each.name, each.path, each.is_dir(), each.is_file(), each.is_symlink())
        for each in os.scandir(path)
        if os.fsdecode(each.name) not in BESIDE
    )


def listed(path: Any) -> list[Any]:
    return sorted(n for n in os.listdir(path) if os.fsdecode(n) not in BESIDE)


CALLS: dict[str, Callable[[Any], Any]] = {
    "stat": lambda path: kind(os.stat(path)),
    "lstat": lambda path: kind(os.lstat(path)),
    "access": lambda path: [os.access(path, os.F_OK), os.access(path, os.R_OK)],
    "readlink": lambda path: os.readlink(path),  # looked up anew: it is replaced
    "realpath": os.path.realpath,
    "abspath": os.path.abspath,
    "listdir": listed,
    "scandir": scanned,
    "open": opened,
    "os.open": by_descriptor,
}


def answer(name: str, path: Any) -> Any:
    if name == "chdir":
        os.chdir(path)
        return os.getcwd()
    try:
        return CALLS[name](path)
    except OSError as error:
        return errno.errorcode[error.errno or 0], error.filename


def main(template: str, seed: str, steps: str, at: str) -> None:
    chance = random.Random(seed)
    walk: list[tuple[str, Any]] = []
    for number in range(int(steps)):
        if number % 50 == 0:
            walk.append(("chdir", chance.choice(FOLDERS)))
        parts = [chance.choice(PARTS) for _ in range(chance.randrange(6))]
        path: Any = chance.choice(STARTS) + "/".join(parts)
        walk.append((chance.choice(list(CALLS)), chance.choice([path, path, os.fsencode(path)])))
    make_files()
    of_kernel = [answer(*step) for step in walk]
    seal_files(template, at)
    ours = [answer(*step) for step in walk]
    folder = ""
    for (name, path), expected, found in zip(walk, of_kernel, ours, strict=True):
        folder = path if name == "chdir" else folder
        if expected != found:
            print(f"{name} {path!r} in {folder}: {expected!r}, and ours {found!r}")
    print(f"{sum(not isinstance(each, tuple) for each in of_kernel)} answers without an error")


if __name__ == "__main__":
    main(*sys.argv[1:])
