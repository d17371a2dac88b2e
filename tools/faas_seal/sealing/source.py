"""A function's source: the files to seal, checked, with each module parsed once."""

from __future__ import annotations

import ast
import mmap
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

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
from faas_seal.project.template import PythonVersion, image_python
from faas_seal.sealing.hidden_modules import hidden
from faas_seal.sealing.ignored import IGNORE_FILE
from faas_seal.sealing.image_requirements import Requirements, read_requirements
from faas_seal.sealing.imports import gone, libraries, own_modules
from faas_seal.sealing.python_source import HANDLER, Module, defines, parse_module
from faas_seal.sealing.selection import Part, Selection, select

_EXTENSION_MODULE = re.compile(r"\.(so(\.\d+)*|pyd)$")

SECRET_FORMS = (FUNCTION_KEY, AUTHOR_SEED, TRANSPORT_SEED, IDENTITY_SEED, SESSION)
_SECRET = re.compile(rb"fs[katis]1_[A-Za-z0-9_-]{48}")
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")


@dataclass(frozen=True)
class Source:
    """The files to seal, by relative name, and the names of those that are left out.

    `modules` are all files in Python. A folder that is left out as a whole is named once, with a
    slash at its end. `taken_along` are modules that look like tests and are sealed all the same,
    each with the module that imports it. `missed` are modules that are left out although a
    module imports them, in the same form. `python` is the Python that the image has.
    """

    files: Mapping[str, bytes] = field(repr=False)
    modules: Mapping[str, Module] = field(repr=False)
    python: PythonVersion
    left_out: tuple[str, ...] = ()
    taken_along: Mapping[str, str] = field(default_factory=dict)
    missed: Mapping[str, str] = field(default_factory=dict)
    required: Requirements = field(default_factory=Requirements)

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
    def trees(self) -> dict[str, ast.Module]:
        """The syntax trees of the modules."""
        return {name: module.tree for name, module in self.modules.items()}

    @property
    def newer(self) -> tuple[str, ...]:
        """The modules that this Python cannot execute, because it is older than the image's."""
        return tuple(name for name, module in self.modules.items() if module.is_newer)

    @cached_property
    def libraries(self) -> tuple[str, ...]:
        """The libraries that the code imports. The header names them, to be preloaded."""
        return libraries(self.files, self.trees.values())

    @cached_property
    def gone(self) -> tuple[str, ...]:
        """The imported modules that neither the image's Python nor a requirement has."""
        return gone(self.files, self.trees.values(), self.python, self.required.text.decode())

    @cached_property
    def own_modules(self) -> tuple[str, ...]:
        """The function's own modules that its code imports as if they were libraries."""
        return own_modules(self.trees)


def read_source(
    folder: Path, copied: Iterable[Part] = (), image: PythonVersion | None = None
) -> Source:
    """Read the files of a source folder that are to be sealed.

    `copied` are parts that come from elsewhere in the project. `image` is the image's Python: by
    default, the one that our template has.

    Raises SourceRefused for a folder without a usable handler.py, for a link that leads out of
    the source, for anything but files and folders, for files that hold a secret key, and for
    requirements that no image can be built with.
    """
    if not folder.is_dir():
        raise SourceRefused(
            f"there is no source folder {folder}", hint="name the folder that holds handler.py"
        )
    parts = (Part("", folder, str(folder)), *copied)
    selection = select(parts)
    files = {name: path.read_bytes() for name, path in selection.files.items()}
    source = check_files(files, selection.left_out, image)
    required = read_requirements(parts)
    _check_contents(required.files)
    return replace(_with_hidden_modules(source, selection), required=required)


def check_files(
    files: Mapping[str, bytes], left_out: Iterable[str] = (), image: PythonVersion | None = None
) -> Source:
    """Return files, by relative name, as a source that can be sealed.

    Raises SourceRefused for a secret key in them, for extension modules, for code that does not
    compile, and for a handler.py without a function `handle`.
    """
    image = image or image_python(Path())
    _check_contents(files)
    if HANDLER not in files:
        raise SourceRefused(
            f"there is no {HANDLER} among the files to seal",
            hint=f"write one, or see whether {IGNORE_FILE} leaves it out",
        )
    modules = {
        name: parse_module(name, files[name], image) for name in files if name.endswith(".py")
    }
    if defines(modules[HANDLER].tree, "handle"):
        return Source(files, modules, image, tuple(left_out))
    raise SourceRefused(
        f"{HANDLER} has no function handle",
        hint="def handle(event, context): return {'statusCode': 200, 'body': 'hello'}",
    )


def _check_contents(files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if kind := secret_in(content):
            raise SourceRefused(
                f"{name} holds {kind}: a key has no place in a sealed function",
                hint=f"move it out of the folder, or name it in {IGNORE_FILE}",
            )
        if _EXTENSION_MODULE.search(name):
            raise SourceRefused(
                f"{name} is an extension module or a library: the system loads machine code only "
                "from a file, and no file of a sealed function is on a disk",
                hint="have pip install it: name its package in requirements.txt; or, if the "
                f"function can do without it, name it in {IGNORE_FILE}",
            )


def _with_hidden_modules(source: Source, selection: Selection) -> Source:
    """Return a source with the modules that only look like tests, if a module imports them."""
    files, modules = dict(source.files), dict(source.modules)
    taken_along: dict[str, str] = {}
    missed: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        importer = waiting.pop(0)
        for name, only_as_test in hidden(selection, importer, modules[importer].tree):
            path = selection.locate(name)
            if name in files or path is None:
                continue
            if not only_as_test:
                missed.setdefault(name, importer)
                continue
            files[name] = path.read_bytes()
            _check_contents({name: files[name]})
            modules[name] = parse_module(name, files[name], source.python)
            taken_along[name] = importer
            waiting.append(name)
    return replace(
        source,
        files=files,
        modules=modules,
        left_out=tuple(name for name in source.left_out if name not in files),
        taken_along=taken_along,
        missed=missed,
    )


def secret_in(content: bytes) -> str | None:
    """Return the kind of a secret key that stands in `content`, or None if there is no key."""
    if b"\0" in content:  # it may be UTF-16
        content = content.replace(b"\0", b"")
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
