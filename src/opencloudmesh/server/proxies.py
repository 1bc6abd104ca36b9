"""What one of our people received and shares on, as a tree for the one who has it from them.

It leads through the received share, to the place in it that was shared on and no other, with no more permissions than
both allow at that moment. Its files are at the owner's server, which counts all of it as done by our person.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import sqlalchemy as sa
from msgspec import structs

from opencloudmesh.protocol.errors import Forbidden, NotFound
from opencloudmesh.protocol.protocols import MUST_USE_MFA, SHARE
from opencloudmesh.server import bounds, received
from opencloudmesh.server.remote import Reach, RemoteTree
from opencloudmesh.server.trees import Content, Entry, Quota, inside, join, require

Row = sa.Row[Any]


class ProxiedTree:
    """The `Tree` of a row of `shares` that leads through `given`, a row of `received`.

    Raises `NotFound` where that has ended, `Forbidden` where its owner does not let it be shared on any more.
    """

    def __init__(self, reach: Reach, share: Row, given: Row) -> None:
        if given.state != received.ACCEPTED or not inside(share.path, given.path):
            raise NotFound("This share has ended.")
        limits = bounds.of_received(given)
        if SHARE not in limits.permissions:
            raise Forbidden("Its owner does not let it be shared on any more.")
        self.account: str = share.owner
        self.base: str = share.path
        self.permissions = limits.permissions & frozenset(share.permissions)
        # The server that has it from us has promised what the share demands.
        self._remote = RemoteTree(reach, given, strong=MUST_USE_MFA in share.requirements)
        self._root = share.path[len(given.path) :].lstrip("/")  # in the received share
        self._names = ("", share.path.rpartition("/")[2]) if share.resource_type == "file" else ("",)

    async def stat(self, path: str) -> Entry:
        """One entry."""
        require("stat", self.permissions)
        return self._placed(await self._remote.stat(self._inner(path)))

    async def list(self, path: str) -> list[Entry]:
        """A folder's children, sorted by name."""
        require("list", self.permissions)
        return [self._placed(entry) for entry in await self._remote.list(self._inner(path))]

    async def read(self, path: str, start: int = 0, stop: int | None = None) -> Content:
        """A file's bytes, from the owner's server through ours."""
        require("read", self.permissions)
        content = await self._remote.read(self._inner(path), start, stop)
        return Content(self._placed(content.entry), content.file, content.stream)

    async def quota(self) -> Quota:
        """What the owner's server says."""
        require("quota", self.permissions)
        return await self._remote.quota()

    async def write(
        self, path: str, chunks: AsyncIterator[bytes], *, size: int | None = None, modified_ns: int | None = None
    ) -> tuple[Entry, bool]:
        """Replaces or creates a file."""
        require("write", self.permissions)
        entry, new = await self._remote.write(self._inner(path), chunks, size=size, modified_ns=modified_ns)
        return self._placed(entry), new

    async def touch(self, path: str, modified_ns: int) -> Entry:
        """Sets a file's time of modification."""
        require("touch", self.permissions)
        return self._placed(await self._remote.touch(self._inner(path), modified_ns))

    async def make_folder(self, path: str) -> Entry:
        """Makes one folder."""
        require("make_folder", self.permissions)
        return self._placed(await self._remote.make_folder(self._inner(path)))

    async def delete(self, path: str) -> None:
        """Deletes a file or folder."""
        require("delete", self.permissions)
        await self._remote.delete(self._below(path))

    async def move(self, source: str, target: str, *, overwrite: bool) -> bool:
        """Moves or renames."""
        require("move", self.permissions)
        return await self._remote.move(self._below(source), self._below(target), overwrite=overwrite)

    async def copy(self, source: str, target: str, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies a file or folder."""
        require("copy", self.permissions)
        return await self._remote.copy(self._inner(source), self._below(target), overwrite=overwrite, deep=deep)

    def _inner(self, path: str) -> str:
        """A path in this tree as one of the received share. A shared file is at "" and also at its name."""
        return self._root if path in self._names else join(self._root, path)

    def _below(self, path: str) -> str:
        """`_inner` of anything but the root."""
        if path in self._names:
            raise Forbidden("The root stays where it is.")
        return self._inner(path)

    def _placed(self, entry: Entry) -> Entry:
        """An entry of the received share as one of this tree."""
        path = entry.path[len(self._root) :].lstrip("/")
        return structs.replace(entry, path=path, permissions=entry.permissions & self.permissions, mounted=False)
