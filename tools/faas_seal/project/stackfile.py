"""The stack file: read as faas-cli reads it, and edited without a change to the rest of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from faas_sealed.formats.header import FUNCTION_NAME

from faas_seal.errors import (
    NoFunctions,
    StackFileEmpty,
    StackFileMissing,
    StackFileRefused,
    UnknownFunction,
    UsageError,
)
from faas_seal.project.by_hand import apart
from faas_seal.project.envsubst import BadVariable
from faas_seal.project.files import Replacement
from faas_seal.project.stack_edits import (
    CLEAR_COPIES,
    SEALED_COPIES,
    NotEditable,
    edited,
    with_copies_sealed,
)
from faas_seal.project.yamltext import Document, child

# faas-cli looks for them in this order.
DEFAULT_NAMES = ("stack.yaml", "stack.yml")
LANGUAGE = "python3-encrypted"
DEFAULT_GATEWAY = "http://127.0.0.1:8080"
EXTENSION = "x-faas-seal"
SEALED_FOLDER = "sealed"
SECRETS_FOLDER = ".secrets"
SEALED_FILE = "function.sealed"


@dataclass(frozen=True)
class Function:
    """A function as the stack file has it. Paths are relative to the stack file's folder."""

    name: str
    lang: str
    handler: str
    source: str | None
    environment: dict[str, str]
    environment_file: tuple[str, ...]
    secrets: tuple[str, ...]
    namespace: str = ""
    build_args: dict[str, str] = field(default_factory=dict)
    skip_build: bool = False

    @property
    def sealed_lang(self) -> bool:
        """Whether it is built from our template, perhaps at a ref of its repository, or changed."""
        return self.lang == LANGUAGE or self.lang.startswith((f"{LANGUAGE}@", f"{LANGUAGE}-"))


@dataclass(frozen=True)
class StackFile:
    """One stack file's path and text."""

    path: Path
    text: str = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> StackFile:
        """Read the stack file at `path`, or raise StackFileRefused."""
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return cls(path, file.read())
        except FileNotFoundError:
            raise StackFileMissing(
                f"there is no stack file {path}", path=path, hint="is this the project's folder?"
            ) from None
        except UnicodeDecodeError:
            raise StackFileRefused(
                f"{path} is not UTF-8",
                path=path,
                hint="save it as UTF-8: faas-cli reads nothing else",
            ) from None
        except OSError as error:
            raise StackFileRefused(
                f"{path} cannot be read: {error}",
                path=path,
                hint=f"ls -l {shlex.quote(str(path))}",
            ) from None

    def replacement(self) -> Replacement:
        """Return the replacement that writes this text to its path. A symbolic link is followed."""
        path = self.path.resolve()
        return Replacement(path, self.text.encode(), path.parent)

    @property
    def folder(self) -> Path:
        """The project's folder: paths in the stack file begin here, and keys and state lie here."""
        return self.path.parent

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions by name. Environment variables in their texts are filled in."""
        functions = {
            name: _function(name, _mapping(value))
            for name, value in _mapping(self._plain.get("functions")).items()
        }
        return {
            name: replace(function, source=None) if self._has_anothers_source(name) else function
            for name, function in functions.items()
        }

    def _has_anothers_source(self, name: str) -> bool:
        """Tell whether a function has its own handler, and by a merge another one's source."""
        found = self._document.find(("functions", name))
        if found is None or found[2]:
            return False
        own = [child(found[1], member) is not None for member in ("handler", EXTENSION)]
        return own == [True, False]

    @property
    def gateway(self) -> str:
        """The provider's gateway, or an empty string."""
        return _text(_mapping(self._plain.get("provider")).get("gateway"))

    @property
    def extra_paths(self) -> tuple[str, ...]:
        """The paths in `configuration.copy`: faas-cli copies them into every build folder."""
        return self._paths(CLEAR_COPIES)

    @property
    def copied_paths(self) -> tuple[str, ...]:
        """The paths that are sealed with each function: those, and what a seal has made of them."""
        return (*self._paths(SEALED_COPIES), *self.extra_paths)

    def _paths(self, member: tuple[str, str]) -> tuple[str, ...]:
        return _texts(_mapping(self._plain.get(member[0])).get(member[1]))

    def function(self, name: str) -> Function:
        """Return the function `name`, or raise UnknownFunction."""
        if name not in self.functions:
            raise UnknownFunction(
                f"{self.path.name} has no function {name!r}",
                function=name,
                known=self.functions,
                hint=f"its functions are {', '.join(self.functions)}"
                if self.functions
                else "it has no functions yet",
            )
        return self.functions[name]

    @property
    def ours(self) -> tuple[Function, ...]:
        """The functions that are built from our template."""
        return tuple(function for function in self.functions.values() if function.sealed_lang)

    def chosen(self, names: Iterable[str] = ()) -> tuple[Function, ...]:
        """Return the functions named, each once; without names, all that our template builds.

        Raises UnknownFunction, and NoFunctions where there is nothing to choose from.
        """
        functions = tuple(map(self.function, dict.fromkeys(names))) or self.ours
        if not functions:
            raise NoFunctions(
                f"{self.path.name} has no function with lang: {LANGUAGE}",
                hint=f"set lang: {LANGUAGE} for a function",
            )
        return functions

    def sealed(
        self, name: str, *, handler: str, source: str, author: str, transport: str | None = None
    ) -> StackFile:
        """Return this stack file with the function `name` pointing to its sealed folder.

        Sets `handler`, `x-faas-seal.source` and `environment.seal_author`. With the name of a
        `transport` secret, it also sets `environment.seal_transport` and adds to `secrets`.
        Raises StackFileRefused where that would change something else, as when the function
        shares an anchor with another.
        """
        values: dict[tuple[str, ...], str] = {
            ("handler",): handler,
            ("environment", "seal_author"): author,
            (EXTENSION, "source"): source,
        }
        if transport is not None:
            values["environment", "seal_transport"] = transport
        return self._edited(name, values, transport)

    def with_secret(self, name: str, setting: str, secret: str) -> StackFile:
        """Return this stack file with `secret` given to the function `name`.

        The setting `setting` names the secret to the runtime. Raises what `sealed` raises.
        """
        return self._edited(name, {("environment", setting): secret}, secret)

    def with_copies_sealed(self) -> StackFile:
        """Return this stack file with `configuration.copy` named so that only `seal` reads it.

        faas-cli would copy the files into the build of every function, in clear. Raises
        StackFileRefused where another function is built with them.
        """
        if not self.extra_paths:
            return self
        others = [f for f in self.functions.values() if not f.sealed_lang and not f.skip_build]
        if others:
            names = ", ".join(function.name for function in others)
            raise StackFileRefused(
                f"configuration.copy puts {', '.join(self.extra_paths)} into the build of every "
                f"function in clear, and {names} needs that",
                path=self.path,
                hint=apart(self._document, [function.name for function in self.ours]),
            )
        return self._with(lambda: with_copies_sealed(self._document, os.environ))

    def _edited(
        self, name: str, values: dict[tuple[str, ...], str], secret: str | None = None
    ) -> StackFile:
        """Return this stack file with members of a function set, and a secret in its list."""
        return self._with(lambda: edited(self._document, os.environ, name, values, secret))

    def _with(self, edit: Callable[[], str]) -> StackFile:
        try:
            text = edit()
        except NotEditable as error:
            raise StackFileRefused(
                f"{self.path.name} cannot be edited without changing something else in it",
                path=self.path,
                hint=error.instead,
            ) from None
        return self if text == self.text else StackFile(self.path, text)

    @property
    def _plain(self) -> dict[str, Any]:
        plain = self._document.plain
        if not isinstance(plain, dict):
            raise StackFileEmpty(
                f"{self.path} is not a stack file: it has no functions",
                path=self.path,
                hint="its functions stand under functions, by name",
            )
        return plain

    @cached_property
    def _document(self) -> Document:
        try:
            return Document(self.text, os.environ)
        except BadVariable as error:
            raise StackFileRefused(
                f"{self.path}, {error}",
                path=self.path,
                hint="faas-cli takes ${NAME} and ${NAME:-default}; $${ stands for ${ itself",
            ) from None
        except ValueError as error:
            raise StackFileRefused(
                f"{self.path} is not YAML: {error}",
                path=self.path,
                hint="look there, and at the line above: often it is a tab, the indentation, "
                "or a quote or bracket that stays open",
            ) from None


