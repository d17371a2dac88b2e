"""A module's source, checked for the Python that the image has. Nothing is run."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from dataclasses import dataclass, field

from faas_seal.errors import SourceRefused
from faas_seal.project.template import PythonVersion
from faas_seal.sealing.ignored import IGNORE_FILE
from faas_seal.sealing.newer_python import parse as parse_newer
from faas_seal.sealing.newer_strings import Strings

HANDLER = "handler.py"
THIS_PYTHON: PythonVersion = sys.version_info[:2]


@dataclass(frozen=True)
class Module:
    """A module's syntax tree. `is_newer` says that this Python cannot execute the module."""

    tree: ast.Module = field(repr=False)
    is_newer: bool = False


def parse_module(name: str, code: bytes, image: PythonVersion) -> Module:
    """Return a module that compiles for the image's Python, or raise SourceRefused.

    The tree is compiled, too, because only the compiler finds some mistakes, such as a `return`
    outside a function.
    """
    try:
        tree = _parsed(name, code, image)
    except (SyntaxError, ValueError) as error:
        if image <= THIS_PYTHON:
            raise _refusal(name, image, error) from None
        return _newer(name, code, image)
    if image < THIS_PYTHON and image < (3, 12) <= THIS_PYTHON:
        strings = Strings(_text(code), templates=False)
        strings.rewritten()
        if line := strings.first_newer:
            unknown = SyntaxError("the f-string is for Python 3.12", (name, line, None, None))
            raise _refusal(name, image, unknown)
    return Module(tree)


def _parsed(name: str, code: bytes, image: PythonVersion) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        older = image if image < THIS_PYTHON else None
        tree = ast.parse(code, name, feature_version=older)
        compile(tree, name, "exec", dont_inherit=True)
        return tree


def _newer(name: str, code: bytes, image: PythonVersion) -> Module:
    """Return a module that this Python does not take, if the image's Python does."""
    try:
        return Module(parse_newer(_text(code), image), is_newer=True)
    except (SyntaxError, ValueError) as error:
        raise _refusal(name, image, error) from None


def _text(code: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(code).readline)
    return code.decode(encoding)


def _refusal(name: str, image: PythonVersion, error: Exception) -> SourceRefused:
    line = f" line {error.lineno}:" if isinstance(error, SyntaxError) else ""
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    version = ".".join(map(str, image))
    hint = f"mend it for Python {version}, which the image has"
    if name != HANDLER:
        hint += f", or name it in {IGNORE_FILE}"
    return SourceRefused(f"{name} does not compile:{line} {reason}", hint=hint)


def defines(node: ast.AST, name: str) -> bool:
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
    return any(defines(child, name) for child in ast.iter_child_nodes(node))
