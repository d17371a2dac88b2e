"""The table: shared memory in which each worker says what it is about to do.

After a worker's death the table alone tells what became of its connection, and which key had
been presented. The table lies in a memfd: anonymous memory that survives the exec of a zygote.
No request, key or answer ever comes here.
"""

from __future__ import annotations

import mmap
import os
import struct

# What a worker is doing, and so what its death means for its connection.
FREE = 0  # no byte of a request is read, or every request that is read is answered
READING = 1  # bytes of the request may be gone from the socket
HANDLING = 2
REPLYING = 3  # bytes of the answer may be on their way
REPLIED = 4  # the answer is sent, or given up, and the connection carries no other request

# Native and aligned, so that each member is stored in one step; the state comes last.
_ROW = struct.Struct("@QIB3x")
_KEY_ID = struct.Struct("@Q")
_ROW_BYTES = _ROW.size + _KEY_ID.size


class Table:
    """Rows, one for each worker: its state, its connection, and until when the state may last.

    For the audit a row also has the id of the function key that was presented. Once a worker is
    forked, it alone writes its row. Times are nanoseconds of CLOCK_MONOTONIC.
    """

    def __init__(self, fd: int, size: int = 0) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, size)

    @classmethod
    def create(cls, rows: int) -> Table:
        fd = os.memfd_create("faas-seal-table")
        os.ftruncate(fd, rows * _ROW_BYTES)
        return cls(fd)

    @classmethod
    def unshared(cls, rows: int) -> Table:
        """Return a table for this process alone, without a descriptor."""
        return cls(-1, rows * _ROW_BYTES)

    def write(self, row: int, state: int, connection: int, until: int) -> None:
        _ROW.pack_into(self._memory, row * _ROW_BYTES, until, connection, state)

    def read(self, row: int) -> tuple[int, int, int]:
        """Return state, connection, and the time until which the state may last."""
        until, connection, state = _ROW.unpack_from(self._memory, row * _ROW_BYTES)
        return state, connection, until

    def write_key_id(self, row: int, key_id: str | None) -> None:
        number = int(key_id or "0", 16)
        _KEY_ID.pack_into(self._memory, row * _ROW_BYTES + _ROW.size, number)

    def read_key_id(self, row: int) -> str | None:
        (number,) = _KEY_ID.unpack_from(self._memory, row * _ROW_BYTES + _ROW.size)
        return f"{number:016x}" if number else None
