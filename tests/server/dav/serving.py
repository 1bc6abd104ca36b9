"""A cloud with two people and nothing but WebDAV: asked in process, or served on a loopback port.

What goes wrong in a way that nobody foresaw is kept in `Cloud.faults`; every test ends by looking there.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import traceback
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa
import uvicorn
from granian.constants import Interfaces
from granian.server.embed import Server as Granian
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.protocol.wire import Headers
from opencloudmesh.server.database import Database
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.schema import accounts
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import ALL, Permissions, Tree
from opencloudmesh.server.web import dav

PEOPLE = ("einstein", "marie")
PASSWORD = "relativity"
PREFIX = "/dav/"
HOST = "ours.test:8443"  # as clients know the cloud, whatever Host a web server in front writes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Cloud:
    storage: Storage
    database: Database
    faults: list[str] = field(default_factory=list)
    trees: dict[str, Tree] = field(default_factory=dict)  # by the prefix of their URLs
    removed: list[tuple[str, str]] = field(default_factory=list)

    def tree(self, base: str = "", permissions: Permissions = ALL, account: str = "einstein") -> LocalTree:
        def on_removed(_tx: Any, account: str, path: str) -> None:
            self.removed.append((account, path))

        return LocalTree(self.storage, self.database, account, base, permissions, on_removed=on_removed)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except OcmError as error:
            response = PlainTextResponse(error.message, error.status)
        except Exception:
            self.faults.append(traceback.format_exc())
            response = PlainTextResponse("fault", 500)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        who = _who(request.headers.get("authorization", ""))
        if who is None:
            return PlainTextResponse("Who are you?", 401, {"WWW-Authenticate": 'Basic realm="test"'})
        path = request.scope["path"]
        prefix = max((prefix for prefix in self.trees if path.startswith(prefix)), key=len, default=None)
        if prefix is None:
            return PlainTextResponse("nothing here", 404)
        return await dav.serve(
            request,
            database=self.database,
            tree=self.trees[prefix],
            prefix=prefix,
            path=path[len(prefix) :],
            principal=who,
            host=HOST,
        )

    async def request(
        self,
        method: str,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | list[bytes] = b"",
        *,
        prefix: str = PREFIX,
        who: str = "einstein",
    ) -> Answer:
        """Asks in process. `path` is encoded, below `prefix`."""
        chunks = [body] if isinstance(body, bytes) else list(body)
        fields = {"Host": "cloud.test", "Authorization": basic(who), **(headers or {})}
        if isinstance(body, bytes) and "Content-Length" not in fields and (body or method == "PUT"):
            fields["Content-Length"] = str(len(body))
        return await ask(self, method, prefix + path, fields, chunks)


async def ask(app: Any, method: str, target: str, headers: Mapping[str, str], chunks: list[bytes]) -> Answer:
    """One request to an ASGI application."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path, errors="surrogateescape"),
        "raw_path": path.encode(errors="surrogateescape"),
        "query_string": query.encode(errors="surrogateescape"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("cloud.test", 80),
        "extensions": {},
    }
    events = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    events.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if events:
            return events.pop(0)
        await asyncio.Event().wait()  # a client that stays connected
        raise AssertionError

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await app(scope, receive, send)
    start, *rest = sent
    return Answer(
        start["status"],
        Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]),
        b"".join(event.get("body", b"") for event in rest),
    )


def basic(who: str) -> str:
    return "Basic " + b64encode(f"{who}:{PASSWORD}".encode()).decode()


def add_people(database: Database, quota: int | None = None) -> None:
    """The accounts behind the trees."""
    rows = [{"id": who, "name": who.title(), "password": "", "quota": quota, "created": 0} for who in PEOPLE]
    database.write_now(lambda tx: tx.run(sa.insert(accounts), rows))


@contextmanager
def served(app: Any, server: str) -> Iterator[str]:
    """The application on a loopback port, by `granian` or `uvicorn`; its authority."""
    started: Callable[[Any, socket.socket], AsyncIterator[None]] = {"granian": _granian, "uvicorn": _uvicorn}[server]
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()

        async def run() -> None:
            serving = started(app, listening)
            await anext(serving)
            await stop.wait()
            await serving.aclose()

        thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
        thread.start()
        _wait_for(port)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(20)
            loop.close()


async def _granian(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    host, port = listening.getsockname()
    listening.close()  # it opens its own
    server = Granian(app, host, port, interface=Interfaces.ASGINL, log_enabled=False)
    task = asyncio.ensure_future(server.serve())
    try:
        yield
    finally:
        server.stop()
        await task


async def _uvicorn(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _wait_for(port: int) -> None:
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the server did not start")


def _who(authorization: str) -> str | None:
    try:
        scheme, _, value = authorization.partition(" ")
        who, _, password = b64decode(value).decode().partition(":")
    except ValueError:
        return None
    return who if scheme == "Basic" and who in PEOPLE and password == PASSWORD else None
