"""The trash of a person: what is deleted goes there by one rename, and comes back or goes for good by another.

It is outside of the tree, and no other tree leads there. It gives way where the quota or the disk needs its room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from opencloudmesh.protocol.errors import MethodNotAllowed, NotFound
from opencloudmesh.server import disk, trash
from opencloudmesh.server.contents import on_disk
from opencloudmesh.server.database import Database, Tx
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import parent


class Bin:
    """The trash of one account."""

    def __init__(self, storage: Storage, database: Database, account: str) -> None:
        self._storage = storage
        self._database = database
        self._account = account

    async def put(self, path: str, forget: Callable[[Tx], None]) -> None:
        """A file or folder of the person's tree. `forget` ends what belongs to its path, in the same transaction."""
        await self._enter(path, forget, self._storage.discard)

    async def keep(self, path: str) -> None:
        """A file of the person's tree that is about to be replaced: what belongs to its path stays. If there is one."""
        with suppress(NotFound, MethodNotAllowed):
            await self._enter(path, lambda _tx: None, self._storage.keep)

    async def _enter(self, path: str, forget: Callable[[Tx], None], bring: Callable[[str, str, str], None]) -> None:
        found = await on_disk(self._storage.stat, self._account, path)
        size = await on_disk(self._storage.size, self._account, path)

        def enter(tx: Tx) -> dict[str, object]:
            forget(tx)
            return trash.enter(tx, self._account, path, is_folder=disk.is_folder(found), size=size)

        row = await self._database.write(enter)
        try:
            await on_disk(bring, self._account, path, str(row["id"]))
        except Exception:
            await self._database.write(partial(trash.drop, trash_ids=[str(row["id"])]))
            raise
        await self._database.write(partial(trash.settle, row=row))

    async def restore(self, trash_id: str, path: str) -> None:
        """Puts it back at a path where nothing is, and makes the folders above. Shares do not come back.

        Raises `NotFound`, `PreconditionFailed` where something is, `Conflict` where a file is above.
        """
        await self._database.write(partial(trash.leave, trash_id=trash_id, account=self._account))
        try:
            await on_disk(self._put_back, trash_id, path)
        except Exception:
            await self._database.write(partial(trash.stay, trash_id=trash_id))
            raise
        await self._database.write(partial(trash.drop, trash_ids=[trash_id]))

    async def burn(self, trash_id: str) -> None:
        """Deletes something for good. Raises `NotFound`."""
        row = await self._database.write(partial(trash.leave, trash_id=trash_id, account=self._account))
        await burn(self._storage, self._database, [row])

    async def empty(self) -> None:
        """Deletes everything for good."""
        rows = await self._database.write(partial(trash.leave_all, account=self._account))
        await burn(self._storage, self._database, rows)

    async def give_way(self, size: int, limit: int | None) -> None:
        """Makes room for so many bytes, where the files and the trash together may have `limit`, and on the disk."""
        trashed = await self._database.read(partial(trash.size, account=self._account))
        if not trashed:
            return
        used, free = await on_disk(self._usage)
        over = max(size - free, 0 if limit is None else used + trashed + size - limit)
        if over > 0:
            rows = await self._database.write(partial(trash.give_way, account=self._account, needed=over))
            await burn(self._storage, self._database, rows)

    def _usage(self) -> tuple[int, int]:
        return self._storage.usage(self._account), self._storage.free()

    def _put_back(self, trash_id: str, path: str) -> None:
        parts = parent(path).split("/")
        for count in range(len(parts)):
            if folder := "/".join(parts[: count + 1]):
                with suppress(MethodNotAllowed):  # it is there
                    self._storage.make_folder(self._account, folder)
        self._storage.restore(self._account, trash_id, path)


async def burn(storage: Storage, database: Database, rows: Sequence[trash.Row]) -> None:
    """Deletes for good what is about to leave, of whomever: rows of `trash.expire` and its like."""
    for row in rows:
        await on_disk(storage.burn, row.account, row.id)
    if rows:
        await database.write(partial(trash.drop, trash_ids=[row.id for row in rows]))