def find(given: str | None, folder: Path = Path()) -> Path:
    """Return the stack file that is given, or the one that faas-cli would take in a folder."""
    if given is not None:
        return Path(given)
    for name in DEFAULT_NAMES:
        if (folder / name).exists():
            return folder / name
    return folder / DEFAULT_NAMES[0]


def sealed_folder(project: Path, name: str) -> Path:
    """Return the path of a function's sealed folder, whether it exists or not."""
    return project / SEALED_FOLDER / check_name(name)


def sealed_file(project: Path, name: str) -> Path:
    """Return the path of a function's sealed file, whether it exists or not."""
    return sealed_folder(project, name) / SEALED_FILE


def gateway_address(given: str | None, named: str = "") -> str:
    """Return the gateway's address: the one given, or else the one that faas-cli would take.

    `named` is the gateway in the stack file. It comes before $OPENFAAS_URL, unless it is the
    default.
    """
    address = given or named.rstrip("/")
    if not given and address in ("", DEFAULT_GATEWAY):
        address = os.environ.get("OPENFAAS_URL") or DEFAULT_GATEWAY
    if "://" not in address:
        address = f"http://{address}"
    return address.rstrip("/")


def check_name(name: str) -> str:
    """Return `name` if a function can have it, or raise UsageError."""
    if not FUNCTION_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a function's name",
            hint="use at most 63 lower-case letters, digits and hyphens",
        )
    return name


def _function(name: str, members: dict[str, Any]) -> Function:
    environment = _mapping(members.get("environment"))
    return Function(
        name=name,
        lang=_text(members.get("lang")),
        handler=_text(members.get("handler")),
        source=_text(_mapping(members.get(EXTENSION)).get("source")) or None,
        environment={key: _text(value) for key, value in environment.items()},
        environment_file=_texts(members.get("environment_file")),
        secrets=_texts(members.get("secrets")),
        namespace=_text(members.get("namespace")),
        build_args={k: _text(value) for k, value in _mapping(members.get("build_args")).items()},
        skip_build=_text(members.get("skip_build")).lower() == "true",
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, value)) if isinstance(value, list) else ()
