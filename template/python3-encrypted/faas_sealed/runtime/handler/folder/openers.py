"""The openers of files: `open` and `io.open_code`, which read those of the tree from memory."""

from __future__ import annotations

import io
import locale
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from faas_sealed.runtime.handler.folder.memory_file import FileIO, opener_of
from faas_sealed.runtime.handler.folder.resolver import Resolver
from faas_sealed.runtime.handler.folder.tree import BLOCK_BYTES

_open, _open_code = io.open, io.open_code


class Openers:
    """`open` and `io.open_code`, with files that are what Python's own would return."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Callable[[Any, int], int] | None = None,
    ) -> Any:
        """Open file and return a stream. Raise OSError upon failure."""
        if isinstance(file, int) or opener is not None:
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        place = self._resolver.find(file)
        if place is None:
            try:
                return _open(file, mode, buffering, encoding, errors, newline, closefd)
            except FileNotFoundError:
                place = self._resolver.find_linked(file)
                if place is None:
                    raise
        if place.name is None:
            opener = opener_of(place)
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        is_binary = "b" in mode
        is_text_of = is_binary and (encoding, errors, newline) != (None, None, None)
        if mode not in ("r", "rt", "rb") or buffering == 0 or not closefd or is_text_of:
            with suppress(OSError):  # Python itself says what is wrong with the arguments
                _open(os.devnull, mode, buffering, encoding, errors, newline, closefd).close()
        raw = FileIO.of(place.name, os.fspath(file), mode)
        if buffering == 0:
            return raw
        buffered = io.BufferedReader(raw, buffering if buffering > 1 else BLOCK_BYTES)
        if is_binary:
            return buffered
        if encoding in (None, "locale"):  # to find it out, some Pythons ask for the descriptor
            encoding = locale.getpreferredencoding(False)
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode  # type: ignore[misc]
        return text

    def open_code(self, path: Any) -> Any:
        """Open the provided file with the intent to import the contents."""
        place = self._resolver.find(path) if isinstance(path, str) else None
        if place is None:
            try:
                return _open_code(path)
            except FileNotFoundError:
                place = self._resolver.find_linked(path)
                if place is None:
                    raise
        return self.open(path, "rb")
