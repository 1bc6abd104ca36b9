"""A cloud whose event loop runs in a thread of its own, for tests that are not asynchronous themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """An event loop that runs elsewhere."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """What the work gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    @contextmanager
    def open(self, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """The context, entered and left over there, by one task."""
        opened, done = asyncio.Event(), asyncio.Event()
        values: list[T] = []

        async def hold() -> None:
            async with context as value:
                values.append(value)
                opened.set()
                await done.wait()

        holding = asyncio.run_coroutine_threadsafe(hold(), self._loop)

        async def first() -> None:
            await asyncio.wait([asyncio.create_task(opened.wait()), asyncio.wrap_future(holding)],
                               return_when=asyncio.FIRST_COMPLETED)  # fmt: skip

        self.run(first())
        if not values:
            holding.result()
        try:
            yield values[0]
        finally:
            self._loop.call_soon_threadsafe(done.set)
            holding.result(30)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
