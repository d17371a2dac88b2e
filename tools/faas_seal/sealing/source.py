"""A function's source: the files to seal, checked, with each module parsed once."""

from __future__ import annotations

import ast
import mmap
import platform
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pathspec
from faas_sealed.formats import bundle
from faas_sealed.formats.errors import MalformedBundle, MalformedKey
from faas_sealed.formats.keys import (
    AUTHOR_SEED,
    FUNCTION_KEY,
    IDENTITY_SEED,
    SESSION,
    TRANSPORT_SEED,
    TextForm,
)

from faas_seal.errors import SourceRefused
from faas_seal.project.source_folder import REQUIREMENTS
from faas_seal.sealing.imports import libraries, own_modules

IGNORE_FILE = ".sealignore"
_HANDLER = "handler.py"

# Patterns in the syntax of .gitignore. A `.sealignore` takes their place.
DEFAULT_IGNORED = """\
tests/
test/
test_*.py
*_test.py
conftest.py
tox.ini
.tox/
.nox/
.coverage
htmlcov/
*.py[cod]
*.egg-info/
.*_cache/
.venv/
venv/
node_modules/
.idea/
.vscode/
.DS_Store
.hg/
.svn/
.gitignore
.gitattributes
.github/
.env
.env.*
*.key
id_rsa
id_ed25519
"""

# Left out whatever a `.sealignore` says, and not mentioned.
_NEVER_SEALED = pathspec.GitIgnoreSpec.from_lines(
    [".git/", "__pycache__/", ".faas-seal/", ".secrets/", IGNORE_FILE]
)

SECRET_FORMS = (FUNCTION_KEY, AUTHOR_SEED, TRANSPORT_SEED, IDENTITY_SEED, SESSION)
_SECRET = re.compile(rb"fs[katis]1_[A-Za-z0-9_-]{48}")
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")


@dataclass(frozen=True)
class Source:
    """The files to seal, by relative name, and the names of those that are left out.

    `modules` are the syntax trees of all files in Python. A folder that is left out as a
    whole is named once, with a slash at its end.
    """

    files: Mapping[str, bytes] = field(repr=False)
    modules: Mapping[str, ast.Module] = field(repr=False)
    left_out: tuple[str, ...] = ()

    @cached_property
    def bundle(self) -> bytes:
        """All files as one bundle, to be encrypted. Raises SourceRefused for a bad name or size."""
        try:
            return bundle.pack(self.files)
        except MalformedBundle as error:
            raise SourceRefused(
                f"the source cannot be sealed: {error}",
                hint=f"leave files out with {IGNORE_FILE}",
            ) from None

    @property
    def requirements(self) -> bytes:
        """The content of requirements.txt, or b"" if there is no such file."""
        return self.files.get(REQUIREMENTS, b"")

    @cached_property
    def libraries(self) -> tuple[str, ...]:
        """The libraries that the code imports. The header names them, to be preloaded."""
        return libraries(self.files, self.modules.values())

    @cached_property
    def own_modules(self) -> tuple[str, ...]:
        """The function's own modules that its code imports as if they were libraries."""
        return own_modules(self.modules)


def read_source(folder: Path) -> Source:
    """Read the files of a source folder that are to be sealed.

    Raises SourceRefused for a folder without a usable handler.py, for a link that leads
    out of it, for anything but files and folders, and for files that hold a secret key.
    """
    if not folder.is_dir():
        raise SourceRefused(
            f"there is no source folder {folder}", hint="name the folder that holds handler.py"
        )
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    root = folder.resolve()
    for name, path in _entries(folder, folder, _ignored(folder), left_out):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise SourceRefused(
                f"{path} is a link that leads out of {folder}",
                hint=f"copy the file there, or name it in {folder / IGNORE_FILE}",
            )
        if path.is_dir() or not path.is_file():
            raise SourceRefused(
                f"{path} is neither a file nor a folder",
                hint=f"remove it, or name it in {folder / IGNORE_FILE}",
            )
        files[name] = path.read_bytes()
    return check_files(files, left_out)


