"""Base64 and JSON with one valid form for each value.

What a parser here accepts, the serialiser beside it writes back byte for byte.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn

MAX_INTEGER = 2**53 - 1


def base64_encode(data: bytes) -> str:
    """Encode with the URL-safe alphabet and no padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64_decode(text: str) -> bytes:
    """Decode what `base64_encode` writes; anything else is a ValueError."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64_encode(data) != text:
        raise ValueError("base64 in a form that is not canonical")
    return data


def json_encode(value: object) -> bytes:
    """Serialise with sorted members, no spaces, ASCII only (RFC 8259).

    The only numbers in `value` are integers from 0 to MAX_INTEGER.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def json_decode(data: bytes) -> Any:
    """Parse what `json_encode` writes; anything else is a ValueError.

    Writing the value again and comparing refuses spaces, needless escapes, repeated or
    unsorted members, and numbers in another form, all at once.
    """
    try:
        value = json.loads(
            data.decode("ascii"),
            parse_int=_integer,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
        canonical = json_encode(value)
    except (ValueError, RecursionError):
        raise ValueError("not JSON of the allowed form") from None
    if canonical != data:
        raise ValueError("JSON in a form that is not canonical")
    return value


def json_parse(data: bytes) -> Any:
    """Parse UTF-8 JSON in any form (RFC 8259), or raise ValueError.

    It still refuses a byte order mark, an object that has a member twice, and every number
    that is not an integer from 0 to MAX_INTEGER without a fraction or exponent.
    """
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        raise ValueError("not JSON of the allowed form") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def read_members(value: object, names: str) -> dict[str, Any]:
    """Return a JSON object with exactly the members `names`: sorted, with spaces between them."""
    if not isinstance(value, dict) or sorted(value) != names.split():
        raise ValueError(f"expected exactly the members {names}")
    return value


def read_fixed(value: object, length: int, name: str) -> bytes:
    """Return the `length` bytes whose base64 is the JSON string `value`."""
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a string")
    data = base64_decode(value)
    if len(data) != length:
        raise ValueError(f"{name} is {len(data)} bytes, expected {length}")
    return data


def read_integer(value: object, name: str) -> int:
    """Return a JSON number, which `json_decode` has bounded."""
    if type(value) is not int:  # True and False are instances of int
        raise ValueError(f"{name} is not an integer")
    return value


def _integer(digits: str) -> int:
    # Converting a million digits takes seconds where the interpreter has no limit of its own.
    if len(digits) > len(str(MAX_INTEGER)) or not 0 <= int(digits) <= MAX_INTEGER:
        _refuse(digits)
    return int(digits)


def _refuse(_: str) -> NoReturn:
    raise ValueError
