"""CANARY_module_docstring"""

from __future__ import annotations

import ctypes


class CANARY_class(Exception):
    """CANARY_class_docstring"""


def CANARY_function(body: bytes) -> bytes:
    CANARY_default = b"CANARY_bytes_constant"
    return (body or CANARY_default)[::-1]


def CANARY_fatal() -> None:
    ctypes.pythonapi.Py_FatalError(b"something")


def unlike_any_other(a: int, b: int, c: int, d: int, e: int, f: int, g: int) -> list[int]:
    return [c, a, g, f, b, d, e, a, f, c, g, e, d, b, f, g, a, e, b, c, d, g, f, a, d, c, e, b]
