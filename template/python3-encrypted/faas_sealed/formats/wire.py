"""Names on the wire: our headers, the well-known paths, media types, the form of headers."""

from __future__ import annotations

import re

KEY_HEADER = "X-Function-Key"
MAX_KEY_HEADER = 4096  # characters
TICKET_HEADER = "X-Function-Ticket"

READY_PATH = "/.well-known/faas-seal/ready"
DISCOVERY_PATH = "/.well-known/faas-seal"

PROBLEM_TYPE = "application/problem+json"  # RFC 9457, section 6.1
# The `type` of a problem document is this text, and then the error's reason.
ERROR_TYPE = "urn:faas-seal:error:"

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_HEADER_VALUE = re.compile(r"[\0\r\n]")


def is_header(name: str, value: str) -> bool:
    """Tell whether `name` is a token, and `value` has no character that would end the header.

    RFC 9110, section 5.6.2, defines a token; section 5.5 names the dangerous characters.
    """
    return bool(_HEADER_NAME.fullmatch(name)) and not _NOT_IN_HEADER_VALUE.search(value)
