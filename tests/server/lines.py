"""A line to another server that can be cut, or go silent: a proxy that forwards bytes and counts requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Line:
    """Where the line begins, what went over it, and what state it is in."""

    url: str = ""
    requests: list[str] = field(default_factory=list)  # methods and paths
    connections: int = 0
    cut: bool = False  # connections are closed at once
    go: asyncio.Event = field(default_factory=asyncio.Event)  # not set: nothing is passed on

    def heard(self, data: bytes) -> None:
        for row in data.split(b"\r\n"):
            if row.endswith(b" HTTP/1.1"):
                self.requests.append(row.removesuffix(b" HTTP/1.1").decode())

    def silence(self) -> None:
        """From now on nothing is passed on, until `go` is set."""
        self.go.clear()


@asynccontextmanager
async def line(target: str) -> AsyncIterator[Line]:
    """A line to a server that may keep its own address."""
    parts = urlsplit(target)
    opened = Line()
    opened.go.set()
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, inward: bool) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                if inward:
                    opened.heard(data)
                await opened.go.wait()
                if opened.cut:
                    break
                sink.write(data)
                await sink.drain()
        sink.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.connections += 1
        if opened.cut:
            writer.close()
            return
        remote_reader, remote_writer = await asyncio.open_connection(parts.hostname, parts.port)
        here = asyncio.current_task()
        assert here is not None
        tasks.add(here)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(
                pass_on(reader, remote_writer, inward=True), pass_on(remote_reader, writer, inward=False)
            )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    opened.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield opened
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
