"""The Python API: seal functions, open them, and call them with their keys.

>>> from faas_seal import AuthorKey, FunctionKey, seal, open_sealed
>>> author, key = AuthorKey.generate(), FunctionKey.generate()
>>> files = {"handler.py": b"def handle(event, context): return 'hello'"}
>>> sealed = seal(files, function="greet", author=author, keys=[key])
>>> open_sealed(sealed, author=author.public, key=key) == files
True

Every error is a SealError. Each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# isort would write a line for each name.
# isort: off
if TYPE_CHECKING:
    from faas_sealed.formats.errors import (
        FileRefused as FileRefused,
        FunctionExpired as FunctionExpired,
        KeyRefused as KeyRefused,
        MalformedBundle as MalformedBundle,
        MalformedFile as MalformedFile,
        MalformedKey as MalformedKey,
        MissingKey as MissingKey,
        RequestFailed as RequestFailed,
        SealError as SealError,
        UnknownKey as UnknownKey,
        WrongSignature as WrongSignature,
    )
    from faas_sealed.formats.header import Header as Header

    from faas_seal.api import (
        open_sealed as open_sealed,
        seal as seal,
        verify as verify,
    )
    from faas_seal.calling.bodies import (
        CallResponse as CallResponse,
        read_answer as read_answer,
    )
    from faas_seal.calling.raw_key import KeyInClear as KeyInClear
    from faas_seal.calling.sessions import session as session
    from faas_seal.errors import (
        AlteredSealedFile as AlteredSealedFile,
        AuthorKeyMissing as AuthorKeyMissing,
        FunctionKeyMissing as FunctionKeyMissing,
        HomeMissing as HomeMissing,
        InsecureKeyFile as InsecureKeyFile,
        KeyFileMissing as KeyFileMissing,
        KeyFileRefused as KeyFileRefused,
        KeyWouldLeak as KeyWouldLeak,
        LifetimeRefused as LifetimeRefused,
        MalformedKeyFile as MalformedKeyFile,
        MalformedSealedFile as MalformedSealedFile,
        NoTransportKey as NoTransportKey,
        ProjectMissing as ProjectMissing,
        RolledBack as RolledBack,
        SealedFileMissing as SealedFileMissing,
        SealedFileRefused as SealedFileRefused,
        SourceRefused as SourceRefused,
        StackFileRefused as StackFileRefused,
        UnexpectedAnswer as UnexpectedAnswer,
        UnknownAuthor as UnknownAuthor,
        UnknownFunction as UnknownFunction,
        UnknownTransportKey as UnknownTransportKey,
        UnnamedFunction as UnnamedFunction,
        Unreachable as Unreachable,
        UnsealedAnswer as UnsealedAnswer,
        UsageError as UsageError,
        WrongAuthor as WrongAuthor,
        WrongFunction as WrongFunction,
    )
    from faas_seal.function_key import FunctionKey as FunctionKey
    from faas_seal.keys import (
        AuthorKey as AuthorKey,
        Identity as Identity,
        TransportKey as TransportKey,
    )
# isort: on

# The names above, by the module that each is loaded from. A test compares the two lists.
_NAMES = {
    "faas_sealed.formats.errors": """
        FileRefused FunctionExpired KeyRefused MalformedBundle MalformedFile MalformedKey
        MissingKey RequestFailed SealError UnknownKey WrongSignature
    """,
    "faas_sealed.formats.header": "Header",
    "faas_seal.api": "open_sealed seal verify",
    "faas_seal.calling.bodies": "CallResponse read_answer",
    "faas_seal.calling.raw_key": "KeyInClear",
    "faas_seal.calling.sessions": "session",
    "faas_seal.errors": """
        AlteredSealedFile AuthorKeyMissing FunctionKeyMissing HomeMissing InsecureKeyFile
        KeyFileMissing KeyFileRefused KeyWouldLeak LifetimeRefused MalformedKeyFile
        MalformedSealedFile NoTransportKey ProjectMissing RolledBack SealedFileMissing
        SealedFileRefused SourceRefused StackFileRefused UnexpectedAnswer UnknownAuthor
        UnknownFunction UnknownTransportKey UnnamedFunction Unreachable UnsealedAnswer
        UsageError WrongAuthor WrongFunction
    """,
    "faas_seal.function_key": "FunctionKey",
    "faas_seal.keys": "AuthorKey Identity TransportKey",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_MODULES)


if not TYPE_CHECKING:  # a type checker that sees this would accept any name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _MODULES.keys())
