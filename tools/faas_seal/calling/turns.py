"""The lock under which threads compare and replace what they share.

It is one for the whole process, and in no object, because those are copied and pickled. A fork
while another thread holds it leaves a new one to the child.
"""

from __future__ import annotations

import os
import threading

_lock = threading.Lock()


def turn() -> threading.Lock:
    """Return the lock. Hold it briefly, and never while waiting for a network or a file."""
    return _lock


def _renew() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew)
