"""A small fuzzer: mutates inputs, keeps those that reach new lines, and judges each.

One trace function counts the lines that a parser executes, which bounds its work without
a clock, and records which line follows which, which is the coverage. The same seed gives
the same inputs.
"""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from tests.formats.second.suite import Refused

MAX_INPUT_BYTES = 16 * 2**10

Edges = set[tuple[CodeType, int, int]]


def _as_it_is(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class Target:
    """A parser that a stranger can reach, and what is true of it for every input.

    `kind` is the folder of its vectors, and `seeds` are what the fuzzer mutates first.
    `prepare` makes what is parsed out of the fuzzer's bytes, such as by signing them, so
    that they are not refused for that alone. `parse` raises nothing but `errors`. What it
    returns `serialise` writes so that it is parsed to the same; to the same bytes where the
    encoding is `unique`. `others` are further readers that must come to the same result.
    """

    name: str
    kind: str
    seeds: Sequence[bytes]
    parse: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...]
    prepare: Callable[[bytes], bytes] = _as_it_is
    serialise: Callable[[Any], bytes] | None = None
    unique: bool = True
    others: Sequence[Callable[[bytes], Any]] = ()
    lines: int = 2_000
    lines_per_byte: int = 8
    memory: int = 2**18
    memory_per_byte: int = 32


class Fault(Exception):
    """What is wrong with a parser."""


class Found(Exception):
    """An input that shows a fault."""

    def __init__(self, target: str, fault: Fault, data: bytes) -> None:
        super().__init__(f"{target}: {fault}; the input is {data!r}")
        self.fault = fault
        self.data = data


class _TooMuchWork(BaseException):
    """Ends a parser from within, through every `except Exception`."""


class _Watch:
    """Counts lines, and records which follows which."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.edges: Edges = set()
        self._last = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> _Watch:
        if event == "line":
            self.left -= 1
            if self.left < 0:
                raise _TooMuchWork
            self.edges.add((frame.f_code, self._last, frame.f_lineno))
            self._last = frame.f_lineno
        return self

    @contextmanager
    def on(self) -> Iterator[None]:
        before = sys.gettrace()
        # A collection would run the finalisers of others in the midst of the parser.
        gc.disable()
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(before)
            gc.enable()


@contextmanager
def _traced_memory() -> Iterator[None]:
    running = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        yield
    finally:
        if not running:
            tracemalloc.stop()


def fuzz(target: Target, inputs: int, seed: int) -> list[bytes]:
    """Judge the seeds and then `inputs` mutations; return all that reached a new line.

    Raises Found for the first input that shows a fault, made as short as it easily gets.
    """
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    corpus: list[bytes] = []
    seen: Edges = set()
    with _traced_memory():
        for number in range(len(target.seeds) + inputs):
            data = target.seeds[number] if number < len(target.seeds) else _mutate(chance, corpus)
            try:
                edges = judge(target, data)
            except Fault:
                raise _shortest(target, data) from None
            if edges - seen or number < len(target.seeds):
                corpus.append(data)
                seen |= edges
    return corpus


def judge(target: Target, raw: bytes) -> Edges:
    """Return what `raw` reached, or raise Fault. Memory must be traced."""
    data = target.prepare(raw)
    watch = _Watch(target.lines + target.lines_per_byte * len(data))
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        with watch.on():
            outcome = _outcome(target.parse, data, target.errors)
    except _TooMuchWork:
        raise Fault("it executes too many lines for an input of this length") from None
    _, peak = tracemalloc.get_traced_memory()
    if peak - before > target.memory + target.memory_per_byte * len(data):
        raise Fault("it takes more memory than is right for an input of this length")
    for other in target.others:
        if _outcome(other, data, (*target.errors, Refused)) != outcome:
            raise Fault(f"{other.__name__} comes to another result")
    refused, value = outcome
    if target.serialise and not refused:
        written = target.serialise(value)
        if target.unique and written != data:
            raise Fault("it takes an encoding that is not the one of its value")
        if _outcome(target.parse, written, target.errors) != outcome:
            raise Fault("it does not read what was written of its value")
    return watch.edges


def _outcome(
    reader: Callable[[bytes], Any], data: bytes, errors: tuple[type[Exception], ...]
) -> tuple[bool, Any]:
    """Return whether `data` is refused, and the reason or the value."""
    try:
        return False, reader(data)
    except errors as error:
        return True, getattr(error, "reason", "")
    except Exception as error:
        raise Fault(f"{reader.__name__} raises {type(error).__name__}") from None


def _shortest(target: Target, data: bytes) -> Found:
    """Leave out of `data` whatever its fault does not need."""
    fault, size = _fault(target, data), len(data)
    while fault and size:
        for at in range(len(data) - size, -1, -size):
            shorter = data[:at] + data[at + size :]
            if str(_fault(target, shorter)) == str(fault):
                data = shorter
        size //= 2
    return Found(target.name, fault or Fault("it shows a fault at times only"), data)


def _fault(target: Target, data: bytes) -> Fault | None:
    try:
        judge(target, data)
    except Fault as fault:
        return fault
    return None


_NUMBERS = (0, 1, 2, 16, 17, 127, 128, 255, 256, 4096, 65535, 65536, 65553, 65554, 2**31, 2**32 - 1)
_WORDS = (
    *(b'"', b"\\", b"\\u0000", b"\\ud800", b"[", b"]", b"{", b"}", b",", b":", b"null", b"true"),
    *(
        b"-1",
        b"1.0",
        b"1e9",
        b"9007199254740992",
        b"9" * 400,
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"=",
        b"_",
    ),
    *(
        b"\xff",
        b"\xc3\xa9",
        b"\xef\xbb\xbf",
        b"../",
        b"/",
        b"[" * 12_000,
        b"PK\3\4",
        b"PK\1\2",
        b"PK\5\6",
    ),
)


def _mutate(chance: random.Random, corpus: Sequence[bytes]) -> bytes:
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randint(0, len(data))
        end = min(len(data), at + chance.choice((1, 1, 2, 4, 16, 256)))
        match chance.randrange(8):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at:end] = chance.randbytes(end - at)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end] * chance.choice((1, 1, 2, 50))
            case 4:
                data[at:at] = chance.choice(_WORDS)
            case 5:
                data[at:end] = chance.choice(_WORDS)
            case 6:
                size = chance.choice((1, 2, 4))
                number = chance.choice(_NUMBERS) + chance.choice((0, 0, -1, 1))
                order = chance.choice(("little", "big"))
                data[at : at + size] = (number % 256**size).to_bytes(size, order)
            case 7:
                other = chance.choice(corpus)
                start = chance.randint(0, len(other))
                data[at:] = other[start:]
    return bytes(data[:MAX_INPUT_BYTES])
