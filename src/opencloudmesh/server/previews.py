"""Small pictures of files, kept in `previews/` by what the file was when they were made.

Each is made by `pictures`, in a process with limits, few at a time; that none could be made is kept too. The oldest go
when there are too many. Who may see one, the caller knows: it is asked for with an entry that a person's tree gave.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from opencloudmesh.protocol.errors import OcmError, TooManyRequests
from opencloudmesh.server import contents, disk, pictures
from opencloudmesh.server.trees import Content, Entry

AT_ONCE = 2  # processes
PATIENCE = 20.0  # seconds that one may take, by the clock, and its file to come from elsewhere
QUEUE = 10.0  # seconds that a request waits for its turn
MAX_PICTURE = 8 << 20  # bytes that are taken from a process
KEPT_BYTES, KEPT_FILES = 512 << 20, 50_000
KEPT_SECONDS = 30 * 86_400  # since it was last looked at

Read = Callable[[], Awaitable[Content]]

# The kinds of which there are pictures, by the ending of a name.
KINDS = {
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "bmp"), "picture"),
    "pdf": "pdf",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture in WebP, and of how many pages it is one."""

    pages: int
    picture: bytes


class Previews:
    """All of them below one data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "previews"
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._guests = asyncio.Semaphore(AT_ONCE - 1)
        with disk.told():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def get(
        self, entry: Entry, account: str, read: Read, *, page: int = 0, pixels: int, guest: bool = False
    ) -> Preview | None:
        """The picture of a file that a tree showed, or None where none can be made. Raises `TooManyRequests`.

        The file is read only where its picture is not there yet; one from elsewhere is kept for the next page. For a
        `guest` it is made when no other guest's is: our own people wait for them no longer than for one.
        """
        if entry.locked:  # who looks may see that it is there, and no picture that was made for somebody else
            return None
        kind = kind_of(entry.name)
        if kind is None or entry.size > pictures.MAX_BYTES:
            return None
        kept = self._place(entry, account, f"{page} {pixels}")
        found = await asyncio.to_thread(_read, kept)
        if found is None:
            async with self._turn(guest=guest):
                try:  # a server elsewhere may send a byte now and then, and others wait for the turn
                    async with asyncio.timeout(PATIENCE):
                        source = await self._source(read, self._place(entry, account, "source"))
                except TimeoutError:
                    return None
                found = await asyncio.to_thread(_made, source, kind, page, pixels) if source else b""
            await asyncio.to_thread(_write, kept, found)
        head, _, picture = found.partition(b"\n")
        return Preview(int(head), picture) if picture and head.isdigit() else None

    def sweep(self) -> None:
        """Removes what nobody has looked at for long, and the oldest where there are too many."""
        found, since = [], time.time() - KEPT_SECONDS
        for child in os.scandir(self._folder):
            with suppress(OSError):
                state = child.stat()
                found.append((state.st_mtime, state.st_size, child.path))
        size = count = 0
        for used, length, path in sorted(found, reverse=True):
            size, count = size + length, count + 1
            if used < since or size > KEPT_BYTES or count > KEPT_FILES:
                with suppress(OSError):
                    os.unlink(path)

    @asynccontextmanager
    async def _turn(self, *, guest: bool) -> AsyncIterator[None]:
        """Around the making of a picture. Raises `TooManyRequests`."""
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(QUEUE):
                    for turns in (self._guests, self._turns) if guest else (self._turns,):
                        await held.enter_async_context(turns)
            except TimeoutError:
                raise TooManyRequests(
                    "Too many pictures are being made. Try again in a while.", retry_after=10
                ) from None
            yield

    async def _source(self, read: Read, kept: Path) -> Path | None:
        """The file on this disk; None where one from elsewhere is larger than it may be."""
        if await asyncio.to_thread(kept.exists):
            return kept
        content = await read()
        if content.file is not None:
            return content.file
        data = bytearray()
        async with aclosing(contents.pieces(content)) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) > pictures.MAX_BYTES:
                    return None
        await asyncio.to_thread(_write, kept, bytes(data))
        return kept

    def _place(self, entry: Entry, account: str, what: str) -> Path:
        named = "\0".join((account, entry.path, entry.etag, str(entry.size), str(entry.modified_ns), what))
        return self._folder / hashlib.sha256(named.encode()).hexdigest()


def kind_of(name: str) -> str | None:
    """What a file is to `pictures`; None where there is no picture of it."""
    return KINDS.get(name.rpartition(".")[2].lower())


def _made(source: Path, kind: str, page: int, pixels: int) -> bytes:
    """What the process gives; nothing where it fails, is too slow, or the file has gone."""
    # Without what is in our environment: secrets are none of its business.
    command = [sys.executable, "-I", pictures.__file__, kind, str(page), str(pixels)]
    try:
        with contents.opened(source) as file:
            process = subprocess.Popen(  # noqa: S603 -- nothing of it is a stranger's
                command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
            )
        slow = threading.Timer(PATIENCE, process.kill)
        slow.start()
        with process:
            made = process.stdout.read(MAX_PICTURE + 1) if process.stdout else b""
            if len(made) > MAX_PICTURE:
                process.kill()
        slow.cancel()
    except (OcmError, OSError):
        return b""
    return made if process.returncode == 0 else b""


def _read(kept: Path) -> bytes | None:
    try:
        found = kept.read_bytes()
        os.utime(kept)
    except OSError:
        return None
    return found


def _write(kept: Path, data: bytes) -> None:
    """Whole or not at all; nothing depends on its being there after a crash."""
    new = kept.with_name(disk.temporary_name())
    with disk.told():
        new.write_bytes(data)
        new.rename(kept)
