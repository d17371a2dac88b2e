"""Edits of YAML in place: only the characters of a value are replaced or inserted.

So comments, order, quotes and indentation stay. Where an anchor, a merge or a variable is
involved, the result may mean something else than was wanted: read it to be sure. Every edit
raises LookupError for a text that it cannot edit.
"""

from __future__ import annotations

from collections.abc import Mapping

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from faas_seal.project.yamltext import (
    Document,
    Entry,
    child,
    children,
    is_alias,
    is_flow,
    members,
    scalar,
)

Path = tuple[str, ...]


class Editor:
    """A text in YAML that is edited step by step. `text` is what it is now."""

    def __init__(self, text: str, environ: Mapping[str, str]) -> None:
        self.text = text
        self._environ = environ

    def own(self, path: Path) -> None:
        """Give the mapping at `path` members of its own, so that an edit of it changes no other.

        A mapping that is an alias, or comes by a merge, becomes one that merges the original. A
        mapping that is the original of others merges what it was, which keeps the anchor.
        """
        document = self._read()
        found = document.find(path)
        if found is None:
            raise LookupError("the document is empty")
        entry, node, missing = found
        if missing:
            self._own_what_is_merged(document, entry, node, missing[0])
        elif entry is not None and isinstance(node, MappingNode):
            if is_alias(entry):
                self._replace_alias(document, entry, f"{{<<: *{node.anchor}}}")
            elif document.is_shared(node):
                self._wrap(document, entry)

    def put(self, path: Path, value: str) -> None:
        """Set the scalar at `path`. Mappings that are missing on the way are made."""
        document = self._read()
        entry, node, missing = _found(document, path)
        if missing:
            self._insert(document, entry, node, missing, [f" {scalar(value)}"])
            return
        if entry is not None and is_alias(entry):
            self._replace_alias(document, entry, scalar(value))
            return
        if document.is_shared(node):
            self._spell_out(document, node)
            self.put(path, value)
            return
        quote = getattr(node, "style", None)
        plain = not set(value) & {"'", '"', "\\"}
        quoted = f"{quote}{value}{quote}" if quote in ("'", '"') and plain else scalar(value)
        self._replace(*document.span(node), quoted)

    def append(self, path: Path, value: str) -> None:
        """Add an item to the list of scalars at `path`, which may be missing."""
        document = self._read()
        entry, node, missing = _found(document, path)
        item = scalar(value)
        if missing:
            inherited = child_of_merge(node, missing[0]) if len(missing) == 1 else None
            items = [item, *(_items(document, inherited) if inherited is not None else [])]
            self._insert(document, entry, node, missing, [f" [{', '.join(items)}]"])
        elif entry is not None and is_alias(entry):
            items = [item, *_items(document, node)]
            self._replace_alias(document, entry, f"[{', '.join(items)}]")
        elif document.is_shared(node):
            self._spell_out(document, node)
            self.append(path, value)
        elif not isinstance(node, SequenceNode):
            # The mark of an empty value is where the next thing begins.
            self._replace(*self._after_colon(document, entry), f" [{item}]")
        elif is_flow(node):
            at = self._opening(document, node)
            self._replace(at, at, item + (", " if node.value else ""))
        else:
            # Above the first item: the marks of a list do not tell where its last item ends.
            start = document.at(node.value[0].start_mark.index)[0]
            at = document.text.rfind("\n", 0, start) + 1
            indent = document.text[at:start].partition("-")[0]
            self._replace(at, at, f"{indent}- {item}{document.newline}")

    def rename(self, path: Path, name: str) -> None:
        """Give the member at `path` another name."""
        document = self._read()
        entry, _, missing = _found(document, path)
        if missing or entry is None:
            raise LookupError("there is no such member")
        key = entry[0]
        self._replace(*document.at(key.start_mark.index, key.end_mark.index), name)

    def remove(self, path: Path) -> None:
        """Remove the member at `path` from a block mapping, with the lines that it takes."""
        document = self._read()
        entry, node, missing = _found(document, path)
        if missing or entry is None or is_alias(entry) or document.is_shared(node):
            raise LookupError("there is no such member of its own")
        start = document.at(entry[0].start_mark.index)[0]
        first = document.text.rfind("\n", 0, start) + 1
        if document.text[first:start].strip():
            raise LookupError("the member does not begin its line")
        end = document.text.find("\n", document.span(node)[1]) + 1 or len(document.text)
        self._replace(first, end, "")

    def _read(self) -> Document:
        try:
            return Document(self.text, self._environ)
        except ValueError as error:
            raise LookupError(str(error)) from None

    def _replace(self, start: int, end: int, text: str) -> None:
        self.text = self.text[:start] + text + self.text[end:]

    def _own_what_is_merged(
        self, document: Document, entry: Entry | None, node: Node, member: str
    ) -> None:
        """Write a mapping that a merge brings as one of the mapping's own."""
        inherited = child_of_merge(node, member)
        if not isinstance(inherited, MappingNode):
            return
        if inherited.anchor:
            lines = [f"<<: *{inherited.anchor}"]
        else:
            entries = [(key, _written(document, value)) for key, value in members(inherited)]
            lines = [f"{_written(document, key)}: {value}" for key, value in entries]
        self._insert(document, entry, node, (member,), lines)

    def _replace_alias(self, document: Document, entry: Entry, text: str) -> None:
        start, end = self._alias(document, entry)
        self._replace(start, end, text)

    def _alias(self, document: Document, entry: Entry) -> tuple[int, int]:
        """Return the part of the text that an alias takes."""
        colon = self._after_colon(document, entry)[0]
        start = document.text.index("*", colon)
        if document.text[colon:start].strip():
            raise LookupError("an alias is not where it should be")
        return start, start + len(f"*{entry[1].anchor}")

    def _after_colon(self, document: Document, entry: Entry | None) -> tuple[int, int]:
        if entry is None:
            raise LookupError("there is no key")
        at = document.text.index(":", document.at(entry[0].end_mark.index)[0]) + 1
        return at, at

    def _opening(self, document: Document, node: Node) -> int:
        """Return the place after the bracket that opens a mapping or list on a line."""
        start, end = document.span(node)
        bracket = "{" if isinstance(node, MappingNode) else "["
        return document.text.index(bracket, start, end) + 1

    def _wrap(self, document: Document, entry: Entry) -> None:
        """Turn the mapping `&a …` into one that merges `&a …`."""
        node = entry[1]
        start, end = document.span(node)
        text = document.text
        if is_flow(node):
            self._replace(start, end, f"{{<<: {text[start:end]}}}")
            return
        indent = " " * node.value[0][0].start_mark.column
        lines = text[start:end].split("\n")
        inner = [lines[0], *(f"  {line}" if line.strip() else line for line in lines[1:])]
        colon = self._after_colon(document, entry)[0]
        moved = f"{document.newline}{indent}<<: " + "\n".join(inner)
        self._replace(colon, end, moved)

    def _spell_out(self, document: Document, node: Node) -> None:
        """Write a scalar or list of scalars in place of each alias, and drop the anchor."""
        if isinstance(node, MappingNode):
            raise LookupError("a mapping is shared")
        written = (
            f"[{', '.join(_items(document, node))}]"
            if isinstance(node, SequenceNode)
            else document.written(node)
        )
        if written is None:
            raise LookupError("a value of several lines is shared")
        start, end = document.span(node)
        anchor = f"&{node.anchor}"
        if not document.text.startswith(anchor, start):
            raise LookupError("an anchor is not where it should be")
        without = document.text[start + len(anchor) : end].lstrip(" ")
        aliases = [e for e in _entries(document) if e[1] is node and is_alias(e)]
        parts = [(start, end, without)]
        parts += [(*self._alias(document, entry), written) for entry in aliases]
        for part in sorted(parts, reverse=True):
            self._replace(*part)

    def _insert(
        self,
        document: Document,
        entry: Entry | None,
        node: Node,
        path: Path,
        lines: list[str],
    ) -> None:
        """Insert members, each inside the one before it, into `node`, the mapping of `entry`.

        The value is one line that begins with a space, or the members of a mapping.
        """
        scalar_value = lines[0].startswith(" ")
        if is_flow(node):
            text = lines[0] if scalar_value else f" {{{', '.join(lines)}}}"
            for member in reversed(path):
                text = f" {{{member}:{text}}}"
            at = self._opening(document, node)
            self._replace(at, at, text[2:-1] + (", " if node.value else ""))
            return
        beside = child(node, "handler")
        above = beside or entry
        if above is None:
            raise LookupError("there is no line to insert after")
        if isinstance(node, MappingNode) and node.value:
            column = node.value[0][0].start_mark.column
        else:
            column = above[0].start_mark.column + 2
        block = [f"{' ' * (column + 2 * depth)}{name}:" for depth, name in enumerate(path)]
        if scalar_value:
            block[-1] += lines[0]
        else:
            block += [f"{' ' * (column + 2 * len(path))}{line}" for line in lines]
        text = document.newline.join(block)
        at = document.text.find("\n", self._last(document, above, beside is None)) + 1
        if at:
            self._replace(at, at, text + document.newline)
        else:
            at = len(document.text)
            self._replace(at, at, document.newline + text + document.newline)

    def _last(self, document: Document, entry: Entry, is_key: bool) -> int:
        """Return where an entry's key, or the whole of the entry, ends."""
        if is_key or is_alias(entry):
            return document.at(entry[0].end_mark.index)[0]
        return document.span(entry[1])[1]


