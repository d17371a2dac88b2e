"""YAML as text: read, and edited in place.

ruamel.yaml tells where each value stands in the text. An edit replaces or inserts only the
characters of a value, so that comments, order, quotes and indentation stay.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_PLAIN_SCALAR = re.compile(r"(\.{0,2}/|fsap1_)[\w./-]+|[a-z][a-z0-9.-]*-[a-z]+")
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"


def read(text: str) -> Any:
    """Return a document as dicts, lists, strings and None.

    Every scalar but null stays the text that it is: faas-cli, too, reads a member that it
    declares as text so. Raises ValueError, which names the place, for a text that is not YAML,
    and for a mapping with a key that occurs twice or is not a text.
    """
    try:
        node = _compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be read"
        raise ValueError(f"{_place(mark)}{problem}") from None
    except YAMLError as error:  # a character that YAML does not allow
        raise ValueError(" ".join(str(error).split())) from None
    return None if node is None else _plain(node)


def put(text: str, path: tuple[str, ...], value: str) -> str:
    """Return `text` with the scalar at `path` set to `value`.

    Mappings that are missing on the way are made. Where an anchor or a merge is involved, the
    result may mean something else: read it to be sure.
    """
    found = _find(text, path)
    if found is None:
        return text
    key, node, missing = found
    if missing:
        return _insert(text, key, node, missing, _scalar(value))
    quote = getattr(node, "style", None)
    quoted = f"{quote}{value}{quote}" if quote in ("'", '"') else _scalar(value)
    return text[: node.start_mark.index] + quoted + text[node.end_mark.index :]


def append(text: str, path: tuple[str, ...], value: str) -> str:
    """Return `text` with `value` as one more item of the list at `path`, which may be missing.

    As with `put`, read the result to be sure.
    """
    found = _find(text, path)
    if found is None:
        return text
    key, node, missing = found
    item = _scalar(value)
    if missing:
        return _insert(text, key, node, missing, f"[{item}]")
    if not isinstance(node, SequenceNode):
        # The mark of an empty value is where the next thing begins. So insert after the colon.
        at = text.index(":", key.end_mark.index if key else 0) + 1
        return f"{text[:at]} [{item}]{text[at:]}"
    if node.flow_style:
        at = node.start_mark.index + 1
        return text[:at] + item + (", " if node.value else "") + text[at:]
    # Above the first item: the marks of a list do not tell where its last item ends.
    at = text.rfind("\n", 0, node.start_mark.index) + 1
    indent = text[at : node.start_mark.index]
    return f"{text[:at]}{indent}- {item}{_newline(text)}{text[at:]}"


def _find(text: str, path: tuple[str, ...]) -> tuple[Node | None, Node, tuple[str, ...]] | None:
    """Return the key and the value at `path`, and the members of `path` that are missing.

    If any are missing, the key and the value are the last that exist on the way. Returns None
    for an empty document.
    """
    key: Node | None = None
    node = _compose(text)
    if node is None:
        return None
    for depth, member in enumerate(path):
        found = _child(node, member)
        if found is None:
            return key, node, path[depth:]
        key, node = found
    return key, node, ()


def _insert(text: str, key: Node | None, node: Node, members: tuple[str, ...], value: str) -> str:
    """Insert members, each inside the one before it, into `node`, the mapping at `key`."""
    if getattr(node, "flow_style", False):
        entry = f"{members[-1]}: {value}"
        for member in reversed(members[:-1]):
            entry = f"{member}: {{{entry}}}"
        at = node.start_mark.index + 1
        return text[:at] + entry + (", " if node.value else "") + text[at:]
    handler = _child(node, "handler")
    above, last = handler or (key, key)
    if above is None or last is None:
        return text
    column = (
        node.start_mark.column if isinstance(node, MappingNode) else above.start_mark.column + 2
    )
    newline = _newline(text)
    lines = [f"{' ' * (column + 2 * depth)}{member}:" for depth, member in enumerate(members)]
    block = newline.join(lines) + f" {value}{newline}"
    at = text.find("\n", last.end_mark.index) + 1
    if not at:
        return text + newline + block
    return text[:at] + block + text[at:]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _child(node: Node, member: str) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == member:
                return key, value
    return None


def _scalar(value: str) -> str:
    return value if _PLAIN_SCALAR.fullmatch(value) else json.dumps(value)


def _place(mark: Any) -> str:
    """Return the place of a mark of ruamel's, counted from 1 as editors count."""
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


def _compose(text: str) -> Node | None:
    return YAML(typ="rt", pure=True).compose(text)  # type: ignore[no-any-return]


def _plain(node: Node) -> Any:
    if node.tag == _NULL:
        return None
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [_plain(item) for item in node.value]
    own: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            for base in value.value if isinstance(value, SequenceNode) else [value]:
                if isinstance(base, MappingNode):
                    merged = {**_plain(base), **merged}
        elif not isinstance(key, ScalarNode):
            raise ValueError(f"{_place(key.start_mark)}a key is not a text")
        elif key.value in own:
            raise ValueError(f"{_place(key.start_mark)}{key.value!r} is there twice")
        else:
            own[key.value] = _plain(value)
    return {**merged, **own}
