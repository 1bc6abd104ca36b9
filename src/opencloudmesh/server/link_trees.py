"""What a link opens: the part of its owner's tree that visitors see, or only put files into.

What they put there is bounded for each link, besides the owner's quota: anybody may have the link, and a disk is soon
full. Where they see nothing (mode "upload"), nothing that they put replaces or meets anything that is there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Forbidden, InsufficientStorage
from opencloudmesh.server import links
from opencloudmesh.server.bins import Bin
from opencloudmesh.server.contents import on_disk
from opencloudmesh.server.database import Database
from opencloudmesh.server.files import LocalTree, OnRemoved
from opencloudmesh.server.storage import Storage, Upload
from opencloudmesh.server.trees import Entry, join, numbered

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
        self, path: str, chunks: AsyncIterator[bytes], *, size: int | None = None, modified_ns: int | None = None
    ) -> tuple[Entry, bool]:
        """As of any tree; by a link to upload only, always something new beside what is there."""
        if self._link.mode == links.UPLOAD:
            upload = await on_disk(self._beside, path)
            entry, new = await self._put(upload, chunks, size, modified_ns)
        else:
            entry, new = await super().write(path, chunks, size=size, modified_ns=modified_ns)
        await self._count(entry.size)
        return entry, new

    async def make_folder(self, path: str) -> Entry:
        """Makes one folder."""
        await self._room(0, 0)
        entry = await super().make_folder(path)
        await self._count(0)
        return entry

    async def copy(self, source: str, target: str, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies a file or folder with its properties."""
        count = await on_disk(self._storage.count, self.account, self._place(source)) if deep else 1
        await self._room(0, 0, count)
        new = await super().copy(source, target, overwrite=overwrite, deep=deep)
        await self._count(await on_disk(self._storage.size, self.account, self._place(target)), count)
        return new

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

    async def _count(self, size: int, count: int = 1) -> None:
        await self._database.write(partial(links.put, link_id=self._link.id, size=size, count=count))
