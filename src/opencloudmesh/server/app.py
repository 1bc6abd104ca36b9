"""A running cloud: the ASGI application, its worker, and the process that serves both.

cloud = Cloud.build(config)
async with cloud.running():
    ...                             # cloud.app is the ASGI application
serve(config)                       # the same in a process of its own, until it is told to stop
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.routing import Router
from starlette.types import ASGIApp

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import config as settings
from opencloudmesh.server import disk
from opencloudmesh.server.config import Config
from opencloudmesh.server.context import Context
from opencloudmesh.server.web import api, documents, files, introspection, ocm, pages, public_links
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.errors import Errors
from opencloudmesh.server.web.languages import Languages
from opencloudmesh.server.web.pages.login import nowhere
from opencloudmesh.server.web.pages.visits import Look
from opencloudmesh.server.worker import Worker

log = logging.getLogger(__name__)

LOCK = ".serving"  # in the data folder; held, and nothing is in it
TAKEN = Sentence("Another process serves this data folder already. Several can with PostgreSQL, and one with SQLite.")
BACKLOG = 2048  # connections that wait, and requests under way at once
DEVELOPMENT = Sentence(
    "DEVELOPMENT MODE: plain http and private addresses are allowed for other servers. "
    "Never use this where others can reach it."
)


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud that is ready to run."""

    context: Context
    app: ASGIApp

    @classmethod
    def build(cls, config: Config, clock: Callable[[], float] = time.time) -> Cloud:
        """Opens the data folder. Raises `OcmError`, `OSError`."""
        context = Context.build(config, clock)
        return cls(context, application(context))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """Completes what a crash left, and runs the worker as long as the block lasts; then closes everything."""
        await asyncio.to_thread(self.context.recover)
        worker = Worker(self.context)
        task = asyncio.create_task(worker.run()) if self.context.config.worker else None
        try:
            yield worker
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await self.context.close()


def application(context: Context) -> ASGIApp:
    """All routes, and around them the one place where errors become responses."""
    doors = Doors(context)
    look = Look(context.config, DEVELOPMENT if context.config.development else "")
    routes = [
        *ocm.routes(context),
        *documents.routes(context),
        *introspection.routes(context),
        *api.routes(context, doors),
        *files.routes(context, doors),
        *public_links.routes(context, doors),
        *pages.routes(context, doors, look),
    ]
    router = Router(routes, redirect_slashes=False, default=nowhere(context, look, doors))
    return Languages(Errors(router, look.error))


def serve(config: Config, greet: Callable[[Context], None] = lambda _: None) -> None:
    """Serves until SIGINT or SIGTERM; before that it lets the caller `greet` whoever started it.

    Raises `OcmError`, `OSError`.
    """
    if not config.public_url:
        raise Invalid("Name the address of this cloud with --public-url https://cloud.example.")
    if config.public_url.startswith("http:") and not config.development:
        raise Invalid("The address of a cloud begins with https://; for trying things out there is --development.")
    if config.mail_from and config.smtp is None:
        raise Invalid("Name the mail server with --smtp, or leave out --mail-from.")
    with _alone(config):
        cloud = Cloud.build(config)
        settings.remember(config)
        if config.development:
            log.warning(DEVELOPMENT)
        greet(cloud.context)
        asyncio.run(_serve(cloud, config))


@contextlib.contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Keeps other serving processes from the data folder as long as the block lasts. Raises `Conflict`, `OSError`.

    What is in `tmp/`, and what waits for the worker, is one process's. With PostgreSQL there may be several, which the
    system lets listen at the same port, too.
    """
    if not config.database_url.startswith("sqlite"):
        yield
        return
    config.data.mkdir(mode=0o750, parents=True, exist_ok=True)
    held = disk.held(config.data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, TAKEN)
    try:
        yield
    finally:
        os.close(held)


async def _serve(cloud: Cloud, config: Config) -> None:
    async with cloud.running():
        server = Server(
            cloud.app,
            config.host,
            config.port,
            interface=Interfaces.ASGINL,
            backlog=BACKLOG,
            backpressure=BACKLOG,
            websockets=False,
            log_enabled=False,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)
        log.info("%s is served at %s:%d", config.public_url, config.host, config.port)
        await server.serve()
