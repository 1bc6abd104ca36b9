"""Asking the Directory Services that are due, in the background: nobody waits for one, and none for another."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import sqlalchemy as sa

from opencloudmesh.client import directory as client
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.directory import read_key
from opencloudmesh.protocol.errors import BadAnswer, OcmError, SignatureError
from opencloudmesh.server import directories
from opencloudmesh.server.database import Database

log = logging.getLogger(__name__)

Row = sa.Row[Any]


async def ask(database: Database, network: Network, row: Row) -> str | None:
    """Asks one directory, and writes down what came of it; why nothing was taken, or None."""
    try:
        keys = [read_key(pem) for pem in row.keys]
        said = await client.fetch(network, row.url, keys, allow_unsigned=row.unsigned)
    except OcmError as error:
        reason, refused = error.message, isinstance(error, (SignatureError, BadAnswer))
        log.warning("directory %s: %s %s", row.url, reason, error.detail)
        await database.write(lambda tx: directories.failed(tx, row, reason, refused=refused))
        return reason
    await database.write(lambda tx: directories.fetched(tx, row, said))
    return None


class Watch:
    """Keeps what the directories say up to date, from within the worker."""

    def __init__(self, database: Database, network: Network) -> None:
        self._database = database
        self._network = network
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def look(self) -> None:
        """Begins to ask every directory that is due and is not being asked."""
        for row in await self._database.read(directories.due):
            if row.url not in self._asking:
                task = asyncio.create_task(self._ask(row))
                self._asking[row.url] = task
                task.add_done_callback(partial(self._done, row.url))

    async def idle(self) -> None:
        """Waits until none is being asked."""
        while self._asking:
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stops asking."""
        for task in self._asking.values():
            task.cancel()
        await self.idle()

    async def _ask(self, row: Row) -> None:
        try:
            await ask(self._database, self._network, row)
        except Exception:
            log.exception("directory %s could not be asked", row.url)

    def _done(self, url: str, _task: asyncio.Task[None]) -> None:
        self._asking.pop(url, None)
