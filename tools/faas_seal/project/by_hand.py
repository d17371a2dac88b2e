"""Entries of a stack file written out in full, for a person to paste where no edit is possible."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml.nodes import Node

from faas_seal.project.yamltext import Document, children, is_alias, members


def by_hand(document: Document, name: str, functions: Mapping[str, Any]) -> str:
    """Return what to put in place of the function `name`, so that all mean what `functions` says.

    Functions that use an anchor inside of that function are written out, too: the anchor goes.
    """
    nodes = _functions(document)
    names = [name, *(other for other in nodes if _needs(document, nodes, other, name))]
    shown = " and ".join(f"functions.{each}" for each in names)
    lines = [f"put this in place of {shown}:"]
    for each in names:
        node = nodes.get(each)
        lines.append(f"  {_key(document, each)}:")
        lines += [f"    {line}" for line in _lines(document, node, functions[each])]
    return "\n".join(lines)


def apart(document: Document, names: Sequence[str]) -> str:
    """Return what to do to give some functions another stack file."""
    plain = document.plain
    members = {**plain, "functions": {name: plain["functions"][name] for name in names}}
    shown = " and ".join(f"functions.{name}" for name in names)
    return "\n".join(
        [
            f"move {shown} to another stack file, and seal that:",
            *_lines(document, document.root, members),
        ]
    )


def _functions(document: Document) -> dict[str, Node]:
    found = document.find(("functions",))
    if found is None or found[2]:
        return {}
    return {key.value: value for key, value in members(found[1])}


def _key(document: Document, name: str) -> str:
    found = document.find(("functions", name))
    if found is None or found[2] or found[0] is None:
        return name
    return document.written(found[0][0]) or name


def _needs(document: Document, nodes: Mapping[str, Node], other: str, name: str) -> bool:
    """Tell whether `other` uses an anchor that stands in the entry of `name`."""
    found = document.find(("functions", name))
    if other == name or found is None or found[2] or found[0] is None or is_alias(found[0]):
        return False
    start, end = found[1].start_mark.index, found[1].end_mark.index
    return any(start <= node.start_mark.index < end for node in _below(nodes[other]))


def _below(node: Node) -> Iterator[Node]:
    yield node
    for inner in children(node):
        yield from _below(inner)


def _lines(document: Document, node: Node | None, value: Any) -> list[str]:
    """Return a mapping or list in block style, with scalars as they are written if unchanged."""
    if isinstance(value, list):
        inner = list(node.value) if node is not None and isinstance(node.value, list) else []
        known = {item.value: item for item in inner}
        return [f"- {_scalar(document, known.get(item), item)}" for item in value]
    lines: list[str] = []
    own = {key.value: inner for key, inner in members(node)} if node is not None else {}
    for key, inner in value.items():
        if isinstance(inner, dict | list) and inner:
            lines.append(f"{key}:")
            lines += [f"  {line}" for line in _lines(document, own.get(key), inner)]
        else:
            lines.append(f"{key}: {_scalar(document, own.get(key), inner)}")
    return lines


def _scalar(document: Document, node: Node | None, value: Any) -> str:
    if node is not None and (node.value == value or (document.is_null(node) and value is None)):
        written = document.written(node)
        if written is not None:
            return written
    return json.dumps(value, ensure_ascii=False)
