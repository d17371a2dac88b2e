"""The calls in a function's code that give the path of a sealed file to code that cannot open it.

The sealed files are in memory, where Python's functions find them. The kernel does not, and so
neither do child processes and libraries in C. The calls are found in syntax trees; nothing is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

FOLDER = "/home/app/function"
_COPY = "copy it to /tmp"
_CONTENT = "give it the content of the file"
# What is called by its full name, and what to do instead.
_CALLS = {
    "sqlite3.connect": f"{_COPY}, or deserialize() what open() reads",
    "dbm.open": _COPY,
    "shelve.open": _COPY,
    **dict.fromkeys(
        ("ctypes.CDLL", "ctypes.PyDLL", "ctypes.cdll.LoadLibrary"),
        "take libraries from requirements.txt or ADDITIONAL_PACKAGE",
    ),
    **dict.fromkeys(
        (
            *(f"subprocess.{name}" for name in ("Popen", "run", "call", "check_call")),
            *("subprocess.check_output", "subprocess.getoutput", "os.system", "os.popen"),
            *("os.execv", "os.execve", "os.execvp", "os.execl", "os.execlp", "os.posix_spawn"),
            *("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"),
        ),
        "give the process the content, as by stdin=open(…)",
    ),
    **dict.fromkeys(
        ("importlib.resources.path", "importlib.resources.as_file"), "use open() or read_bytes()"
    ),
    "cv2.imread": "use cv2.imdecode(numpy.fromfile(…), …)",
    **dict.fromkeys(("onnxruntime.InferenceSession", "fitz.open"), _CONTENT),
    **dict.fromkeys(
        (
            *("cv2.CascadeClassifier", "cv2.VideoCapture", "fasttext.load_model", "torch.jit.load"),
            *("tensorflow.saved_model.load", "geoip2.database.Reader", "maxminddb.open_database"),
            *("sentencepiece.SentencePieceProcessor", "tokenizers.Tokenizer.from_file"),
        ),
        _COPY,
    ),
}
_DEEPEST = 5


def kernel_paths(files: Mapping[str, object], modules: Mapping[str, ast.Module]) -> Iterator[str]:
    """Yield a line for each call that cannot work: where it stands, and what to do instead."""
    names = {PurePosixPath(name).name for name in files}
    for file, module in sorted(modules.items()):
        imported = dict(_imported(module))
        values = _values(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                called = _full_name(node.func, imported)
                if called in _CALLS and _names_a_file(node, values, names):
                    yield (
                        f"{file} line {node.lineno}: {called} does not find sealed files, "
                        f"which are in memory alone: {_CALLS[called]}"
                    )


def _imported(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that an import binds, with its full name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, imported: Mapping[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_full_name(node.value, imported)}.{node.attr}"
    return imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def _values(module: ast.Module) -> Mapping[str, ast.expr]:
    """Return what is assigned to simple names, anywhere in a module."""
    return {
        target.id: node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _names_a_file(call: ast.Call, values: Mapping[str, ast.expr], names: set[str]) -> bool:
    """Tell whether an argument says `__file__`, or the name of a sealed file."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(_says(argument, values, names, _DEEPEST) for argument in arguments)


def _says(node: ast.AST, values: Mapping[str, ast.expr], names: set[str], depth: int) -> bool:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            text = part.value  # a path, or a command with one
            if FOLDER in text or any(
                not path.startswith("/") and PurePosixPath(path).name in names
                for path in (text, *text.split())
            ):
                return True
        elif isinstance(part, ast.Name):
            if part.id == "__file__":
                return True
            if depth and part.id in values and _says(values[part.id], values, names, depth - 1):
                return True
    return False
