"""Standard error of C code, held back in memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def hold_back_native_errors() -> Callable[[], bytes]:
    """Let C code write its standard error to memory; return a function that takes out the text.

    An interpreter that an extension has broken writes the names of its active functions ("Fatal
    Python error"), and ends. In memory, these names end with the process.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):  # without glibc stderr cannot be assigned
        return bytes
    libc.open_memstream.restype = libc.calloc.restype = ctypes.c_void_p
    libc.ftell.restype = ctypes.c_long
    # Not Python's memory: libc writes to it once more at exit.
    address = libc.calloc(2, ctypes.sizeof(ctypes.c_void_p))
    buffer = ctypes.c_void_p.from_address(address)
    size = ctypes.c_size_t.from_address(address + ctypes.sizeof(buffer))
    file = ctypes.c_void_p(libc.open_memstream(ctypes.byref(buffer), ctypes.byref(size)))
    ctypes.c_void_p.in_dll(libc, "stderr").value = file.value

    def take() -> bytes:
        if libc.ftell(file) == 0:  # as nearly always
            return b""
        libc.fflush(file)  # which brings buffer and size up to date (open_memstream(3))
        data = ctypes.string_at(buffer, size.value)
        libc.rewind(file)
        return data

    return take
