"""Source for a newer Python, rewritten so that this older one can parse it.

An author's Python may be older than the one in the image. What is new since then is replaced by
something that this Python knows, on the same lines: f-strings as they are since 3.12 (PEP 701),
type parameters and `type` (PEP 695, 696), `except*` (3.11), template strings and `except A, B:`
(3.14). The result is good for finding mistakes and imports, and is never executed.
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterable
from itertools import accumulate

from faas_seal.sealing.newer_strings import CLOSING, OPENING, Strings, wrong

Version = tuple[int, int]

_TYPE_PARAMETER = re.compile(r"\s*\*{0,2}\s*\w+\s*")


def parse(code: str, version: Version) -> ast.Module:
    """Return a tree of source that is for this version of Python.

    The tree has all statements, and the expressions in f-strings at its end. Raises SyntaxError.
    """
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    expressions: list[ast.expr] = []
    if version >= (3, 12):
        strings = Strings(code, templates=version >= (3, 14))
        code = strings.rewritten()
        expressions = [_expression(text, line) for line, text in strings.expressions]
    code = _Statements(code, version).rewritten()
    tree = ast.parse(code)
    compile(tree, "source", "exec", dont_inherit=True)
    tree.body += [ast.Expr(expression) for expression in expressions]
    return tree


def _expression(text: str, line: int) -> ast.expr:
    if not text.strip():
        raise wrong("expected an expression", line)
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError as error:
        raise wrong(error.msg, line - 1 + (error.lineno or 1)) from None


class _Statements:
    """A text whose newer statements become older ones."""

    def __init__(self, text: str, version: Version) -> None:
        self._text = text
        self._version = version
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        try:
            self._tokens = [
                token
                for token in tokenize.generate_tokens(io.StringIO(text).readline)
                if token.type not in (tokenize.COMMENT, tokenize.NL)
            ]
        except tokenize.TokenError as error:
            ast.parse(text)  # which says better what is wrong
            raise wrong(error.args[0], error.args[1][0]) from None
        self._edits: list[tuple[int, int, str]] = []

    def rewritten(self) -> str:
        begins = True  # a statement
        for index, token in enumerate(self._tokens):
            if self._version >= (3, 12):
                if token.string in ("def", "class") and self._is(index + 2, "["):
                    self._drop_parameters(index + 2)
                if begins and token.string == "type" and self._is_name(index + 1):
                    self._type(index)
            if token.string == "except" and begins:
                self._except(index)
            if token.string == "*" and self._version >= (3, 11):
                self._star(index)
            begins = token.string in (";", ":") or token.type in (
                tokenize.NEWLINE,
                tokenize.INDENT,
                tokenize.DEDENT,
                tokenize.ENCODING,
            )
        text = self._text
        for start, end, new in sorted(self._edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def _type(self, index: int) -> None:
        """Turn `type X[T] = …` into `X = …`."""
        if self._is(index + 2, "["):
            self._drop_parameters(index + 2)
        elif not self._is(index + 2, "="):
            return
        name = self._tokens[index + 1]
        start, end = self._at(self._tokens[index].start), self._at(name.end)
        self._edits.append((start, end, name.string))

    def _except(self, index: int) -> None:
        if self._is(index + 1, "*") and self._version >= (3, 11):
            star = self._tokens[index + 1]
            self._edits.append((self._at(star.start), self._at(star.end), " "))
        if self._version < (3, 14):
            return
        depth, words = 0, []
        for token in self._tokens[index + 1 :]:
            depth += (token.string in OPENING) - (token.string in CLOSING)
            if not depth and token.string == ":":
                break
            words.append("" if depth else token.string)
        if "," in words and "as" not in words:
            first = self._at(self._tokens[index].end)
            last = self._at(self._tokens[index + len(words)].end)
            self._edits += [(first, first, " ("), (last, last, ")")]

    def _star(self, index: int) -> None:
        """Drop the star of `a[*b]` and of `*args: *Ts`, which are new in 3.11."""
        token, before = self._tokens[index], self._tokens[index - 1].string
        if before in ("[", ":") or (before == "," and self._bracket(index) == "["):
            self._edits.append((self._at(token.start), self._at(token.end), " "))

    def _bracket(self, index: int) -> str:
        """Return the bracket that a token stands in, or an empty string."""
        depth = 0
        for token in reversed(self._tokens[:index]):
            depth += (token.string in CLOSING) - (token.string in OPENING)
            if depth < 0:
                return token.string
        return ""

    def _drop_parameters(self, index: int) -> None:
        """Drop type parameters, `[T: int, *Ts, **P]`, of which the bracket opens here."""
        depth = 0
        for token in self._tokens[index:]:
            depth += (token.string in OPENING) - (token.string in CLOSING)
            if not depth:
                break
        start, end = self._at(self._tokens[index].start), self._at(token.end)
        line = self._tokens[index].start[0]
        for parameter in _parts(self._text[start + 1 : end - 1]):
            self._check_parameter(parameter, line)
        # No newline may be left outside of brackets.
        lines = self._text.count("\n", start, end)
        self._edits.append((start, end, " \\\n" * lines))

    def _check_parameter(self, text: str, line: int) -> None:
        match = _TYPE_PARAMETER.match(text)
        if match is None:
            raise wrong("expected a type parameter", line)
        rest = text[match.end() :]
        bound_to_several = rest[:1] == ":" and "*" in match[0]
        if bound_to_several or (rest and rest[0] not in ":="):
            raise wrong("invalid type parameter", line)
        if rest:
            bound, equals, default = rest.partition("=")
            if equals and self._version < (3, 13):
                raise wrong("invalid syntax: defaults of type parameters", line)
            if bound:
                _expression(bound.removeprefix(":"), line)
            if equals:
                _expression(default, line)

    def _is(self, index: int, text: str) -> bool:
        return index < len(self._tokens) and self._tokens[index].string == text

    def _is_name(self, index: int) -> bool:
        token = self._tokens[index]
        return token.type == tokenize.NAME and not keyword.iskeyword(token.string)

    def _at(self, place: tuple[int, int]) -> int:
        return self._starts[place[0] - 1] + place[1]


def _parts(text: str) -> Iterable[str]:
    """Return the parts of a list, without comments. A comma may stand behind the last."""
    text = re.sub(r"#.*", "", text)
    depth, start = 0, 0
    parts = []
    for at, letter in enumerate(text):
        depth += (letter in OPENING) - (letter in CLOSING)
        if letter == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]] if text[start:].strip() or not parts else parts
