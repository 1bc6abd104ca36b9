"""The bytes of a file, wherever they are, with no more than one piece of them in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import FileIO
from pathlib import Path
from typing import ParamSpec, TypeVar

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server.trees import Content

P = ParamSpec("P")
T = TypeVar("T")

DISK_THREADS = 16  # they mostly wait for fsync, which a file system does for several at once
_disk = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="disk")

PIECE = 1024 * 1024  # bytes of a local file that are read at a time
BUFFER = 1 << 20  # bytes that are gathered before they go to the disk


async def pieces(content: Content) -> AsyncGenerator[bytes, None]:
    """The bytes. Raises `NotFound`, and what the stream from elsewhere raises."""
    if content.file is not None:
        async for piece in pieces_of(content.file):
            yield piece
    elif content.stream is not None:
        async for chunk in content.stream:
            yield chunk


async def pieces_of(path: Path) -> AsyncGenerator[bytes, None]:
    """The bytes of a file on this disk. Raises `NotFound`."""
    with await asyncio.to_thread(opened, path) as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def opened(path: Path) -> FileIO:
    """A file on this disk, to read. Raises `NotFound`."""
    try:
        return FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    except OSError:
        raise NotFound("The file has just gone.") from None


async def gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of `BUFFER` and more."""
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size >= BUFFER:
            yield b"".join(pieces)
            pieces, size = [], 0
    if size:
        yield b"".join(pieces)


async def on_disk(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs what may wait for the disk on a thread of its own."""
    return await asyncio.get_running_loop().run_in_executor(_disk, partial(work, *args, **kwargs))
