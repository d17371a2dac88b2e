"""Shared memory in which each worker says what it is doing, before it does it.

The acceptor reads it when it looks for a free worker, and after a worker's death, when
the table alone tells what became of its connection. It lies in a memfd: anonymous
memory that survives the exec of a zygote. No request, key or reply ever comes here.
"""

from __future__ import annotations

import mmap
import os
import struct

# What a worker is doing, and so what its death means for its connection.
FREE = 0  # waits for a connection; if it holds one, that is idle
READING = 1  # bytes of the request may be gone from the socket
HANDLING = 2
REPLYING = 3  # bytes of the reply may be on their way

_HEAD = struct.Struct("<Q")
_ROW = struct.Struct("<BxxxIQ")


class Table:
    """Rows, one for each worker: its state, a connection, and until when that may last.

    A row is written by its worker alone. Times are nanoseconds of CLOCK_MONOTONIC.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, 0)

    @classmethod
    def create(cls, rows: int) -> Table:
        fd = os.memfd_create("faas-seal-table")
        os.ftruncate(fd, _HEAD.size + rows * _ROW.size)
        return cls(fd)

    def set_waiting(self, count: int) -> None:
        """Say how many connections wait for a worker."""
        _HEAD.pack_into(self._memory, 0, count)

    @property
    def someone_waits(self) -> bool:
        return self._memory[: _HEAD.size] != b"\0" * _HEAD.size

    def write(self, row: int, state: int, connection: int, until: int) -> None:
        _ROW.pack_into(self._memory, _HEAD.size + row * _ROW.size, state, connection, until)

    def read(self, row: int) -> tuple[int, int, int]:
        """Return state, connection and until when."""
        state, connection, until = _ROW.unpack_from(self._memory, _HEAD.size + row * _ROW.size)
        return state, connection, until