def check_files(files: Mapping[str, bytes], left_out: Iterable[str] = ()) -> Source:
    """Return files, by relative name, as a source that can be sealed.

    Raises SourceRefused for a secret key in them, for code that does not compile, and for
    a handler.py without a function `handle`.
    """
    for name, content in files.items():
        if kind := secret_in(content):
            raise SourceRefused(
                f"{name} holds {kind}: a key has no place in a sealed function",
                hint=f"move it out of the folder, or name it in {IGNORE_FILE}",
            )
    if _HANDLER not in files:
        raise SourceRefused(
            f"there is no {_HANDLER} among the files to seal",
            hint=f"write one, or see whether {IGNORE_FILE} leaves it out",
        )
    modules = {name: _parsed(name, files[name]) for name in files if name.endswith(".py")}
    if _defines(modules[_HANDLER], "handle"):
        return Source(files, modules, tuple(left_out))
    raise SourceRefused(
        f"{_HANDLER} has no function handle",
        hint="def handle(event, context): return {'statusCode': 200, 'body': 'hello'}",
    )


def _parsed(name: str, code: bytes) -> ast.Module:
    """Return a module's syntax tree, or raise SourceRefused for one that does not compile.

    Nothing is run. The tree is compiled, too, because only the compiler finds some mistakes,
    such as a `return` outside a function.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code, name)
            compile(tree, name, "exec", dont_inherit=True)
            return tree
    except (SyntaxError, ValueError) as error:
        line = f" line {error.lineno}:" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        hint = f"mend it for Python {platform.python_version()}"
        if name != _HANDLER:
            hint += f", or name it in {IGNORE_FILE}"
        raise SourceRefused(f"{name} does not compile:{line} {reason}", hint=hint) from None


def secret_in(content: bytes) -> str | None:
    """Return the kind of a secret key that stands in `content`, or None if there is no key."""
    if _PRIVATE_KEY.search(content):
        return "a private key"
    for form, _ in secret_keys_in(content):
        return f"a {form.noun}" if form.noun[0] not in "aeiou" else f"an {form.noun}"
    return None


def secret_keys_in(content: bytes | mmap.mmap) -> Iterator[tuple[TextForm, bytes]]:
    """Yield form and bytes of all secret keys that stand in `content` in their text form."""
    for found in _SECRET.finditer(content):
        for form in SECRET_FORMS:
            with suppress(MalformedKey):
                yield form, form.decode(found[0].decode("ascii"))


def _ignored(folder: Path) -> pathspec.GitIgnoreSpec:
    file = folder / IGNORE_FILE
    patterns = file.read_text("utf-8", "replace") if file.exists() else DEFAULT_IGNORED
    try:
        return pathspec.GitIgnoreSpec.from_lines(patterns.splitlines())
    except ValueError as error:
        raise SourceRefused(
            f"{file}: {error}", hint="its lines are patterns as in .gitignore"
        ) from None


def _entries(
    folder: Path, below: Path, ignored: pathspec.GitIgnoreSpec, left_out: list[str]
) -> Iterator[tuple[str, Path]]:
    """Yield name and path of everything that is to be sealed. Links are not followed."""
    for path in sorted(below.iterdir()):
        is_folder = path.is_dir() and not path.is_symlink()
        name = path.relative_to(folder).as_posix()
        shown = f"{name}/" if is_folder else name
        if _NEVER_SEALED.match_file(shown):
            continue
        if ignored.match_file(shown):
            left_out.append(shown)
        elif is_folder:
            yield from _entries(folder, path, ignored, left_out)
        else:
            yield name, path


def _defines(node: ast.AST, name: str) -> bool:
    """Tell whether the top level of a module binds `name`, as far as its syntax shows."""
    match node:
        case (
            ast.FunctionDef(name=bound)
            | ast.AsyncFunctionDef(name=bound)
            | ast.Name(id=bound, ctx=ast.Store())
        ):
            return bound == name
        case ast.ImportFrom(names=aliases):
            return any((alias.asname or alias.name) in (name, "*") for alias in aliases)
        case ast.ClassDef() | ast.Lambda():
            return False
    return any(_defines(child, name) for child in ast.iter_child_nodes(node))
