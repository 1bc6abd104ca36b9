"""Copies what people want from received shares to their own files, piece by piece, beside everything else.

Of a file that breaks off, what has arrived stays, and the rest is asked for; whether it is still the same file is seen
by its ETag, before and after. Where the peer gives a checksum, that must hold too.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import (
    BadAnswer,
    Conflict,
    InsufficientStorage,
    NotFound,
    OcmError,
    PeerAway,
    Unavailable,
    Unreachable,
)
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import accounts, copies, policy, received
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.contents import gathered
from opencloudmesh.server.context import Context
from opencloudmesh.server.remote import RemoteTree
from opencloudmesh.server.trees import Content, Entry, free_name, join

log = logging.getLogger(__name__)

TURN = 900.0  # seconds for a file at a time: a server that sends slowly does not hold up what others want for ever
AGAIN = (Unavailable, Unreachable, PeerAway)  # what passes: it is tried again
Row = sa.Row[Any]


class Copier:
    """What is being copied in this process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._busy: dict[str, str] = {}  # whose each row is that is under way

    async def start(self) -> list[asyncio.Task[None]]:
        """Begins with what is due and not under way."""
        busy = dict(self._busy)
        found = await self._context.database.read(lambda tx: copies.due(tx, busy))
        fresh = [row for row in found if row.id not in self._busy]
        self._busy |= {row.id: row.account for row in fresh}
        return [asyncio.create_task(self._attempt(row)) for row in fresh]

    async def _attempt(self, row: Row) -> None:
        write = self._context.database.write
        try:
            await self._copy(row)
        except AGAIN as error:
            said, wait = error.message, error.retry_after
            with contextlib.suppress(OcmError):
                await write(lambda tx: copies.postponed(tx, row.id, said, retry_after=wait))
        except Exception as error:
            if not isinstance(error, OcmError):
                log.exception("copy %s failed", row.id)
            reason = error.message if isinstance(error, OcmError) else Sentence("Something went wrong here.")
            with contextlib.suppress(OcmError):
                await write(lambda tx: copies.failed(tx, row.id, reason))
        finally:
            self._busy.pop(row.id, None)
            self._context.wake.set()

    async def _copy(self, row: Row) -> None:
        """One step of a job: a file, or what is in a folder. Who began it had passed what the share demands."""
        context = self._context
        share = await context.database.read(lambda tx: received.get(tx, row.received))
        account = await context.database.read(lambda tx: accounts.get(tx, row.account))
        if share.state != received.ACCEPTED:
            raise Conflict("The share has ended.")
        await context.database.read(lambda tx: policy.refuse_denied(tx, "share", row.host, "in", "out"))
        tree = RemoteTree(context.reach, share, strong=True)
        entry = await tree.look(row.source)
        if entry.is_folder:
            await self._unfold(row, account, tree)
        else:
            await self._fetch(row, account, tree, entry)

    async def _unfold(self, row: Row, account: Account, tree: RemoteTree) -> None:
        children = await tree.look_into(row.source)
        items = [copies.Item(child.name, child.is_folder, child.size) for child in children]
        name = await self._free_name(account, row)
        await self._context.tree(account).make_folder(join(row.folder, name))
        await self._context.database.write(lambda tx: copies.unfold(tx, row, name, items))

    async def _fetch(self, row: Row, account: Account, tree: RemoteTree, entry: Entry) -> None:
        partials, database = self._context.partials.of(account.id), self._context.database
        offset = await asyncio.to_thread(partials.size, row.id)
        if offset and (row.etag, row.size) != (entry.etag, entry.size):  # it has changed there
            await asyncio.to_thread(partials.discard, row.id)
            offset = 0
        await database.write(lambda tx: copies.seen(tx, row.id, size=entry.size, etag=entry.etag))
        quota = await self._context.own_tree(account.id).quota()
        if quota.available is not None and quota.available < entry.size - offset:
            raise InsufficientStorage("There is no room for it among your files.")
        checksum = None
        if offset < entry.size or entry.size == 0:
            content = await tree.read(row.source, offset, checksum=True)
            checksum = content.checksum
            await self._append(row, content, offset, entry.size)
        file = partials.path(row.id)
        if await asyncio.to_thread(partials.size, row.id) < entry.size:
            raise Unavailable("Not all of it has come yet; it goes on later.")
        after = await tree.look(row.source)
        if (after.etag, after.size) != (entry.etag, entry.size):
            raise Unavailable("It was changed at {host} while it was copied.", host=row.host)
        if checksum is not None and not await asyncio.to_thread(_holds, file, *checksum):
            await asyncio.to_thread(partials.discard, row.id)
            raise BadAnswer("What {host} sent is damaged: its checksum does not hold.", host=row.host)
        await self._take_in(row, account, file, entry)

    async def _append(self, row: Row, content: Content, offset: int, size: int) -> None:
        """What comes goes behind what is there, as long as it is wanted."""
        partials, read = self._context.partials.of(row.account), self._context.database.read
        assert content.stream is not None
        piece = await asyncio.to_thread(partials.opened, row.id, offset, size)
        try:
            async for chunk in gathered(_for_a_turn(content.stream)):
                await asyncio.to_thread(piece.write, chunk)
                if not await read(lambda tx: copies.goes_on(tx, row.id)):
                    raise NotFound("It is not wanted any more.")
        finally:
            await asyncio.to_thread(piece.keep)
            piece.close()

    async def _take_in(self, row: Row, account: Account, file: Path, entry: Entry) -> None:
        if not await self._context.database.read(lambda tx: copies.goes_on(tx, row.id)):
            raise NotFound("It is not wanted any more.")
        name = await self._free_name(account, row)
        tree = self._context.tree(account)
        await tree.take_in(join(row.folder, name), file, size=entry.size, modified_ns=entry.modified_ns)
        await self._context.database.write(partial(copies.arrived, copy_id=row.id, name=name))
        await asyncio.to_thread(self._context.partials.of(account.id).discard, row.id)

    async def _free_name(self, account: Account, row: Row) -> str:
        """Nothing that is there is ever replaced."""
        there = await self._context.tree(account).list(row.folder)
        return free_name(row.name, {entry.name.casefold() for entry in there})


async def _for_a_turn(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What comes of it within a turn; the rest is asked for in another, from there on."""
    clock = asyncio.get_running_loop().time
    end = clock() + TURN
    async for chunk in stream:
        yield chunk
        if clock() > end:
            return


def _holds(file: Path, algorithm: str, digest: bytes) -> bool:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).digest() == digest
