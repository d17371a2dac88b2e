"""The JSON of a header and of a token, and what each member may be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NoReturn

from tests.formats.second.suite import Refused
from tests.formats.second.text import base64_decode


def read_json(line: bytes) -> Any:
    # No string there has a space or an escape, so these are nowhere.
    if any(byte in b" \t\r\n\\" or byte > 126 for byte in line):
        raise Refused("malformed-file")
    try:
        return json.loads(
            line.decode("ascii"),
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_no,
            parse_constant=_no,
        )
    except (ValueError, RecursionError):
        raise Refused("malformed-file") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if any(second <= first for first, second in pairwise(names)):
        _no()
    return dict(pairs)


def _integer(digits: str) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,15}", digits) or int(digits) >= 2**53:
        _no()
    return int(digits)


def _no(_: str = "") -> NoReturn:
    raise ValueError


Rule = Callable[[Any], bool]


def _text(pattern: str) -> Rule:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _bytes(length: int) -> Rule:
    def rule(value: Any) -> bool:
        data = base64_decode(value) if isinstance(value, str) else None
        return data is not None and len(data) == length

    return rule


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _or_null(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


def _object(**rules: Rule) -> Rule:
    return lambda value: (
        isinstance(value, dict)
        and set(value) == set(rules)
        and all(rule(value[name]) for name, rule in rules.items())
    )


def _rising(rule: Rule, least: int, most: int, key: Callable[[Any], str]) -> Rule:
    def check(value: Any) -> bool:
        if not isinstance(value, list) or not least <= len(value) <= most:
            return False
        if not all(map(rule, value)):
            return False
        keys = list(map(key, value))
        return all(second > first for first, second in pairwise(keys))

    return check


_KEY_ID = _text("[0-9a-f]{16}")
_IDENTITY_ID = _text("[0-9a-f]{32}")
_SLOT = _object(
    expires=_or_null(_number),
    id=_KEY_ID,
    salt=_bytes(16),
    to=_or_null(_object(id=_IDENTITY_ID, sealed=_bytes(1168))),
    wrapped=_bytes(48),
)
HEADER = _object(
    author=_bytes(32),
    commit=_bytes(32),
    created=_number,
    expires=_or_null(_number),
    function=_text("(?!-)[a-z0-9-]{1,63}(?<!-)"),
    length=_number,
    preload=_rising(_text("[A-Za-z_][A-Za-z0-9_]{0,127}"), 0, 2**20, str),
    sha256=_bytes(32),
    slots=_rising(_SLOT, 1, 256, lambda slot: str(slot["id"])),
    transport=_or_null(_bytes(1216)),
)
TOKEN = _object(
    bind=_or_null(_bytes(32)),
    exp=_number,
    key=_bytes(32),
    resume=_or_null(_bytes(32)),
    session=_or_null(_bytes(32)),
)
