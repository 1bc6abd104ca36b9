"""A tree on this machine's disk: a user's own, or the part of it that a share offers.

`storage` holds the bytes; what belongs to their paths (properties, locks, shares, mounts, links) is in the database.
The two cannot change in one step: `moves` says how they come to agree.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path

import sqlalchemy as sa

from opencloudmesh.protocol.errors import (
    Forbidden,
    InsufficientStorage,
    Invalid,
    NotFound,
    PreconditionFailed,
)
from opencloudmesh.server import disk, locks, moves, properties, schema
from opencloudmesh.server.bins import Bin
from opencloudmesh.server.contents import gathered, on_disk
from opencloudmesh.server.database import Database, Tx
from opencloudmesh.server.storage import Storage, Upload
from opencloudmesh.server.trees import (
    ALL,
    GONE,
    KEPT,
    MAX_COPIED,
    STAYS,
    Content,
    Entry,
    Permissions,
    Quota,
    inside,
    join,
    numbered,
    require,
    too_much,
)

# Called in the transaction that cleans up after what was at or below a path of an account's tree. Afterwards no
# share of it is offered, and nothing is mounted there.
OnRemoved = Callable[[Tx, str, str], None]
Entries = list[Entry]

MAX_LOOKED = 50_000  # files and folders in which something is looked for: about a second


def nothing_to_end(_tx: Tx, _account: str, _path: str) -> None:
    """For trees in which nothing is shared."""


class LocalTree:
    """A `Tree` on disk. `base` is the shared path, which may be a file; nothing outside it can be reached."""

    def __init__(
        self,
        storage: Storage,
        database: Database,
        account: str,
        base: str = "",
        permissions: Permissions = ALL,
        *,
        on_removed: OnRemoved = nothing_to_end,
        trash: Bin | None = None,
    ) -> None:
        self.account = account
        self.base = base
        self.permissions = permissions
        self._storage = storage
        self._database = database
        self._on_removed = on_removed
        self._trash = trash

    # Looking

    async def stat(self, path: str) -> Entry:
        """One entry."""
        require("stat", self.permissions)
        return await on_disk(self._stat, path)

    async def list(self, path: str) -> Entries:
        """A folder's children, sorted by name. `NotFound` for a file."""
        require("list", self.permissions)
        return await on_disk(self._list, path)

    async def find(self, path: str, words: str) -> tuple[Entries, bool]:
        """What has the words in its name, at any depth below a folder, and whether all was looked at."""
        require("find", self.permissions)
        return await on_disk(self._find, path, words.casefold())

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> Content:  # noqa: ARG002
        """A file on disk, whole: the caller seeks."""
        require("read", self.permissions)
        return await on_disk(self._read, path)

    async def quota(self) -> Quota:
        """What the account uses, and what is left of its quota and of the disk."""
        require("quota", self.permissions)
        limit = await self._limit()
        used, free = await on_disk(self._usage)
        return Quota(used, free if limit is None else max(0, min(free, limit - used)))

    # Changing

    async def write(
        self, path: str, chunks: AsyncIterator[bytes], *, size: int | None = None, modified_ns: int | None = None,
        existing: str = GONE,
    ) -> tuple[Entry, bool]:  # fmt: skip
        """Replaces or creates a file, whole or not at all; True where it is new.

        `existing`: what becomes of one of that name, a word of `trees`.
        `Invalid` where the body is not as long as announced; `InsufficientStorage` as soon as it is over quota.
        """
        require("write", self.permissions)
        upload = await on_disk(partial(self._upload, path, existing=existing))
        return await self._put(upload, chunks, size, modified_ns, existing)

    async def _put(
        self, upload: Upload, chunks: AsyncIterator[bytes], size: int | None, modified_ns: int | None, existing: str
    ) -> tuple[Entry, bool]:
        """Everything that comes goes into the upload."""
        try:
            room = await self._room(upload.replaced, size or 0)
            limit = None if room is None else await self._limit()
            async for data in gathered(chunks):
                if room is not None and upload.size + len(data) > room:
                    raise InsufficientStorage("There is no room for this file.")
                await on_disk(self._append, upload, data, limit)
            if size is not None and upload.size != size:
                raise Invalid("The body is not as long as announced.")
            async with self._counted(upload.size):
                found, new = await self._commit(upload, modified_ns, existing)
            if size is None and self._trash is not None:
                await self._trash.give_way(0, await self._limit())
        finally:
            upload.discard()
        return self._entry(self._path(upload.path), found), new

    async def _commit(self, upload: Upload, modified_ns: int | None, existing: str) -> tuple[os.stat_result, bool]:
        if existing == KEPT:
            await self._keep(upload.path)
        return await on_disk(upload.commit, modified_ns)

    async def keep(self, path: str) -> None:
        """A file that is about to be replaced, if there is one, goes to the trash too, where there is one."""
        require("keep", self.permissions)
        await self._keep(await on_disk(self._inner, path))

    async def _keep(self, place: str) -> None:
        if self._trash is not None:
            await self._trash.keep(place)

    async def take_in(self, path: str, file: Path, *, modified_ns: int, existing: str = GONE) -> tuple[Entry, bool]:
        """As `write`, of one of the person's `partials`, which counts already: it is moved, or stays if that fails."""
        require("take_in", self.permissions)
        upload = await on_disk(partial(self._upload, path, file, existing=existing))
        try:
            await self._room(upload.replaced + upload.size, upload.size)
            found, new = await self._commit(upload, modified_ns, existing)
        finally:
            upload.discard()
        return self._entry(self._path(upload.path), found), new

    async def touch(self, path: str, modified_ns: int) -> Entry:
        """Sets a file's time of modification."""
        require("touch", self.permissions)
        return await on_disk(self._touch, path, modified_ns)

    async def make_folder(self, path: str) -> Entry:
        """Makes one folder."""
        require("make_folder", self.permissions)
        found = await on_disk(self._storage.make_folder, self.account, join(self.base, path))
        return self._entry(path, found)

    async def delete(self, path: str) -> None:
        """Deletes a file or folder, into the trash where there is one, and ends what was shared of it."""
        require("delete", self.permissions)
        await asyncio.shield(self._delete(await on_disk(self._inner, path)))

    async def move(self, source: str, target: str, *, overwrite: bool) -> bool:
        """Moves or renames. A file that replaces a file leaves that one's shares in place: it is their new content."""
        require("move", self.permissions)
        origin, place, taken = await self._make_way(source, target, overwrite=overwrite)
        await asyncio.shield(self._move(origin, place, overwrite=overwrite))
        return not taken

    async def copy(self, source: str, target: str, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies a file or folder with its properties."""
        require("copy", self.permissions)
        size, count = await on_disk(partial(self._extent, source, deep=deep))
        if count > MAX_COPIED:
            raise too_much()
        await self._room(0, size, count)
        origin, place, taken = await self._make_way(source, target, overwrite=overwrite, inner=False)
        async with self._counted(size, count):
            await on_disk(partial(self._storage.copy, self.account, origin, place, deep=deep, overwrite=overwrite))
        await self._database.write(
            partial(properties.copy, account=self.account, source=origin, target=place, deep=deep)
        )
        return not taken

    # On the disk's threads

    def _stat(self, path: str) -> Entry:
        place = self._place(path)
        return self._entry(self._path(place), self._storage.stat(self.account, place))

    def _list(self, path: str) -> Entries:
        found = self._storage.list(self.account, join(self.base, path))
        return [self._entry(join(path, name), state) for name, state in found]

    def _find(self, path: str, words: str) -> tuple[Entries, bool]:
        found, todo, left = Entries(), [path], MAX_LOOKED
        while todo and left > 0:
            with suppress(NotFound, Forbidden):  # a folder may have just gone
                entries = self._list(todo.pop())
                left -= len(entries) + 1
                todo += [entry.path for entry in entries if entry.is_folder]
                found += [entry for entry in entries if words in entry.name.casefold()]
        return found, not todo

    def _read(self, path: str) -> Content:
        place = self._place(path)
        file = self._storage.file(self.account, place)
        return Content(self._entry(self._path(place), self._storage.stat(self.account, place)), file=file)

    def _extent(self, path: str, *, deep: bool) -> tuple[int, int]:
        """Bytes, and how many files and folders they are in."""
        place = self._place(path)
        if not deep and disk.is_folder(self._storage.stat(self.account, place)):
            return 0, 1
        return self._storage.size(self.account, place), self._storage.count(self.account, place)

    def _usage(self) -> tuple[int, int]:
        return self._storage.usage(self.account), self._storage.free()

    def _upload(self, path: str, file: Path | None = None, *, existing: str) -> Upload:
        beside = numbered if existing == STAYS else None
        return self._storage.upload(self.account, self._place(path), file, numbered=beside)

    def _append(self, upload: Upload, data: bytes, limit: int | None) -> None:
        upload.write(data)
        # Others that are under way were told of the same room.
        if limit is not None and self._storage.usage(self.account) - upload.replaced > limit:
            raise InsufficientStorage("There is no room for this file.")

    def _touch(self, path: str, modified_ns: int) -> Entry:
        place = self._place(path)
        return self._entry(self._path(place), self._storage.touch(self.account, place, modified_ns))

    def _place(self, path: str) -> str:
        """Where a path lies in the account's tree. A shared file is at "" and also at its name."""
        if path and path == self.base.rpartition("/")[2]:
            shared = self._storage.stat(self.account, self.base)
            return join(self.base, path) if disk.is_folder(shared) else self.base
        return join(self.base, path)

    def _inner(self, path: str) -> str:
        """`_place` of anything but the root."""
        place = self._place(path)
        if place == self.base:
            raise Forbidden("The root stays where it is.")
        return place

    def _ends(self, source: str, target: str, *, inner: bool) -> tuple[str, str, bool | None, bool | None]:
        """Both places, and what is there: True for a folder, False for a file, None for nothing."""
        origin, place = self._inner(source) if inner else self._place(source), self._inner(target)
        if inside(place, origin) or inside(origin, place):
            raise Forbidden("It cannot become a part or the whole of itself.")
        is_folder = disk.is_folder(self._storage.stat(self.account, origin))
        try:
            replaces_folder = disk.is_folder(self._storage.stat(self.account, place))
        except NotFound:
            return origin, place, is_folder, None
        return origin, place, is_folder, replaces_folder

    # Both

    async def _make_way(
        self, source: str, target: str, *, overwrite: bool, inner: bool = True
    ) -> tuple[str, str, bool]:
        """The two places in the account's tree, and whether something was at the target.

        Only a file that a file replaces is still there afterwards; the rest is deleted (RFC 4918, 9.8.4 and 9.9.3).
        """
        origin, place, is_folder, replaces_folder = await on_disk(partial(self._ends, inner=inner), source, target)
        if replaces_folder is None:
            return origin, place, False
        if not overwrite:
            raise PreconditionFailed("There is something of that name already.")
        if is_folder or replaces_folder:
            await asyncio.shield(self._delete(place))
        return origin, place, True

    async def _move(self, source: str, target: str, *, overwrite: bool) -> None:
        inode = (await on_disk(self._storage.stat, self.account, source)).st_ino
        intent = await self._database.write(partial(moves.intend, self.account, source, target, inode))
        try:
            await on_disk(partial(self._storage.move, self.account, source, target, overwrite=overwrite))
        except Exception:
            await self._database.write(partial(moves.drop, intent))
            raise
        await self._database.write(partial(moves.finish, intent))

    async def _delete(self, place: str) -> None:
        """Shares end first: a crash in between leaves a file that nobody shares, and no share of what is gone."""
        if self._trash is not None:
            await self._trash.put(place, partial(self._forget, place))
            return
        await on_disk(self._storage.stat, self.account, place)
        await self._database.write(partial(self._forget, place))
        await on_disk(self._storage.delete, self.account, place)

    def _forget(self, place: str, tx: Tx) -> None:
        properties.forget(tx, self.account, place)
        locks.forget(tx, self.account, place)
        self._on_removed(tx, self.account, place)

    async def _limit(self) -> int | None:
        query = sa.select(schema.accounts.c.quota).where(schema.accounts.c.id == self.account)
        row = await self._database.read(lambda tx: tx.one(query))
        if row is None:  # whoever is called so next begins with no files
            raise NotFound("There is no such account any more.")
        quota: int | None = row.quota
        return quota

    async def _room(self, replaced: int, size: int, _count: int = 1) -> int | None:
        """Bytes that a file may have which replaces so many; None where only the disk limits it."""
        limit, room = await self._limit(), None
        if limit is not None:
            room = limit - await on_disk(self._storage.usage, self.account) + replaced
            if size > room:
                raise InsufficientStorage("There is no room for this file.")
        if self._trash is not None:
            await self._trash.give_way(size - replaced, limit)
        return room

    @asynccontextmanager
    async def _counted(self, _size: int, _count: int = 1) -> AsyncIterator[None]:
        """Around the moment in which a file of so many bytes is put there, or so many files and folders."""
        yield

    def _path(self, place: str) -> str:
        """The path in this tree of a place in the account's."""
        return place[len(self.base) :].lstrip("/")

    def _entry(self, path: str, found: os.stat_result) -> Entry:
        folder = disk.is_folder(found)
        return Entry(
            path=path,
            is_folder=folder,
            size=0 if folder else found.st_size,
            modified_ns=found.st_mtime_ns,
            etag=disk.etag(found),
            permissions=self.permissions,
            media_type="" if folder else media_type(path or self.base),
        )


def media_type(path: str) -> str:
    """What a file probably is, by the ending of its name."""
    return _media_type(path.rpartition("/")[2].rpartition(".")[2].lower())


@lru_cache(1024)
def _media_type(ending: str) -> str:
    return mimetypes.guess_type(f"x.{ending}")[0] or "application/octet-stream"
