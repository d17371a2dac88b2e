"""The f-strings that Python knows since 3.12 (PEP 701), and template strings (3.14, PEP 750)."""

from __future__ import annotations

import re

_PREFIXED = re.compile(r"(?i)(r|u|b|br|rb|f|fr|rf|t|tr|rt)?('''|\"\"\"|'|\")")
_WORD = re.compile(r"\w+")
_CONVERSION = re.compile(r"![sra]\s*(?=[:}])")
_SHOWN = re.compile(r"=\s*(#.*\s*)*(?=[!:}])")
OPENING = "([{"
CLOSING = ")]}"


def wrong(message: str, line: int) -> SyntaxError:
    """Return an error about a line of a source."""
    return SyntaxError(message, ("source", line, None, None))


class Strings:
    """A text whose f-strings become empty.

    Once it is rewritten, `expressions` has what stands in them, with lines, and `first_newer` is
    the line of the first that an older Python does not know, or 0.
    """

    def __init__(self, text: str, *, templates: bool) -> None:
        self._text = text
        self._at = 0
        self._templates = templates
        self.expressions: list[tuple[int, str]] = []
        self.first_newer = 0

    def rewritten(self) -> str:
        return self._code(end="")

    def _code(self, end: str) -> str:
        """Return code up to one of the characters in `end`, outside of any bracket."""
        found: list[str] = []
        depth = 0
        while self._at < len(self._text):
            letter = self._text[self._at]
            if not depth and end and self._ends(end):
                break
            if letter == "#":
                stop = self._text.find("\n", self._at)
                self._at = len(self._text) if stop == -1 else stop
                continue
            if match := _PREFIXED.match(self._text, self._at):
                found.append(self._string(match))
                continue
            if match := _WORD.match(self._text, self._at):
                found.append(match[0])
                self._at = match.end()
                continue
            depth += (letter in OPENING) - (letter in CLOSING)
            if depth < 0 and end:
                raise self._wrong(f"f-string: unmatched '{letter}'", self._at)
            taken = 2 if letter == "\\" else 1
            found.append(self._text[self._at : self._at + taken])
            self._at += taken
        return "".join(found)

    def _ends(self, end: str) -> bool:
        letter, after = self._text[self._at], self._text[self._at + 1 : self._at + 2]
        if letter == "!" and after == "=":
            return False
        if letter == "=":
            comparison = self._text[self._at - 1] in "=!<>:" or after == "="
            return not comparison and _SHOWN.match(self._text, self._at) is not None
        return letter in end

    def _string(self, match: re.Match[str]) -> str:
        prefix, quote = (match[1] or "").lower(), match[2]
        start, self._at = self._at, match.end()
        if "t" in prefix and not self._templates:
            raise self._wrong("invalid syntax: template strings are for Python 3.14", start)
        if "f" in prefix or "t" in prefix:
            self._formatted(quote, raw="r" in prefix, start=start)
            lines = self._text.count("\n", start, self._at)
            return 'f"""' + "\n" * lines + '"""' if lines else 'f""'
        while not self._text.startswith(quote, self._at):
            if self._at >= len(self._text) or (len(quote) == 1 and self._here() == "\n"):
                raise self._wrong("unterminated string literal", start)
            self._at += 2 if self._here() == "\\" else 1
        self._at += len(quote)
        return self._text[start : self._at]

    def _formatted(self, quote: str, *, raw: bool, start: int) -> None:
        """Read an f-string to its end."""
        while not self._text.startswith(quote, self._at):
            if self._at >= len(self._text) or (len(quote) == 1 and self._here() == "\n"):
                raise self._wrong("unterminated f-string literal", start)
            if self._text.startswith(("{{", "}}"), self._at):
                self._at += 2
            elif self._here() == "{":
                self._field(quote, start)
            elif self._here() == "}":
                raise self._wrong("f-string: single '}' is not allowed", self._at)
            elif not raw and self._text.startswith("\\N{", self._at):
                self._at = self._text.find("}", self._at) + 1 or len(self._text)
            elif self._here() == "\\" and self._text[self._at + 1 : self._at + 2] not in ("{", "}"):
                self._at += 2
            else:
                self._at += 1
        self._at += len(quote)

    def _field(self, quote: str, start: int) -> None:
        """Read a replacement field, `{…}`."""
        opening = self._at
        self._at += 1
        line = self._line(self._at)
        text = self._code(end="!:}=")
        if not text.strip():
            raise self._wrong("f-string: valid expression required before '}'", opening)
        self.expressions.append((line, text))
        written = self._text[opening + 1 : self._at]
        older = not any(mark in written for mark in ("\\", "#", quote))
        if not older or (len(quote) == 1 and "\n" in written):
            self.first_newer = self.first_newer or self._line(start)
        if match := _SHOWN.match(self._text, self._at):
            self._at = match.end()
        if self._here() == "!":
            match = _CONVERSION.match(self._text, self._at)
            if match is None:
                raise self._wrong("f-string: invalid conversion character", opening)
            self._at = match.end()
        if self._here() == ":":
            self._at += 1
            while self._here() != "}":
                if self._text.startswith(quote, self._at) or not self._here():
                    raise self._wrong("f-string: expecting '}'", start)
                if self._here() == "{":
                    self._field(quote, start)
                else:
                    self._at += 1
        if self._here() != "}":
            raise self._wrong("f-string: expecting '}'", opening)
        self._at += 1

    def _here(self) -> str:
        return self._text[self._at : self._at + 1]

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1

    def _wrong(self, message: str, at: int) -> SyntaxError:
        return wrong(message, self._line(at))
