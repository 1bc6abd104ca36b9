"""A person's whole tree: their own files, and received shares mounted among them.

    tree = UserTree(LocalTree(storage, database, account), reach, leave=received.decline)

A path belongs to the share that is mounted at the longest prefix of it, else to the person's own files. Where shares
are mounted is in the database (`received.path`), so a folder that holds mounts is listed without asking any peer. A
folder on the way to a mount need not exist on disk; it is made when something of their own is put there.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from msgspec import structs

from opencloudmesh.protocol.errors import (
    Conflict,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    OcmError,
    PreconditionFailed,
)
from opencloudmesh.protocol.protocols import MUST_USE_MFA
from opencloudmesh.server import listings, locks, passing_on, properties
from opencloudmesh.server.contents import pieces, pieces_of
from opencloudmesh.server.database import Tx
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.mounted import Mounts, as_seen, by_child, marked, placed, virtual, within
from opencloudmesh.server.remote import Reach, RemoteTree
from opencloudmesh.server.schema import received
from opencloudmesh.server.subtrees import at_or_below, moved
from opencloudmesh.server.trees import (
    ALL,
    GONE,
    MAX_COPIED,
    MAX_DEPTH,
    Content,
    Entry,
    Quota,
    inside,
    join,
    parent,
    too_much,
)

Row = sa.Row[Any]
Entries = list[Entry]
Leave = Callable[[Tx, str], object]  # the gesture by which a person leaves a received share


class UserTree:
    """The `Tree` of a person. `leave` is run in a transaction when they delete the root of a received share.

    `strong`: they have passed a second factor. Without one, shares that demand it are listed, can be moved and left,
    and nothing else (`remote`).
    """

    base = ""
    permissions = ALL

    def __init__(self, local: LocalTree, reach: Reach, *, leave: Leave, strong: bool = False) -> None:
        self.account = local.account
        self._local = local
        self._reach = reach
        self._leave = leave
        self._strong = strong

    # Looking

    async def stat(self, path: str) -> Entry:
        """One entry. A folder's ETag changes also with what was last seen of the shares mounted below it.

        The root of a received share is there whatever its server says: the person must be able to leave it.
        """
        mounts = await self._mounts()
        row = mounts.over(path)
        if row is not None:
            try:
                return placed(await self._remote(row).stat(within(path, row)), row)
            except OcmError:
                if row.path != path:
                    raise
                return self._as_seen(row)
        below = mounts.below(path)
        try:
            entry = await self._local.stat(path)
        except NotFound:
            if not below:
                raise
            entry = virtual(path, below)
        return marked(entry, below)

    async def list(self, path: str) -> Entries:
        """A folder's children, sorted by name. Mounted shares are shown as they were last seen."""
        return await self._list(path, await self._mounts(), fresh=False)

    async def quota(self) -> Quota:
        """That of the person's own files."""
        return await self._local.quota()

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> Content:
        """A file's bytes."""
        row = (await self._mounts()).over(path)
        if row is None:
            return await self._local.read(path, start, stop)
        content = await self._remote(row).read(within(path, row), start, stop)
        return replace(content, entry=placed(content.entry, row))

    # Changing

    async def write(
        self, path: str, chunks: AsyncIterator[bytes], *, size: int | None = None, modified_ns: int | None = None,
        existing: str = GONE,
    ) -> tuple[Entry, bool]:  # fmt: skip
        """Replaces or creates a file. What becomes of an `existing` one in a received share, its own server decides."""
        mounts = await self._mounts()
        row = mounts.over(path)
        if row is None:
            await self._make_real(parent(path), mounts)
            return await self._local.write(path, chunks, size=size, modified_ns=modified_ns, existing=existing)
        entry, new = await self._remote(row).write(within(path, row), chunks, size=size, modified_ns=modified_ns)
        return placed(entry, row), new

    async def take_in(
        self, path: str, file: Path, *, size: int, modified_ns: int, existing: str = GONE
    ) -> tuple[Entry, bool]:
        """As `write`, of a file of this disk that is in no tree. It is gone only where the path is the person's own."""
        mounts = await self._mounts()
        if mounts.over(path) is None:
            await self._make_real(parent(path), mounts)
            return await self._local.take_in(path, file, modified_ns=modified_ns, existing=existing)
        async with contextlib.aclosing(pieces_of(file)) as chunks:
            return await self.write(path, chunks, size=size, modified_ns=modified_ns)

    async def keep(self, path: str) -> None:
        """A file of their own that is about to be replaced goes to the trash too."""
        if (await self._mounts()).over(path) is None:
            await self._local.keep(path)

    async def touch(self, path: str, modified_ns: int) -> Entry:
        """Sets a file's time of modification."""
        row = (await self._mounts()).over(path)
        if row is None:
            return await self._local.touch(path, modified_ns)
        return placed(await self._remote(row).touch(within(path, row), modified_ns), row)

    async def make_folder(self, path: str) -> Entry:
        """Makes one folder."""
        mounts = await self._mounts()
        row = mounts.over(path)
        if mounts.below(path) or (row is not None and row.path == path):
            raise MethodNotAllowed("There is something of that name already.")
        if row is None:
            await self._make_real(parent(path), mounts)
            return await self._local.make_folder(path)
        return placed(await self._remote(row).make_folder(within(path, row)), row)

    async def delete(self, path: str) -> None:
        """Deletes a file or folder. The root of a received share is not deleted but left, and so are all below."""
        mounts = await self._mounts()
        row, below = mounts.over(path), mounts.below(path)
        if row is not None and row.path != path:
            await self._remote(row).delete(within(path, row))
        elif row is None:
            try:
                await self._local.delete(path)
            except NotFound:
                if not below:
                    raise
        gone = [*below, *([row] if row is not None and row.path == path else [])]
        if gone:
            await self._reach.database.write(lambda tx: self._leave_all(tx, gone))

    async def move(self, source: str, target: str, *, overwrite: bool) -> bool:
        """Moves or renames. The root of a received share moves alone: nothing happens at the peer."""
        mounts = await self._mounts()
        origin, place = mounts.over(source), mounts.over(target)
        _check_ends(source, target, mounts, overwrite=overwrite)
        if origin is not None and origin.path == source:
            return await self._move_mount(origin, target, mounts, overwrite=overwrite)
        if origin is not None and place is not None and origin.id == place.id:
            tree = self._remote(origin)
            return await tree.move(within(source, origin), within(target, origin), overwrite=overwrite)
        if origin is None and place is None:
            await self._make_real(source, mounts)
            await self._make_real(parent(target), mounts)
            return await self._local.move(source, target, overwrite=overwrite)
        if mounts.below(source):
            raise Forbidden("A received share cannot be put into another one.")
        before = await self._look(source, mounts)
        new = await self._transfer(source, target, mounts, overwrite=overwrite)
        after = await self._look(source, mounts)
        if after.etag != before.etag and not (after.is_folder and origin):  # folders elsewhere change as they like
            raise Conflict("It was changed meanwhile. It has been copied, and is still where it was.")
        await self._reach.database.write(lambda tx: properties.move(tx, self.account, source, target))
        await self.delete(source)
        return new

    async def copy(self, source: str, target: str, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies a file or folder, also from one server to another."""
        mounts = await self._mounts()
        origin, place = mounts.over(source), mounts.over(target)
        _check_ends(source, target, mounts, overwrite=overwrite)
        if origin is not None and place is not None and origin.id == place.id:
            tree = self._remote(origin)
            return await tree.copy(within(source, origin), within(target, origin), overwrite=overwrite, deep=deep)
        if origin is None and place is None and not (deep and mounts.below(source)):
            await self._make_real(source, mounts)
            await self._make_real(parent(target), mounts)
            return await self._local.copy(source, target, overwrite=overwrite, deep=deep)
        new = await self._transfer(source, target, mounts, overwrite=overwrite, deep=deep)
        await self._reach.database.write(lambda tx: properties.copy(tx, self.account, source, target, deep=deep))
        return new

    # Mounts

    async def _mounts(self) -> Mounts:
        query = sa.select(received).where(received.c.account == self.account, received.c.path.is_not(None))
        return Mounts(tuple(await self._reach.database.read(lambda tx: tx.all(query))))

    def _remote(self, row: Row) -> RemoteTree:
        return RemoteTree(self._reach, row, strong=self._strong)

    def _as_seen(self, row: Row) -> Entry:
        """The root of a received share, without asking its server."""
        locked = MUST_USE_MFA in row.requirements and not self._strong
        return structs.replace(as_seen(row), locked=locked) if locked else as_seen(row)

    async def _make_real(self, path: str, mounts: Mounts) -> None:
        """Makes the folders of `path` that are there only because something is mounted below them."""
        parts = path.split("/")
        for folder in ("/".join(parts[: count + 1]) for count in range(len(parts))):
            if folder and mounts.below(folder):
                with contextlib.suppress(MethodNotAllowed):  # it is on disk already
                    await self._local.make_folder(folder)

    async def _move_mount(self, row: Row, target: str, mounts: Mounts, *, overwrite: bool) -> bool:
        place = mounts.over(target)
        if place is not None:
            if place.path == target:
                _may_replace(overwrite=overwrite)
            raise Forbidden("A received share cannot be put into another one, or replace it.")
        folder = await self._existing(parent(target), mounts)
        if folder is None or not folder.is_folder:
            raise Conflict("There is no folder to put it in.")
        existing = await self._existing(target, mounts)
        if existing is not None:
            _may_replace(overwrite=overwrite)
            await self._local.delete(target)
        await self._reach.database.write(lambda tx: self._remount(tx, row.path, target))
        return existing is None

    def _remount(self, tx: Tx, source: str, target: str) -> None:
        there = sa.and_(received.c.account == self.account, at_or_below(received.c.path, target))
        if tx.all(sa.select(received.c.id).where(there)):
            raise Conflict("There is something of that name already.")
        here = sa.and_(received.c.account == self.account, at_or_below(received.c.path, source))
        tx.run(sa.update(received).where(here).values(path=moved(received.c.path, source, target)))
        passing_on.moved(tx, self.account, source, target)
        properties.move(tx, self.account, source, target)
        locks.forget(tx, self.account, source)

    def _leave_all(self, tx: Tx, rows: Sequence[Row]) -> None:
        for row in rows:
            # Deleting a folder of their own may have ended what was mounted in it already.
            if tx.all(sa.select(received.c.id).where(received.c.id == row.id, received.c.path.is_not(None))):
                self._leave(tx, row.id)
            properties.forget(tx, self.account, row.path)
            locks.forget(tx, self.account, row.path)
            listings.forget(tx, row.id)

    # From one server to another

    async def _transfer(self, source: str, target: str, mounts: Mounts, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies through this server. Only what is there now counts, not what was seen last."""
        origin = await self._look(source, mounts)
        existing = await self._existing(target, mounts)
        if existing is not None:
            _may_replace(overwrite=overwrite)
            if existing.is_folder or origin.is_folder:
                if existing.mounted:
                    raise Forbidden("A received share is not replaced.")
                await self.delete(target)
        await self._copy(origin, target, mounts, iter(range(MAX_COPIED)), deep=deep)
        return existing is None

    async def _copy(self, entry: Entry, target: str, mounts: Mounts, left: Iterator[int], *, deep: bool) -> None:
        if target.count("/") >= MAX_DEPTH:  # a peer can invent folders without end
            raise Forbidden("The folders are nested too deeply.")
        if next(left, None) is None:
            raise too_much()
        if not entry.is_folder:
            content = await self.read(entry.path)
            seen = content.entry
            async with contextlib.aclosing(pieces(content)) as chunks:
                await self.write(target, chunks, size=seen.size, modified_ns=seen.modified_ns or None)
            return
        await self.make_folder(target)
        for child in await self._list(entry.path, mounts, fresh=True) if deep else ():
            await self._copy(child, join(target, child.name), mounts, left, deep=True)

    async def _existing(self, path: str, mounts: Mounts) -> Entry | None:
        try:
            return await self._look(path, mounts)
        except NotFound:
            return None

    async def _look(self, path: str, mounts: Mounts) -> Entry:
        """As `stat`, and never what was seen last."""
        row = mounts.over(path)
        return await self.stat(path) if row is None else placed(await self._remote(row).look(within(path, row)), row)

    async def _list(self, path: str, mounts: Mounts, *, fresh: bool) -> Entries:
        row, below = mounts.over(path), mounts.below(path)
        try:
            if row is None:
                own = await self._local.list(path)
            else:
                tree, inner = self._remote(row), within(path, row)
                own = [placed(entry, row) for entry in await (tree.look_into(inner) if fresh else tree.list(inner))]
        except NotFound:
            if row is not None or not below:
                raise
            own = []
        children = {entry.path: entry for entry in own}
        for child, rows in by_child(path, below).items():
            mounted = next((row for row in rows if row.path == child), None)
            if mounted is None:
                children[child] = marked(children.get(child) or virtual(child, rows), rows)
            else:
                children[child] = await self._look(child, mounts) if fresh else self._as_seen(mounted)
        return sorted(children.values(), key=lambda entry: entry.name)


def _check_ends(source: str, target: str, mounts: Mounts, *, overwrite: bool) -> None:
    if inside(target, source) or inside(source, target):
        raise Forbidden("It cannot become a part or the whole of itself.")
    if mounts.below(target):
        _may_replace(overwrite=overwrite)
        raise Forbidden("A folder with received shares in it is not replaced.")


def _may_replace(*, overwrite: bool) -> None:
    if not overwrite:
        raise PreconditionFailed("There is something of that name already.")
