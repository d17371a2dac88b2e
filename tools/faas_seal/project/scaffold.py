"""A new function's folder and its entry in the stack file, as `faas-cli new` makes them."""

from __future__ import annotations

import shutil
from pathlib import Path

from faas_seal.errors import StackFileRefused, UsageError
from faas_seal.project.stackfile import DEFAULT_GATEWAY, LANGUAGE, StackFile, check_name
from faas_seal.project.template import find_template

_HEAD = """\
version: 1.0
provider:
  name: openfaas
  gateway: {gateway}
functions:
"""
_ENTRY = """\
  {name}:
    lang: {lang}
    handler: ./{name}
    image: {image}
"""
_IGNORED = "template\nbuild\n.secrets\n"
_NOT_COPIED = shutil.ignore_patterns("__pycache__")


def check_new(stack: Path, name: str) -> None:
    """Raise UsageError or StackFileRefused if the function `name` cannot be added."""
    check_name(name)
    folder = stack.parent / name
    if stack.exists() and name in StackFile.load(stack).functions:
        raise UsageError(
            f"{stack.name} has a function {name} already",
            hint=f"choose another name, or seal it: faas-seal seal {name}",
        )
    if folder.exists():
        below = "below functions" if stack.exists() else "as a new file"
        lines = _entry(name, prefix="")
        if not stack.exists():
            lines = _HEAD.format(gateway=DEFAULT_GATEWAY) + lines
        raise UsageError(
            f"there is a folder {folder} already",
            hint="choose another name; or, if your handler.py is in there, put this into "
            f"{stack}, {below}, and then: faas-seal seal {name}\n{lines}",
        )
    if stack.exists():
        _extended(stack, name, prefix="")  # refuses a file that cannot be extended


def provide_template(project: Path) -> Path | None:
    """Put the template where faas-cli looks for it; return its folder, or None if it was there."""
    folder = project / "template" / LANGUAGE
    if folder.exists():
        return None
    shutil.copytree(find_template(project, LANGUAGE).folder, folder, ignore=_NOT_COPIED)
    return folder


def add_function(stack: Path, name: str, *, prefix: str, gateway: str) -> None:
    """Copy the template's sample handler, and write or extend the stack file."""
    project = stack.parent
    sample = find_template(project, LANGUAGE).folder / "function"
    if stack.exists():
        text = _extended(stack, name, prefix)
    else:
        text = _HEAD.format(gateway=gateway) + _entry(name, prefix)
    shutil.copytree(sample, project / name, ignore=_NOT_COPIED)
    stack.write_text(text)
    ignored = project / ".gitignore"
    if not ignored.exists():
        ignored.write_text(_IGNORED)


def _extended(stack: Path, name: str, prefix: str) -> str:
    """Return the stack file's text with one more function, or raise StackFileRefused."""
    entry = _entry(name, prefix)
    text = StackFile.load(stack).text.rstrip("\n") + "\n\n" + entry
    try:
        added = name in StackFile(stack, text).functions
    except StackFileRefused:
        added = False
    if not added:
        raise StackFileRefused(
            f"{stack.name} does not end with its functions",
            hint=f"put this below functions, and seal {name}:\n{entry}",
        )
    return text


def _entry(name: str, prefix: str) -> str:
    image = f"{prefix}/{name}:latest" if prefix else f"{name}:latest"
    return _ENTRY.format(name=name, lang=LANGUAGE, image=image)
