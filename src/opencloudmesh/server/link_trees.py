"""What a link opens: the part of its owner's tree that visitors see, or only put files into.

What they put there is bounded for each link, besides the owner's quota: anybody may have the link, and a disk is soon
full. Where they see nothing (mode "upload"), nothing that they put replaces or meets anything that is there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Forbidden, InsufficientStorage
from opencloudmesh.server import links
from opencloudmesh.server.bins import Bin
from opencloudmesh.server.contents import on_disk
from opencloudmesh.server.database import Database
from opencloudmesh.server.files import LocalTree, OnRemoved
from opencloudmesh.server.storage import Storage, Upload
from opencloudmesh.server.trees import GONE, STAYS, Entry, join, numbered, require

MAX_UPLOADS = 10_000  # files and folders that visitors may put by one link

Row = sa.Row[Any]


class LinkTree(LocalTree):
    """A `Tree` for whoever has a link. `largest` is how much one file may have, `total` all of the link, in bytes."""

    def __init__(
        self,
        storage: Storage,
        database: Database,
        link: Row,
        *,
        largest: int,
        total: int,
        on_removed: OnRemoved,
        trash: Bin | None,
    ) -> None:
        path, permissions = link.path, links.MODES[link.mode]
        super().__init__(storage, database, link.account, path, permissions, on_removed=on_removed, trash=trash)
        self._link = link
        self._largest, self._total = largest, total

    async def write(
        self, path: str, chunks: AsyncIterator[bytes], *, size: int | None = None, modified_ns: int | None = None,
        existing: str = GONE,
    ) -> tuple[Entry, bool]:  # fmt: skip
        """As of any tree; by a link to upload only, always something new beside what is there."""
        if self._link.mode == links.UPLOAD:
            return await self._put(await on_disk(self._beside, path), chunks, size, modified_ns, STAYS)
        return await super().write(path, chunks, size=size, modified_ns=modified_ns, existing=existing)

    async def make_folder(self, path: str) -> Entry:
        """Makes one folder."""
        require("make_folder", self.permissions)
        await self._room(0, 0)
        async with self._counted(0):
            return await super().make_folder(path)

    def _beside(self, path: str) -> Upload:
        if not path or "/" in path:  # whether there is such a folder is not told
            raise Forbidden("Put files into the folder itself.")
        return self._storage.upload(self.account, join(self.base, path), numbered=numbered)

    async def _room(self, replaced: int, size: int, count: int = 1) -> int | None:
        link = await self._database.read(lambda tx: links.get(tx, self._link.id))  # it may have ended meanwhile
        left: int = min(self._largest, self._total - link.uploaded)
        if size > left or left <= 0 or link.uploads + count > MAX_UPLOADS:
            raise InsufficientStorage("This is more than one can upload here.")
        room = await super()._room(replaced, size)
        return left if room is None else min(room, left)

    @asynccontextmanager
    async def _counted(self, size: int, count: int = 1) -> AsyncIterator[None]:
        """Of what others put there at the same moment, only so much comes in as the link still takes."""
        write, link_id = self._database.write, self._link.id
        bounds = {"total": self._total, "most": MAX_UPLOADS}
        await write(lambda tx: links.reserve(tx, link_id, size=size, count=count, **bounds))
        try:
            yield
        except BaseException:
            await write(lambda tx: links.give_back(tx, link_id, size=size, count=count))
            raise
        await write(lambda tx: links.put(tx, link_id))
