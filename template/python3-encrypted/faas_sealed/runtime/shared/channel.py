"""Messages between the acceptor, the zygote and the workers, with descriptors attached.

A channel is a pair of SOCK_SEQPACKET sockets (unix(7)): a message arrives whole or not
at all, and the descriptors sent with it (SCM_RIGHTS) arrive with it.
"""

from __future__ import annotations

import array
import enum
import socket
import struct
from collections.abc import Sequence

_MESSAGE = struct.Struct("<B3xIQ")
_CLOEXEC = int(socket.MSG_CMSG_CLOEXEC)
_ANCILLARY_BYTES = socket.CMSG_SPACE(array.array("i").itemsize)


class Verb(enum.IntEnum):
    # acceptor → zygote
    FORK = 1  # `number` is the worker's row; the worker's end of its channel comes along
    REAP = 2  # `value` is the process id of a worker that has ended
    # zygote → acceptor
    READY = 3
    FORKED = 4  # `number` is the row, `value` the process id; the pidfd comes along
    UNFORKED = 5  # `number` is the row: the kernel gave no process
    # acceptor → worker: `number` is the connection
    SERVE = 6  # `value` is the time at which it became readable; the connection comes along
    YIELD = 7  # hand back your connection once no request on it is under way; SERVE or REST follows
    REST = 8  # there is nothing for you now
    GO = 9  # the slow request may be read, or handled, now
    REFUSE = 10  # there is no room for the slow request: answer that the function is busy
    # worker → acceptor: `number` is the connection
    IDLE = 11  # the connection is yours again, and no request on it is under way
    UNREAD = 12  # it is yours again, unread: only a fresh worker may wait for the whole request
    CLOSE = 13  # the last answer is sent: close once the peer has closed
    SLOW = 14  # the request is not whole yet: count me as a reader
    WHOLE = 15  # the slow request is whole: may I handle it?


class Channel:
    """One end of a pair of sockets."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), cls(theirs)

    def fileno(self) -> int:
        return self.socket.fileno()

    def close(self) -> None:
        self.socket.close()

    def send(
        self,
        verb: Verb,
        number: int = 0,
        value: int = 0,
        descriptors: Sequence[int] = (),
        flags: int = 0,
    ) -> None:
        """Send a message; the other end gets copies of the descriptors.

        Raises BlockingIOError where `flags` has MSG_DONTWAIT and too many messages lie unread.
        """
        ancillary = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
            if descriptors
            else []
        )
        self.socket.sendmsg([_MESSAGE.pack(verb, number, value)], ancillary, flags)

    def receive(
        self, flags: int = 0, *, descriptors: bool = True
    ) -> tuple[Verb, int, int, list[int]] | None:
        """Return verb, number, value and descriptors, or None when the other end is closed.

        Without `descriptors` the kernel drops those that come. Raises BlockingIOError where
        `flags` has MSG_DONTWAIT and no message is there, ValueError for bytes that are none.
        """
        try:
            data, ancillary, _, _ = self.socket.recvmsg(
                _MESSAGE.size + 1,  # one byte more shows what is too long
                _ANCILLARY_BYTES if descriptors else 0,
                flags | _CLOEXEC,
            )
        except ConnectionResetError:
            return None
        if not data:
            return None
        attached = array.array("i")
        for _, _, content in ancillary:
            attached.frombytes(content)
        if len(data) != _MESSAGE.size:
            raise ValueError(f"a message is {len(data)} bytes, expected {_MESSAGE.size}")
        verb, number, value = _MESSAGE.unpack(data)
        return Verb(verb), number, value, list(attached)
