"""The coroutines of a handler: awaited on the one event loop of this process.

The loop runs only while a call waits for something of it. Tasks that are then still pending go
on when the next call waits.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterable, Awaitable, Iterator
from contextlib import suppress
from typing import Any, TypeGuard

_loop: asyncio.AbstractEventLoop | None = None


def result_of(awaitable: Awaitable[Any]) -> Any:
    """Run an awaitable to its end; return its result, or raise its exception."""
    return _loop_of_process().run_until_complete(awaitable)


def _loop_of_process() -> asyncio.AbstractEventLoop:
    """Return the event loop of this process: the one that the modules have set, or a new one."""
    global _loop
    if not _can_run(_loop):
        _loop = _loop_that_is_set()
        if not _can_run(_loop):
            _loop = asyncio.new_event_loop()
            asyncio.set_event_loop(_loop)
    return _loop


def _can_run(loop: asyncio.AbstractEventLoop | None) -> TypeGuard[asyncio.AbstractEventLoop]:
    # A thread of the handler's may have closed the loop, or may run it.
    return loop is not None and not loop.is_closed() and not loop.is_running()


def _loop_that_is_set() -> asyncio.AbstractEventLoop | None:
    """Return the main thread's event loop, to which clients may be bound that modules have made."""
    with warnings.catch_warnings(), suppress(RuntimeError):
        warnings.simplefilter("ignore", DeprecationWarning)  # before 3.14 it makes one if need be
        return asyncio.get_event_loop()
    return None


class AsyncPieces(Iterator[Any]):
    """The pieces of an asynchronous iterable, produced one by one as they are asked for.

    One task goes through the iterable, from its first piece to its last. So timeouts, task groups
    and context variables around a `yield` work.
    """

    def __init__(self, iterable: AsyncIterable[Any]) -> None:
        self._iterable = iterable
        self._loop = _loop_of_process()
        self._task: asyncio.Task[None] | None = None
        self._piece: asyncio.Future[Any]
        self._asked: asyncio.Future[None]

    def __next__(self) -> Any:
        self._piece = self._loop.create_future()
        if self._task is None:
            self._task = self._loop.create_task(self._produce())
            self._task.add_done_callback(self._end)
        elif not self._task.done():
            self._asked.set_result(None)
        else:
            raise StopIteration
        piece = self._loop.run_until_complete(self._piece)
        if piece is self:
            raise StopIteration
        return piece

    def close(self) -> None:
        """End the iterable early, and wait until it has cleaned up."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            if not self._loop.is_running():  # else it cleans up there
                with suppress(asyncio.CancelledError):
                    self._loop.run_until_complete(self._task)

    async def _produce(self) -> None:
        iterator = aiter(self._iterable)
        try:
            async for piece in iterator:
                self._asked = self._loop.create_future()
                self._piece.set_result(piece)
                await self._asked
        finally:
            if hasattr(iterator, "aclose"):
                await iterator.aclose()

    def _end(self, task: asyncio.Task[None]) -> None:
        """Say that no further piece comes, or why: this object stands for the end."""
        if self._piece.done():  # it was closed early
            return
        if task.cancelled():
            self._piece.cancel()
        elif error := task.exception():
            self._piece.set_exception(error)
        else:
            self._piece.set_result(self)
