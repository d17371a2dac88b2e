"""Seal Python functions, open them, and call them with their key.

>>> from faas_seal import AuthorKey, FunctionKey, seal, open_sealed
>>> author, key = AuthorKey.generate(), FunctionKey.generate()
>>> files = {"handler.py": b"def handle(event, context): return 'hello'"}
>>> sealed = seal(files, function="greet", author=author, keys=[key])
>>> open_sealed(sealed, author=author.public, key=key) == files
True
"""

from faas_sealed.formats.errors import (
    FileRefused,
    KeyRefused,
    MalformedKey,
    SealError,
    UnknownKey,
    WrongSignature,
)
from faas_sealed.formats.header import Header

from faas_seal.api import AuthorKey, open_sealed, seal, verify
from faas_seal.calling.auth import FunctionKey, KeyInClear
from faas_seal.calling.bodies import read_answer
from faas_seal.calling.duplex import Duplex
from faas_seal.errors import KeyWouldLeak, UnexpectedAnswer, Unreachable

__all__ = [
    "AuthorKey",
    "Duplex",
    "FileRefused",
    "FunctionKey",
    "Header",
    "KeyInClear",
    "KeyRefused",
    "KeyWouldLeak",
    "MalformedKey",
    "SealError",
    "UnexpectedAnswer",
    "UnknownKey",
    "Unreachable",
    "WrongSignature",
    "open_sealed",
    "read_answer",
    "seal",
    "verify",
]
