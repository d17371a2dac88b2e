"""Descriptors of the tree's files: sealed memory that can only be read, and goes with the process.

A descriptor is a memfd (memfd_create(2)). Its name says by a number which file it is, so that one
that a handler has duplicated or inherited is still known for what it is.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress

_NAME = "faas-seal-file-"
_LINK = re.compile(rf"/memfd:{_NAME}(\d+) \(deleted\)")
# <linux/memfd.h>; kernels before 6.3 do not know it.
_MFD_NOEXEC_SEAL = 8
# <linux/fcntl.h>; Python does not name these on every platform.
_F_ADD_SEALS = 1033
_SEAL_ALL = 1 | 2 | 4 | 8

# The functions as they are before any of them is replaced.
_open, _readlink, _fstat = os.open, os.readlink, os.fstat


class Descriptors:
    """Makes descriptors, and knows those that it has made."""

    def __init__(self) -> None:
        self._device: int | None = None

    def open(self, number: int, content: bytes) -> int:
        """Return a descriptor from which `content` can be read, and nothing be written to."""
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        try:
            memory = os.memfd_create(f"{_NAME}{number}", flags | _MFD_NOEXEC_SEAL)
        except OSError:
            memory = os.memfd_create(f"{_NAME}{number}", flags)
        try:
            self._device = _fstat(memory).st_dev
            with memoryview(content) as left:
                at = 0
                while at < len(content):
                    at += os.write(memory, left[at:])
            fcntl.fcntl(memory, _F_ADD_SEALS, _SEAL_ALL)
            # Opened anew for reading: from a descriptor that could write, older kernels refuse to
            # map sealed memory. It keeps its number, the lowest that was free.
            reader = _open(f"/proc/self/fd/{memory}", os.O_RDONLY | os.O_CLOEXEC)
            os.dup2(reader, memory, inheritable=False)
            os.close(reader)
        except BaseException:
            os.close(memory)
            raise
        return memory

    def number(self, descriptor: int) -> int | None:
        """Return the number of the file behind a descriptor, or None if it is none of these."""
        if self._device is None:
            return None
        with suppress(OSError, TypeError, OverflowError):
            if _fstat(descriptor).st_dev == self._device:
                found = _LINK.fullmatch(_readlink(f"/proc/self/fd/{descriptor}"))
                return int(found[1]) if found else None
        return None
