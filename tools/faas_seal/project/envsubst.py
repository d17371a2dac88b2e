"""Variables in a stack file: `${NAME}` and what else faas-cli fills in before it reads the YAML.

The rules are those of the library that faas-cli uses, github.com/drone/envsubst, where they
differ from a shell's, too: `$NAME` stays, and `${NAME:+x}` is `${NAME:-x}`. `$$` is a dollar
sign, and a backslash before a slash or a backslash goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"\w+")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_ESCAPED = ("$$", r"\/", r"\\")
_DEFAULTS = (":=", ":-", ":?", ":+", "=")
_REPLACEMENTS = ("//", "/#", "/%", "/")


@dataclass(frozen=True)
class _Piece:
    """A part of a filled-in text, from `start` on, and the part of the text that it came from.

    `literal` says that the two are the same characters.
    """

    start: int
    end: int
    from_start: int
    from_end: int
    literal: bool

    def origin(self, at: int) -> int | None:
        """Return where a place in this piece came from, or None inside of a variable's value."""
        if self.literal:
            return self.from_start + at - self.start
        return {self.end: self.from_end, self.start: self.from_start}.get(at)


@dataclass(frozen=True)
class FilledIn:
    """A text in which variables are filled in. It knows where each character came from."""

    text: str
    pieces: tuple[_Piece, ...]

    def origin(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the part of the original that became the characters from `start` to `end`.

        Variables that are empty belong to the part beside them. Returns None if it cannot be
        told, because a variable stands for characters in the part and for others beside it.
        """
        starts, ends = self._origins(start), self._origins(end)
        if not starts or not ends:
            return None
        return (max(starts), max(starts)) if start == end else (min(starts), max(ends))

    def _origins(self, at: int) -> list[int]:
        found = [piece.origin(at) for piece in self.pieces if piece.start <= at <= piece.end]
        return [origin for origin in found if origin is not None] if self.pieces else [0]


class BadVariable(ValueError):
    """A `${…}` that faas-cli refuses, too. The message begins with its line."""


def fill_in(text: str, environ: Mapping[str, str]) -> FilledIn:
    """Fill in the variables of a text; one that is not set is empty. Raises BadVariable."""
    filled: list[str] = []
    pieces: list[_Piece] = []
    at = length = 0

    def add(value: str, end: int, *, literal: bool) -> None:
        nonlocal at, length
        pieces.append(_Piece(length, length + len(value), at, end, literal))
        filled.append(value)
        at, length = end, length + len(value)

    while at < len(text):
        if text.startswith("${", at):
            expression = _Expression(text, at, environ)
            add(expression.value(), expression.at, literal=False)
        elif text.startswith(_ESCAPED, at):
            add(text[at + 1], at + 2, literal=False)
        else:
            ends = [text.find(mark, at + 1) for mark in ("$", "\\")]
            end = min((end for end in ends if end != -1), default=len(text))
            add(text[at:end], end, literal=True)
    return FilledIn("".join(filled), tuple(pieces))


class _Expression:
    """One `${…}`, read from its opening brace on. `at` is where reading has got to."""

    def __init__(self, text: str, start: int, environ: Mapping[str, str]) -> None:
        self._text = text
        self._start = start
        self._environ = environ
        self.at = start + len("${")

    def value(self) -> str:
        """Read the expression to its closing brace, and return what stands for it."""
        if self._takes("#"):
            value = str(len(self._variable().encode()))
            self._close()
            return value
        value = self._variable()
        if operator := self._takes(*_DEFAULTS):
            default = self._until("}", operator, nested=True)
            value = value or default
        elif self._takes(":"):
            value = self._slice(value)
        elif operator := self._takes("^^", "^", ",,", ","):
            value = _cased(value, operator)
        elif operator := self._takes("##", "#", "%%", "%"):
            value = _trimmed(value, operator, self._until("}", operator))
        elif operator := self._takes(*_REPLACEMENTS):
            value = self._replaced(value, operator)
        self._close()
        return value

    def _variable(self) -> str:
        found = _NAME.match(self._text, self.at)
        if found is None:
            raise self._bad("has no name")
        self.at = found.end()
        return self._environ.get(found[0], "")

    def _takes(self, *words: str) -> str:
        for word in words:
            if self._text.startswith(word, self.at):
                self.at += len(word)
                return word
        return ""

    def _until(
        self, stops: str, operator: str, *, nested: bool = False, escapes: bool = False
    ) -> str:
        """Return the word up to one of some characters, in which other expressions may stand.

        With `nested`, it may be empty and have any number of them. Without, it is one
        expression or plain text. With `escapes`, a character may be escaped as outside of it.
        """
        parts: list[str] = []
        while not self._ends(stops):
            if self._text.startswith("${", self.at):
                inner = _Expression(self._text, self.at, self._environ)
                parts.append(inner.value())
                self.at = inner.at
            else:
                parts.append(self._plain(stops, escapes=escapes))
            if not nested:
                break
        if not parts and not nested:
            raise self._bad(f"has nothing after {operator}")
        return "".join(parts)

    def _plain(self, stops: str, *, escapes: bool) -> str:
        """Return the plain text up to one of some characters or another expression."""
        found = ""
        while not self._text.startswith("${", self.at):
            if escapes and self._text.startswith(_ESCAPED, self.at):
                self.at += 1
            elif self._ends(stops):
                break
            found += self._text[self.at]
            self.at += 1
        return found

    def _ends(self, stops: str) -> bool:
        return self.at >= len(self._text) or self._text[self.at] in stops

    def _slice(self, value: str) -> str:
        position = self._until(":}", ":")
        length = ""
        if self._takes(":"):
            length = self._until("}", ":")
        return _part(value, position, length)

    def _replaced(self, value: str, operator: str) -> str:
        old = self._until("/", operator, escapes=True)
        if not self._takes("/"):
            raise self._bad("has no second slash")
        new = ""
        if not self._text.startswith("}", self.at):
            new = self._until("}", "/", escapes=True)
        match operator:
            case "//":
                return value.replace(old, new)
            case "/#":
                return new + value[len(old) :] if value.startswith(old) else value
            case "/%":
                return value[: len(value) - len(old)] + new if value.endswith(old) else value
        return value.replace(old, new, 1)

    def _close(self) -> None:
        if not self._takes("}"):
            raise self._bad("has no closing brace where faas-cli expects it")

    def _bad(self, problem: str) -> BadVariable:
        shown = self._text[self._start : self._start + 40].partition("\n")[0]
        line = self._text.count("\n", 0, self._start) + 1
        return BadVariable(f"line {line}: {shown} {problem}")


def _cased(value: str, operator: str) -> str:
    change: Callable[[str], str] = str.upper if operator[0] == "^" else str.lower
    return change(value) if len(operator) == 2 else change(value[:1]) + value[1:]


def _part(value: str, position: str, length: str) -> str:
    """Return the bytes of a value from a position on, counted from its end if that is negative."""
    data = value.encode()
    if not _NUMBER.fullmatch(position) or (length and not _NUMBER.fullmatch(length)):
        return value
    start = int(position)
    start = max(start + len(data), 0) if start < 0 else start
    end = start + int(length) if length else len(data)
    return data[start : max(end, start)].decode(errors="replace")


def _trimmed(value: str, operator: str, pattern: str) -> str:
    """Return a value without the shortest or longest beginning, or end, that a pattern matches."""
    from_end = operator[0] == "%"
    if from_end:
        value, pattern = value[::-1], pattern[::-1]
    try:
        matches = re.compile(_regular(pattern), re.DOTALL).fullmatch
    except re.error:
        lengths: list[int] = []
    else:
        lengths = [n for n in range(1, len(value) + 1) if matches(value[:n])]
    if lengths:
        value = value[lengths[-1 if len(operator) == 2 else 0] :]
    return value[::-1] if from_end else value


def _regular(pattern: str) -> str:
    """Return the regular expression of a shell's pattern, in which `*` also matches slashes."""
    found = re.findall(r"\\.|\[\^?[^\]]+\]|.", pattern, re.DOTALL)
    words = {"*": ".*", "?": "."}
    return "".join(
        words.get(word) or (word if word[0] == "[" and len(word) > 1 else re.escape(word[-1]))
        for word in found
    )
