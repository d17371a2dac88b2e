"""A raw file that is read from memory until somebody asks for its descriptor."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from faas_sealed.runtime.handler.folder.resolver import Place, Resolver
from faas_sealed.runtime.handler.folder.tree import failure

_FileIO, _open, _lseek = io.FileIO, os.open, os.lseek
_CHANGES = frozenset("wax+")


class _AnyFileIO(type):
    """The type of FileIO. Files that `open` has made for the kernel's paths are instances, too."""

    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, _FileIO) if cls is FileIO else super().__instancecheck__(thing)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _FileIO) if cls is FileIO else super().__subclasscheck__(kind)


class FileIO(io.FileIO, metaclass=_AnyFileIO):  # type: ignore[metaclass]
    """`io.FileIO`: a file of the kernel's, or one of the tree.

    One of the tree is `_content`, read up to `_at`. With its descriptor it becomes a file of the
    kernel's, and so it is when it is closed.
    """

    resolver: Resolver
    _content: bytes | None = None
    _at = 0

    def __init__(
        self,
        file: Any,
        mode: str = "r",
        closefd: bool = True,
        opener: Callable[[Any, int], int] | None = None,
    ) -> None:
        if isinstance(file, int) or opener is not None:
            super().__init__(file, mode, closefd, opener)
            return
        place = self.resolver.find(file)
        if place is None:
            try:
                super().__init__(file, mode, closefd)
                return
            except FileNotFoundError:
                place = self.resolver.find_linked(file)
                if place is None:
                    raise
        if place.name is None:
            super().__init__(file, mode, closefd, opener_of(place))
        else:
            with suppress(OSError):  # Python itself says what is wrong with the arguments
                _FileIO(os.devnull, mode, closefd).close()
            self._take(place.name, file, mode)

    @classmethod
    def of(cls, name: str, given: Any, mode: str = "r") -> FileIO:
        """Return a file of the tree, or raise OSError if it cannot be opened in this mode."""
        file = cls.__new__(cls, given)  # type: ignore[call-arg]
        file._take(name, given, mode)
        return file

    def _take(self, name: str, given: Any, mode: str) -> None:
        tree = self.resolver.tree
        number = 0
        if "x" in mode or ("r" not in mode and not tree.has(name)):
            number = tree.why_unmade(name)
        elif not tree.has(name):
            number = tree.why_absent(name)
        elif name in tree.folders:
            number = errno.EISDIR
        elif set(mode) & _CHANGES:
            number = errno.EROFS
        if number:
            raise failure(number, os.fspath(given))
        self.name = given
        self._file = name
        self._content = tree.files[name]

    @property
    def closed(self) -> bool:
        return self._content is None and super().closed

    @property
    def mode(self) -> str:  # type: ignore[override]
        return super().mode if self._content is None else "rb"

    def __repr__(self) -> str:
        if self._content is None:
            return super().__repr__()
        return f"<_io.FileIO name={self.name!r} mode='rb' closefd=True>"

    def fileno(self) -> int:
        if self._content is not None:
            number = self.resolver.tree.number(self._file)
            descriptor = self.resolver.descriptors.open(number, self._content)
            _lseek(descriptor, self._at, os.SEEK_SET)
            name, self._content = self.name, None
            super().__init__(descriptor, "r")
            self.name = name
        return super().fileno()

    def close(self) -> None:
        self._content = None
        super().close()

    def readable(self) -> bool:
        return self._content is not None or super().readable()

    def seekable(self) -> bool:
        return self._content is not None or super().seekable()

    def writable(self) -> bool:
        return self._content is None and super().writable()

    def isatty(self) -> bool:
        return self._content is None and super().isatty()

    def tell(self) -> int:
        return super().tell() if self._content is None else self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if self._content is None:
            return super().seek(offset, whence)
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._content)}
        at = starts.get(whence, -1 - offset) + offset
        if at < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = at
        return at

    def readall(self) -> bytes:
        if self._content is None:
            return super().readall()
        piece = self._content[self._at :]
        self._at = max(self._at, len(self._content))
        return piece

    def read(self, size: int | None = -1, /) -> bytes:
        if self._content is None:
            return super().read(size)
        if size is None or size < 0:
            return self.readall()
        piece = self._content[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def readinto(self, buffer: Any, /) -> int:
        if self._content is None:
            return super().readinto(buffer)
        with memoryview(buffer).cast("B") as view, memoryview(self._content) as content:
            piece = content[self._at : self._at + len(view)]
            view[: len(piece)] = piece
            self._at += len(piece)
            return len(piece)

    def write(self, data: Any, /) -> int:
        if self._content is None:
            return super().write(data)
        raise io.UnsupportedOperation("File not open for writing")

    def truncate(self, size: int | None = None, /) -> int:
        if self._content is None:
            return super().truncate(size)
        raise io.UnsupportedOperation("File not open for writing")


def opener_of(place: Place) -> Callable[[Any, int], int]:
    """Return an opener for a path that the kernel knows as another one."""

    def opener(given: Any, flags: int) -> int:
        try:
            return _open(place.path, flags | os.O_CLOEXEC, 0o666)
        except OSError as error:
            error.filename = os.fspath(given)
            raise

    return opener