def child_of_merge(node: Node, member: str) -> Node | None:
    """Return the value of a member that a merge brings into a mapping, or None."""
    return next((value for key, value in members(node) if key.value == member), None)


def _found(document: Document, path: Path) -> tuple[Entry | None, Node, Path]:
    found = document.find(path)
    if found is None:
        raise LookupError("the document is empty")
    return found


def _entries(document: Document) -> list[Entry]:
    """Return every entry of every mapping in a document, once."""
    found: list[Entry] = []
    seen: set[int] = set()

    def visit(node: Node) -> None:
        if id(node) not in seen:
            seen.add(id(node))
            if isinstance(node, MappingNode):
                found.extend(node.value)
            for inner in children(node):
                visit(inner)

    if document.root is not None:
        visit(document.root)
    return found


def _items(document: Document, node: Node) -> list[str]:
    """Return the items of a list of scalars as they can be written on one line."""
    if not isinstance(node, SequenceNode):
        if document.is_null(node):
            return []
        raise LookupError("it is not a list")
    return [_written(document, item) for item in node.value]


def _written(document: Document, node: Node) -> str:
    """Return a scalar as it is written, quoted if it could not stand in brackets otherwise."""
    written = document.written(node)
    if written is None:
        raise LookupError("a value takes several lines")
    if written[0] in "'\"" or not set(written) & set(",[]{}"):
        return written
    return f'"{written}"' if "${" in written else scalar(node.value)
