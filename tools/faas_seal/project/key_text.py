"""The text of a key, as people and programs hand it over: taken, or refused for what it is.

Editors and shells put marks, quotes and line ends around a key. The checksum in a key's text tells
that the key is whole without them.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

from faas_sealed.formats.errors import MalformedKey
from faas_sealed.formats.keys import TEXT_FORMS, TextForm, key_lines
from faas_sealed.formats.ticket import RESUMED_PREFIX, TICKET_PREFIX
from faas_sealed.formats.token import TOKEN_PREFIX

from faas_seal.errors import WrongKindOfKey
from faas_seal.project.texts import decoded

# Characters that nobody sees: byte-order marks and spaces of no width.
_INVISIBLE = re.compile("[\ufeff\u200b\u200c\u200d\u2060]")
_COMMENT = re.compile(r"\s#.*$")
_LINE_END = re.compile(r"(\\[rn])+$")  # spelled out, as forms for secrets do it
_QUOTES = (*(2 * (mark,) for mark in "'\"`"), ("‘", "’"), ("“", "”"), ("<", ">"))  # noqa: RUF001
_ASSIGNED = re.compile(r"(export\s+)?([A-Za-z_][\w.-]*)\s*[=:]\s*")
_KEY_ID = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_OTHER_KINDS = {
    TOKEN_PREFIX: "a key token, which is for one request",
    TICKET_PREFIX: "a ticket",
    RESUMED_PREFIX: "a key token, which is for one request",
    "fse1_": "a sealed trace",
    "faas-seal/": "a sealed file",
    "-----BEGIN ": "a key of another program",
    "ssh-": "a key of another program",
    "AGE-SECRET-KEY-": "a key of another program",
}


def parse_key(text: str, form: TextForm, where: str, *, path: Path = Path()) -> bytes:
    """Return the one key in `text`, which may have empty lines and `#` comments.

    Raises MalformedKey, and WrongKindOfKey with `path`. The message says `where` the text is
    from, and never quotes the text.
    """
    lines = [clean for line in key_lines(_INVISIBLE.sub("", text)) if (clean := _bare(line))]
    whole = "".join(lines)
    if len(lines) > 1 and whole.startswith(form.prefix) and _is_key(whole, form):
        lines = [whole]  # a mail or a terminal has broken the line
    if not lines:
        raise MalformedKey(f"{where} holds 0 keys, expected one", hint=_expected(form))
    if kind := _other_kind(lines[0], form):
        raise WrongKindOfKey(
            f"{where} holds {kind}, expected {_with_article(form.noun)}",
            path=path,
            expected=form.prefix,
            found=next((f.prefix for f in TEXT_FORMS if lines[0].startswith(f.prefix)), ""),
            hint=_expected(form),
        )
    if len(lines) > 1:
        raise MalformedKey(f"{where} holds {len(lines)} keys, expected one", hint=_expected(form))
    try:
        return form.decode(lines[0])
    except MalformedKey as error:
        raise MalformedKey(f"{where}: {_fault(lines[0], form) or error}", hint=error.hint) from None


def decode_bytes(data: bytes, form: TextForm, where: str) -> str:
    """Return the text of a key that was given as bytes, or raise MalformedKey."""
    try:
        return decoded(data)
    except ValueError as error:
        raise MalformedKey(f"{where} holds no key: {error}", hint=_expected(form)) from None


def exact_key(text: str, form: TextForm) -> bytes:
    """Return the key in its text form, with nothing around it, or raise MalformedKey."""
    try:
        return form.decode(text)
    except MalformedKey:
        if _is_key(_bare(_INVISIBLE.sub("", text).strip()), form):
            raise MalformedKey(
                f"{form.noun} has something around it: spaces, quotes, a line end or a mark",
                hint="take that off, as with text.strip().strip('\"')",
            ) from None
        raise


def _bare(line: str) -> str:
    line = _LINE_END.sub("", _COMMENT.sub("", line).strip())
    for opening, closing in _QUOTES:
        if len(line) > 1 and line.startswith(opening) and line.endswith(closing):
            return _LINE_END.sub("", line[1:-1].strip())
    return line


def _is_key(text: str, form: TextForm) -> bool:
    try:
        form.decode(text)
    except MalformedKey:
        return False
    return True


def _other_kind(line: str, form: TextForm) -> str:
    """Return what a line holds if that is of another kind than the key that is wanted."""
    for other in TEXT_FORMS:
        if other is not form and line.startswith(other.prefix):
            return _with_article(other.noun)
    kinds = (kind for prefix, kind in _OTHER_KINDS.items() if line.startswith(prefix))
    if kind := next(kinds, ""):
        return kind
    if _KEY_ID.fullmatch(line):
        return "an id, which opens nothing"
    return ""


def _fault(line: str, form: TextForm) -> str:
    """Return what is wrong with a line that is nearly a key, or an empty string."""
    assigned = _ASSIGNED.match(line)
    if assigned and _is_key(_bare(line[assigned.end() :].rstrip(";,")), form):
        return f"beside the {form.noun} it has its name, {assigned[2]}: it must have the key alone"
    if _is_key(_bare(_of_base64(line)), form):
        return f"{form.noun} expected, and this is one in base64: base64 -d makes it a key again"
    if line.startswith(("/", "./", "../", "~/")):
        return f"{form.noun} expected, and this is the path of a file: name it as a file"
    if line.startswith(("'", '"')) != line.endswith(("'", '"')):
        return f"{form.noun} is damaged: there is a quotation mark on one side of it"
    return ""


def _of_base64(line: str) -> str:
    try:
        return base64.b64decode(line, validate=True).decode("ascii")
    except ValueError:
        return ""


def _expected(form: TextForm) -> str:
    return f"besides comments (#) it must have one line, which starts with {form.prefix}"


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
