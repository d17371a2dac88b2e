"""YAML as text: a stack file's first document, with the place of each value in the text.

faas-cli fills in variables before it reads the YAML. So a document is made from the filled-in
text, and each place is traced back to the text as it was written.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from faas_seal.project.envsubst import fill_in

_PLAIN_SCALAR = re.compile(r"(\.{0,2}/|fsap1_)[\w./-]+|[a-z][a-z0-9.-]*-[a-z]+")
_ANCHOR = re.compile(r"&\S+\s+")
_MERGE = "tag:yaml.org,2002:merge"
_NULL = "tag:yaml.org,2002:null"

Entry = tuple[Node, Node]


class Document:
    """The first document of a text: faas-cli reads no other."""

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        """Read a text, and fill in its variables.

        Raises BadVariable, and ValueError, which names the place, for a text that is not YAML and
        for a mapping with a key that occurs twice or is not a text.
        """
        self.text = text
        self.end = _end_of_first(text)
        try:
            self._filled = fill_in(text[: self.end], environ)
            self.root = _compose(self._filled.text)
            self.plain: Any = None if self.root is None else self._plain(self.root)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = error.problem or error.context or "it cannot be read"
            raise ValueError(f"{self._place(mark)}{problem}") from None
        except RecursionError:
            raise ValueError("an anchor's value contains itself") from None
        except YAMLError as error:  # a character that YAML does not allow
            raise ValueError(" ".join(str(error).split())) from None

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def at(self, start: int, end: int | None = None) -> tuple[int, int]:
        """Return the part of the text that became the characters from `start` to `end`.

        Raises LookupError if a variable stands for some of them and for others, too.
        """
        found = self._filled.origin(start, start if end is None else end)
        if found is None:
            raise LookupError("a variable stands for a part of this")
        return found

    def span(self, node: Node) -> tuple[int, int]:
        """Return the part of the text in which a node stands, or raise LookupError.

        The part begins with the node's anchor. If the node is a mapping or a list of several
        lines, the part ends with the last character of its last value.
        """
        return self.at(node.start_mark.index, _end(node))

    def written(self, node: Node) -> str | None:
        """Return a scalar as it is written, or None if that takes several lines."""
        try:
            start, end = self.span(node)
        except LookupError:
            return None
        written = _ANCHOR.sub("", self.text[start:end], count=1)
        if not isinstance(node, ScalarNode) or "\n" in written or written.startswith(("|", ">")):
            return None
        return written or "null"

    def is_null(self, node: Node) -> bool:
        """Tell whether a node stands for no value."""
        return bool(node.tag == _NULL)

    def is_shared(self, node: Node) -> bool:
        """Tell whether an alias elsewhere stands for a node."""
        return self._uses[id(node)] > 1

    def find(self, path: tuple[str, ...]) -> tuple[Entry | None, Node, tuple[str, ...]] | None:
        """Return the entry at `path`, its value, and the members of `path` that are missing.

        If any are missing, entry and value are the last that exist on the way. Members that a
        merge brings count as missing. Returns None for an empty document.
        """
        entry: Entry | None = None
        node = self.root
        if node is None:
            return None
        for depth, member in enumerate(path):
            found = child(node, member)
            if found is None:
                return entry, node, path[depth:]
            entry, node = found, found[1]
        return entry, node, ()

    @cached_property
    def _uses(self) -> Counter[int]:
        """How often each node is a value, by the node's id."""
        uses: Counter[int] = Counter()

        def count(node: Node) -> None:
            uses[id(node)] += 1
            if uses[id(node)] == 1:
                for inner in children(node):
                    count(inner)

        if self.root is not None:
            count(self.root)
        return uses

    def _plain(self, node: Node) -> Any:
        """Return a node as dicts, lists, strings and None.

        Every scalar but null stays the text that it is: faas-cli, too, reads a member that it
        declares as text so.
        """
        if self.is_null(node):
            return None
        if isinstance(node, ScalarNode):
            return node.value
        if isinstance(node, SequenceNode):
            return [self._plain(item) for item in node.value]
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise ValueError(f"{self._place(key.start_mark)}a key is not a text")
            if key.value in seen:
                raise ValueError(f"{self._place(key.start_mark)}{key.value!r} is there twice")
            seen.add(key.value)
        return {key.value: self._plain(value) for key, value in members(node)}

    def _place(self, mark: Any) -> str:
        """Return the place of a mark of ruamel's, counted from 1 as editors count."""
        if mark is None:
            return ""
        try:
            at = self.at(mark.index)[0]
        except LookupError:
            return f"line {mark.line + 1}, column {mark.column + 1}, with variables filled in: "
        line = self.text.count("\n", 0, at) + 1
        return f"line {line}, column {at - self.text.rfind(chr(10), 0, at)}: "


def child(node: Node, member: str) -> Entry | None:
    """Return the entry of a mapping's own member, or None."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == member:
                return key, value
    return None


def is_alias(entry: Entry) -> bool:
    """Tell whether an entry's value is an alias, `*name`: such a value stands further above."""
    key, value = entry
    return bool(value.start_mark.index < key.end_mark.index)


def is_flow(node: Node) -> bool:
    """Tell whether a mapping or list stands in brackets."""
    return bool(getattr(node, "flow_style", False))


def members(node: Node) -> list[Entry]:
    """Return the entries of a mapping: its own, and those that merges bring."""
    own: dict[str, Entry] = {}
    merged: dict[str, Entry] = {}
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if key.tag == _MERGE:
            for base in value.value if isinstance(value, SequenceNode) else [value]:
                for entry in members(base):
                    merged.setdefault(entry[0].value, entry)
        else:
            own[key.value] = (key, value)
    return list({**merged, **own}.values())


def children(node: Node) -> Iterator[Node]:
    """Yield the keys, values and items of a node."""
    if isinstance(node, MappingNode):
        for entry in node.value:
            yield from entry
    elif isinstance(node, SequenceNode):
        yield from node.value


def scalar(value: str) -> str:
    """Return a text as a scalar, quoted where it might be taken for something else."""
    return value if _PLAIN_SCALAR.fullmatch(value) else json.dumps(value)


def _end(node: Node) -> int:
    """Return where a node ends. A block's mark tells only where the next thing begins."""
    if isinstance(node, ScalarNode) or is_flow(node) or not node.value:
        return int(node.end_mark.index)
    ends = [inner for inner in children(node) if inner.start_mark.index >= node.start_mark.index]
    return max((_end(inner) for inner in ends), default=node.end_mark.index)


def _end_of_first(text: str) -> int:
    """Return where the first document of a text ends.

    Such a mark stands at the start of a line, and means the same even inside of a value.
    """
    at, begun = 0, False
    for line in text.splitlines(keepends=True):
        mark = line[:3] if not line[3:].strip(" \t\r\n") or line[3:4].isspace() else ""
        if begun and mark in ("---", "..."):
            return at
        if line.strip() and not line.lstrip().startswith("#") and line[0] != "%":
            begun = True
        at += len(line)
    return len(text)


def _compose(text: str) -> Node | None:
    return YAML(typ="rt", pure=True).compose(text)  # type: ignore[no-any-return]
