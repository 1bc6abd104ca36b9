"""The network between servers as it is on a bad day: messages get lost, come twice, or come late.

    faults = deque()
    async with Post.serve(port_of_the_server, faults) as post:
        faults.extend(["lost", "doubled"])      # what becomes of the next two messages
        ...
        await post.deliver()                    # what was late arrives now

It is an HTTP server before another one. Only what servers tell each other (`POST /ocm/...`) is subject to faults.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from tests.clouds import free_port
from yarl import URL

FAULTS = ("lost", "unanswered", "doubled", "late")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Message:
    """A request as it came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Post:
    """What stands before one server."""

    behind: int  # the port of the server
    port: int  # where others find it
    session: aiohttp.ClientSession
    faults: deque[str]
    late: list[Message] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def serve(cls, behind: int, faults: deque[str]) -> AsyncIterator[Post]:
        """Listens on a port of loopback."""
        async with aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)) as session:
            post = cls(behind, free_port(), session, faults)
            server = web.Server(post._answer)
            runner = web.ServerRunner(server)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", post.port).start()
            try:
                yield post
            finally:
                await runner.cleanup()

    async def deliver(self) -> None:
        """What was late arrives, in whatever order it was sent; nobody waits for the answers any more."""
        messages, self.late = self.late, []
        for message in messages:
            await self._forward(message)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        message = Message(request.method, request.raw_path, tuple(request.headers.items()), await request.read())
        told = request.method == "POST" and request.path.startswith("/ocm/")
        fault = self.faults.popleft() if told and self.faults else ""
        if fault == "late":
            self.late.append(message)
        if fault in ("lost", "late"):
            return self._hang_up(request)
        answer = await self._forward(message)
        if fault == "doubled":
            await self._forward(message)
        return self._hang_up(request) if fault == "unanswered" else answer

    async def _forward(self, message: Message) -> web.Response:
        headers = [(name, value) for name, value in message.headers if name.lower() not in HOP_BY_HOP]
        url = URL(f"http://127.0.0.1:{self.behind}{message.target}", encoded=True)
        async with self.session.request(
            message.method, url, headers=headers, data=message.body, allow_redirects=False
        ) as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
            body = await answer.read()
            return web.Response(status=answer.status, headers=CIMultiDict(kept), body=body)

    @staticmethod
    def _hang_up(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()
