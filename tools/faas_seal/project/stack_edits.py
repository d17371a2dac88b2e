"""Edits of a stack file's functions and lists, which change nothing else of what it says."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from faas_seal.project.by_hand import by_hand
from faas_seal.project.yamledit import Editor
from faas_seal.project.yamltext import Document

# A member of a function: its name, and the name in there if it is a mapping's.
Member = tuple[str, ...]

CLEAR_COPIES = ("configuration", "copy")
SEALED_COPIES = ("configuration", "x-faas-seal-copy")


class NotEditable(Exception):
    """An edit that would change something else. `instead` is what a person can do by hand."""

    def __init__(self, instead: str) -> None:
        super().__init__(instead)
        self.instead = instead


def edited(
    document: Document,
    environ: Mapping[str, str],
    name: str,
    values: Mapping[Member, str],
    secret: str | None = None,
) -> str:
    """Return the text of a document with members of the function `name` set.

    `secret` is added to the function's list of secrets. Raises NotEditable.
    """
    function = ("functions", name)
    wanted = copy.deepcopy(document.plain)
    changes = [
        (member, value)
        for member, value in values.items()
        if _set(wanted, (*function, *member), value)
    ]
    if secret is not None and not _add(wanted, (*function, "secrets"), secret):
        secret = None
    if wanted == document.plain:
        return document.text
    editor = Editor(document.text, environ)
    try:
        editor.own(function)
        if secret is not None:
            editor.append((*function, "secrets"), _written(document, name, secret))
        for member, value in changes:
            if member[1:]:
                editor.own((*function, *member[:-1]))
            editor.put((*function, *member), _written(document, name, value))
        if Document(editor.text, environ).plain == wanted:
            return editor.text
    except (LookupError, ValueError):
        pass
    raise NotEditable(by_hand(document, name, wanted["functions"]))


def with_copies_sealed(document: Document, environ: Mapping[str, str]) -> str:
    """Return the text of a document whose copied paths are for `seal` alone. Raises NotEditable."""
    wanted = copy.deepcopy(document.plain)
    configuration = wanted["configuration"]
    clear = configuration.pop(CLEAR_COPIES[-1])
    before = configuration.get(SEALED_COPIES[-1])
    added = [path for path in clear if path not in (before or [])]
    configuration[SEALED_COPIES[-1]] = [*reversed(added), *before] if before else clear
    editor = Editor(document.text, environ)
    try:
        if before:
            for path in added:
                editor.append(SEALED_COPIES, path)
            editor.remove(CLEAR_COPIES)
        else:
            editor.rename(CLEAR_COPIES, SEALED_COPIES[-1])
        if Document(editor.text, environ).plain == wanted:
            return editor.text
    except (LookupError, ValueError):
        pass
    raise NotEditable(
        f"call the list {'.'.join(CLEAR_COPIES)} {SEALED_COPIES[-1]}: seal reads it, and faas-cli "
        "does not"
    )


def _written(document: Document, name: str, value: str) -> str:
    """Return a value with the variables that it should be written with.

    A value that is the handler so far is written as the handler is. In one that is named after
    the function, the name is written as the function's key is.
    """
    functions = (document.plain or {}).get("functions") or {}
    if value == (functions.get(name) or {}).get("handler"):
        found = document.find(("functions", name, "handler"))
        return _with_variables(document, found[1], value) if found and not found[2] else value
    before, _, after = value.rpartition("/") if value.endswith(f"/{name}") else ("", "", value)
    if after == name or after.startswith(f"{name}-"):
        found = document.find(("functions", name))
        if found and not found[2] and found[0] is not None:
            written = _with_variables(document, found[0][0], name)
            return f"{before}/{written}" if before else after.replace(name, written, 1)
    return value


def _with_variables(document: Document, node: Any, value: str) -> str:
    written = (document.written(node) or "").strip("'\"")
    return written if "${" in written else value


def _set(plain: dict[str, Any], path: Member, value: str) -> bool:
    """Set the member at `path` to `value`; tell whether that is a change."""
    for member in path[:-1]:
        inner = plain.get(member)
        plain[member] = inner if isinstance(inner, dict) else {}
        plain = plain[member]
    if plain.get(path[-1]) == value:
        return False
    plain[path[-1]] = value
    return True


def _add(plain: dict[str, Any], path: Member, value: str) -> bool:
    """Add an item to the list at `path`, at its start as in the text; tell whether it was missing.

    The order of secrets means nothing.
    """
    for member in path[:-1]:
        plain = plain[member] if isinstance(plain.get(member), dict) else {}
    present = plain.get(path[-1])
    present = present if isinstance(present, list) else []
    if value in present:
        return False
    plain[path[-1]] = [value, *present]
    return True
