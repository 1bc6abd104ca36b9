"""Whole servers of ours in one process, each on a loopback port, with a clock that a test sets.

    async with mesh("einstein@one", "marie@two") as clouds:
        one, two = clouds
        share = await one.api("POST", "shares", {"path": "a.txt", "shareWith": two.address("marie")})
        await settled(*clouds)

What goes out between them is real HTTP through the egress guard; only the worker's own pace is replaced: `settled` lets
every outbox deliver what is due, until nothing is.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import argon2
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from opencloudmesh.protocol.wire import Headers, Response
from opencloudmesh.server import accounts, config, outbox, policy
from opencloudmesh.server.app import Cloud
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import sqlite_url
from opencloudmesh.server.worker import Worker

PASSWORD = "relativity"
# Made cheaply, and so checked cheaply: what a real one costs is paid where passwords themselves are tested.
HASH = argon2.PasswordHasher.from_parameters(argon2.profiles.CHEAPEST).hash(PASSWORD)


class Clock:
    """Unix seconds: the real ones, and what a test adds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Server:
    """One cloud and everything a test wants to know of it."""

    cloud: Cloud
    worker: Worker
    host: str  # as in addresses
    session: aiohttp.ClientSession
    http: uvicorn.Server
    log: list[str] = field(default_factory=list)  # every line that the process logged

    @property
    def context(self) -> Context:
        return self.cloud.context

    @property
    def url(self) -> str:
        return self.context.config.public_url

    @property
    def data(self) -> Path:
        return self.context.config.data

    def address(self, who: str) -> str:
        return f"{who}@{self.host}"

    def add(self, who: str, **values: str) -> None:
        """A person, whose password is `PASSWORD`."""
        self.context.database.write_now(lambda tx: accounts.add(tx, who, HASH, **values))
        self.context.storage.stat(who, "")

    def file(self, who: str, path: str) -> Path:
        """Where a file of a person is on disk."""
        return self.data / "files" / who / path

    def put(self, who: str, path: str, content: bytes) -> None:
        """A file of a person."""
        self.file(who, path).parent.mkdir(parents=True, exist_ok=True)
        self.file(who, path).write_bytes(content)

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Response:
        """Any request; `path` is sent as given."""
        url = aiohttp.client.URL(self.url + path, encoded=True)
        async with self.session.request(method, url, headers=headers, data=body, allow_redirects=False) as answer:
            return Response(answer.status, Headers(answer.headers.items()), await answer.read())

    async def api(self, method: str, path: str, body: Any = None, *, who: str, status: int | None = None) -> Any:
        """A call of the JSON API. With `status`, that and nothing else must come back."""
        headers = {"Authorization": basic(who)} | ({"Content-Type": "application/json"} if body is not None else {})
        data = None if body is None else json.dumps(body).encode()
        answer = await self.request(method, f"/api/v1/{path}", headers, data)
        assert answer.status == status or (status is None and answer.status < 300), answer
        return json.loads(answer.body) if answer.body else None

    async def dav(self, method: str, who: str, path: str = "", body: bytes | None = None, **headers: str) -> Response:
        """A WebDAV request of a person to their own tree; `path` is encoded."""
        fields = {"Authorization": basic(who), **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.request(method, f"/dav/files/{who}/{path}", fields, body)

    def rows(self, query: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """What a query of the gestures' modules gives."""
        return self.context.database.read_now(lambda tx: query(tx, *args, **more))

    def stored(self) -> dict[str, list[Any]]:
        """Every row of every table but those that only remember what was said: a refused message must not change it."""
        import sqlalchemy as sa

        from opencloudmesh.server import schema

        tables = [
            table for table in schema.metadata.sorted_tables if table.name not in ("peers", "signatures", "audit")
        ]
        return self.rows(lambda tx: {table.name: [tuple(row) for row in tx.all(sa.select(table))] for table in tables})


@asynccontextmanager
async def serve(folder: Path, *, database_url: str | None = None, clock: Clock | None = None,
                decided: Mapping[str, tuple[str, ...]] = MappingProxyType({}), listen: tuple[str, int] | None = None,
                **settings: Any) -> AsyncIterator[Server]:  # fmt: skip
    """One cloud, with the settings given; `decided` is its policy where that is not the default.

    It is on a free port of loopback; or where it is to `listen`, and then `public_url` leads there.
    """
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(listen or ("127.0.0.1", 0))
        host = urlsplit(settings["public_url"]).netloc if listen else f"localhost:{listening.getsockname()[1]}"
        options = {"data": folder, "public_url": f"http://{host}", "development": True, "worker": False, **settings}
        options["database_url"] = database_url or sqlite_url(folder)
        give_rsa_key(folder)
        cloud = Cloud.build(config.load(options, environment={}), clock or Clock())
        for name, words in decided.items():
            cloud.context.database.write_now(lambda tx, name=name, words=words: policy.put(tx, name, words))
        http = uvicorn.Server(
            uvicorn.Config(cloud.app, lifespan="off", log_level="error", access_log=False, proxy_headers=False)
        )
        http.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        async with cloud.running() as worker, _session() as session:
            serving = asyncio.create_task(http.serve(sockets=[listening]))
            while not http.started:
                await asyncio.sleep(0.005)
            with logged() as lines:
                try:
                    yield Server(cloud, worker, host, session, http, lines)
                finally:
                    http.should_exit = True
                    await serving
    faults = [line for line in lines if line.startswith("ERROR")]
    assert not faults, faults


def _session() -> aiohttp.ClientSession:
    """Connections are given up before the server gives them up: a request that meets that is not repeated."""
    return aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(keepalive_timeout=2))


def give_rsa_key(data: Path) -> None:
    """One of a few RSA keys that are made once: making one takes longer than most tests. Ed25519 keys are their own."""
    path = data / "keys" / "rsa.pem"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(next(_rsa_keys))
        path.chmod(0o600)


def _made() -> Iterator[str]:
    made = [rsa.generate_private_key(65537, 2048) for _ in range(3)]
    formats = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    yield from itertools.cycle([key.private_bytes(*formats).decode() for key in made])


_rsa_keys = _made()


@asynccontextmanager
async def mesh(folder: Path, *clouds: Mapping[str, Any], urls: list[str] | None = None) -> AsyncIterator[list[Server]]:
    """Several clouds with the settings given; `urls` of their databases, else SQLite."""
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                serve(folder / f"cloud-{index}", database_url=urls[index] if urls else None, **settings)
            )
            for index, settings in enumerate(clouds)
        ]
        try:
            yield servers
        finally:  # all at once: each takes its time
            for server in servers:
                server.http.should_exit = True


async def settled(*servers: Server, seconds: float = 20) -> None:
    """Everything that is due has been delivered, and what that brought about too."""
    async with asyncio.timeout(seconds):
        while True:
            for server in servers:
                await server.worker.deliver()
                await server.worker.idle()
            if not any(server.rows(outbox.due) for server in servers):
                return


@contextmanager
def logged() -> Any:
    """Every line that is logged meanwhile, by whomever, down to the least important."""
    lines: list[str] = []
    formatter = logging.Formatter("%(levelname)s %(name)s %(message)s")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(formatter.format(record))

    handler, root = Keep(), logging.getLogger("opencloudmesh")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def basic(who: str, password: str = PASSWORD) -> str:
    """The header of HTTP Basic."""
    return "Basic " + b64encode(f"{who}:{password}".encode()).decode()
