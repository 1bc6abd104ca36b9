"""Small servers on loopback that say exactly what a test wants, byte for byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Handler = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Wire:
    """A listening socket and what arrived on it."""

    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Exchange:
    """One connection."""

    wire: Wire
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """Reads a request with the body that its Content-Length announces; returns its head."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.wire.heads.append(head)
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        self.wire.bodies.append(await self.reader.readexactly(length))
        return head

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


@asynccontextmanager
async def wire(handler: Handler, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Listens; `handler` gets each connection, which is closed when it returns."""
    listening = Wire()
    handlers: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening.connections += 1
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await handler(Exchange(listening, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    listening.port = server.sockets[0].getsockname()[1]
    try:
        yield listening
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def answering(*answers: bytes) -> Handler:
    """Says one answer after the other to the requests of a connection, then closes it."""

    async def handler(exchange: Exchange) -> None:
        for answer in answers:
            await exchange.request()
            await exchange.say(answer)

    return handler


def ok(body: bytes = b"", *fields: str) -> bytes:
    """A 200 with its length."""
    lines = [f"{name}\r\n" for name in (*fields, f"Content-Length: {len(body)}")]
    return b"HTTP/1.1 200 OK\r\n" + "".join(lines).encode() + b"\r\n" + body
