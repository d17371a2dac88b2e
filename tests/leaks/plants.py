"""A function with a canary wherever a secret could stand, and requests with more."""

from __future__ import annotations

import re
import secrets
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType

from faas_seal.scan.search import Hit, Search
from faas_sealed.formats.file import SealedFile
from faas_sealed.formats.keys import FUNCTION_KEY
from faas_sealed.formats.primitives import hkdf
from faas_sealed.formats.stream import request_key, response_key

VICTIM = Path(__file__).parent / "victim"

_TOKEN = re.compile(r"CANARY_[a-z_]+")
# A file that no tool for source text could read, and so is none in the folder.
_BROKEN = "CANARY_broken_name = = 'CANARY_broken_text'"
_BYTECODE_OF = "unlike_any_other"


def report(hits: Iterable[Hit]) -> str:
    """Return a line for each hit, as the message of an assertion."""
    return "\n".join(map(str, sorted(hits)))


def token(kind: str) -> str:
    """Return a word that stands nowhere else, and a Python name where `kind` is one."""
    return f"CANARY_{kind}_{secrets.token_hex(8)}"


class Plants:
    """The canaries of one function by what they are, and the files that carry them.

    `code` comes with the function, `data` with each request. `transport` is a transport
    seed, which the function keeps.
    """

    def __init__(self) -> None:
        self.code: dict[str, str | bytes] = {}
        self.files = dict(self._files())
        for name, text in self.files.items():
            if name.endswith(".py") and text != self._replant(_BROKEN):
                self.code |= _compiled(text)
        self.body = token("body")
        self.header = token("header")
        self.query = token("query")
        self.path = token("path")
        self.transport = secrets.token_bytes(32)
        self.session = secrets.token_bytes(32)
        self.resume = secrets.token_bytes(32)
        wrong_key = secrets.token_bytes(32)
        self.wrong_key = FUNCTION_KEY.encode(wrong_key)
        self.malformed_key = FUNCTION_KEY.encode(secrets.token_bytes(32))[:-1]
        self.data: dict[str, str | bytes] = {
            "body": self.body,
            "header": self.header,
            "query": self.query,
            "path": self.path,
            "reply": self.body[::-1],
            "reply header": self.header[::-1],
            "wrong key": wrong_key,
            "wrong key as text": self.wrong_key,
            "malformed key": self.malformed_key,
            "session": self.session,
            "ticket secret": self.resume,
            "request key": request_key(self.session),
            "response key": response_key(self.session),
        }

    @property
    def sealable(self) -> dict[str, str]:
        """The files that `faas-seal seal` takes: it refuses one that does not compile."""
        broken = self._replant(_BROKEN)
        return {name: text for name, text in self.files.items() if text != broken}

    def search(self, sealed: SealedFile, function_key: bytes) -> Search:
        """Return a search for all that must not be found of a function in a sealed file."""
        content_key = sealed.content_key(function_key, time.time())
        keys: dict[str, str | bytes] = {
            "function key": function_key,
            "function key as text": FUNCTION_KEY.encode(function_key),
            "content key": content_key,
            "payload key": hkdf(content_key, b"payload"),
        }
        return Search(self.code | self.data | keys | _runs_of(sealed.bundle(content_key)))

    def _files(self) -> Iterator[tuple[str, str]]:
        for path in sorted(VICTIM.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                name = self._replant(str(path.relative_to(VICTIM)))
                yield name, self._replant(path.read_text())
        yield self._replant("CANARY_broken.py"), self._replant(_BROKEN)

    def _replant(self, text: str) -> str:
        """Make each token of a text one of this function's own, the same one each time."""

        def own(match: re.Match[str]) -> str:
            kind = match[0].removeprefix("CANARY_")
            return str(self.code.setdefault(kind, token(kind)))

        return _TOKEN.sub(own, text)


def _runs_of(bundle: bytes) -> dict[str, bytes]:
    """Return runs of a plaintext bundle that could not be those of another zip."""
    runs = {f"bundle from {at}": bundle[at : at + 32] for at in range(0, len(bundle) - 32, 256)}
    return {name: run for name, run in runs.items() if len(set(run)) > 24}


def _compiled(source: str) -> dict[str, bytes]:
    """Return what a compiler makes of constants and of the function like no other."""
    found: dict[str, bytes] = {}
    codes = [compile(source, "name", "exec")]
    for code in codes:
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                codes.append(constant)
            elif isinstance(constant, int) and constant > 2**150:
                found["number"] = _digits(constant)
        if code.co_name == _BYTECODE_OF:
            found["bytecode"] = code.co_code[2:34]
            # What the interpreter makes of it before or while it runs, from 3.11 on.
            adapted = getattr(code, "_co_code_adaptive", code.co_code)
            if adapted != code.co_code:
                found["bytecode, adapted"] = adapted[2:34]
    return found


def _digits(number: int) -> bytes:
    """Return the digits of a large integer as they lie in memory (CPython, longintrepr.h)."""
    size = -(-number.bit_length() // 30)
    return struct.pack(f"={size}I", *(number >> 30 * n & 2**30 - 1 for n in range(size)))
