"""A glance at a socket: tells whether a whole request lies in it, and takes no byte."""

from __future__ import annotations

import re
import select
import socket
import time

from faas_sealed.runtime.shared.system import unread

GLANCE_BYTES = 64 * 2**10
# The watchdog sends the end of a chunked body in a segment of its own, often a moment later.
# Only a request that is not whole after this time is slow.
SETTLE_SECONDS = 0.02

# As plain integers: combining the enumeration's members costs more than the call.
DONTWAIT = int(socket.MSG_DONTWAIT)
PEEK = int(socket.MSG_PEEK)

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?")


def settles_whole(sock: socket.socket, until: float) -> bool:
    """Tell whether a whole request lies in a socket, or will within SETTLE_SECONDS.

    Waits until the time `until` (CLOCK_MONOTONIC) at most, and takes nothing. A request that
    cannot be judged by its first 64 KiB does not count as whole.
    """
    seen = glance(sock)
    if _is_whole(seen, sock):
        return True
    until = min(until, time.monotonic() + SETTLE_SECONDS)
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    try:
        while len(seen) < GLANCE_BYTES and (left := until - time.monotonic()) > 0:
            # Make the socket readable only when it holds more than was seen (socket(7)).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(seen) + 1)
            poller.poll(left * 1000)
            before, seen = len(seen), glance(sock)
            if _is_whole(seen, sock):
                return True
            if len(seen) == before:  # the time is up, or the peer has closed
                return False
        return False
    finally:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def _is_whole(seen: bytes, sock: socket.socket) -> bool:
    begin = len(seen) - len(seen.lstrip(b"\r\n"))
    end = seen.find(b"\r\n\r\n", begin)
    if end < 0:
        return False
    head = seen[begin:end].lower()
    if b"\r\ntransfer-encoding:" in head:
        return end_of_chunks(seen, end + 4) is not None
    length = re.search(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?:\r\n|$)", head)
    return end + 4 + (int(length[1]) if length else 0) <= unread(sock)


def glance(sock: socket.socket) -> bytes:
    """Return what lies in a socket, at most 64 KiB, without taking it or waiting."""
    try:
        return sock.recv(GLANCE_BYTES, PEEK | DONTWAIT)
    except OSError:
        return b""


def end_of_chunks(data: bytes, at: int) -> int | None:
    """Return where a chunked body that starts at `at` ends, or None if its end is not there."""
    while True:
        end = data.find(b"\r\n", at)
        match = _CHUNK_SIZE.fullmatch(data, at, end) if end >= 0 else None
        if not match:
            return None
        size = int(match[1], 16)
        if size == 0:
            finish = data.find(b"\r\n\r\n", end)
            return None if finish < 0 else finish + 4
        at = end + 2 + size + 2
