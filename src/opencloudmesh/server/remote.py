"""A received share as a tree: what is in it is at another server, what was last seen of it is here.

Looking (`stat`, `list`) asks the peer, waits a few seconds, and then shows what was seen last. A peer that did not
answer in time is left alone while its circuit is open, and costs nothing; an answer that comes late is still kept.
Everything else needs the peer. What may be done is decided over there; `received.permissions` is for display.

Where the owner demands a second factor (`must-use-mfa`), this is the one place that holds it: there is no tree of the
share, and so no file, no listing and nothing that was seen of it before, for who has passed none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from opencloudmesh.client.access import Candidate, Gone, candidates, link_way, probe
from opencloudmesh.client.dav import DavClient
from opencloudmesh.client.multistatus import RemoteEntry, etag_of
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import (
    BadAnswer,
    Forbidden,
    NotFound,
    PeerAway,
    Refused,
    SecondFactorNeeded,
    Unavailable,
    Unreachable,
)
from opencloudmesh.protocol.protocols import MUST_EXCHANGE_TOKEN, MUST_USE_MFA
from opencloudmesh.protocol.tokens import TokenResponse, is_invalid_grant
from opencloudmesh.server import listings, locks, passing_on, peers, policy, properties, received, shares
from opencloudmesh.server.bounds import LINK
from opencloudmesh.server.database import Database, Tx
from opencloudmesh.server.trees import ALL, Content, Entry, Quota, join

T = TypeVar("T")
Row = sa.Row[Any]
Entries = list[Entry]

Exchange = Callable[[Discovery, str], Awaitable[TokenResponse]]  # a peer, and the secret of its share

SPARE = 30.0  # seconds before its end at which a token is replaced, so that no request fails
DEADLINE = 3.0  # seconds that a person waits for a peer before they see what was seen last


@dataclass(frozen=True, slots=True)
class Held:
    """A token that a peer gave us, and until when it is good: seconds of the event loop's clock."""

    token: str = field(repr=False)
    until: float


@dataclass(frozen=True)
class Reach:
    """What leads to peers. `locate` says who a host is (`discovery.Lookup.discover`), `exchange` gets a token there."""

    database: Database
    network: Network
    locate: Callable[[str], Awaitable[Discovery]]
    exchange: Exchange | None = None
    tokens: dict[str, Held] = field(default_factory=dict)  # by share; only in memory, and only while they last
    deadline: float = DEADLINE
    under_way: set[asyncio.Task[Any]] = field(default_factory=set)  # also those for which nobody waits any more

    async def close(self) -> None:
        """Ends what is under way."""
        for task in self.under_way:
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)


class RemoteTree:
    """A `Tree` at another server. `row` is one of the table `received`, mounted at `row.path`.

    `strong`: who opens it has passed a second factor, or is a server that promises that all who do have. Raises
    `SecondFactorNeeded`.
    """

    def __init__(self, reach: Reach, row: Row, *, strong: bool) -> None:
        if MUST_USE_MFA in row.requirements and not strong:
            raise SecondFactorNeeded(
                "Its owner demands a second factor. Set one up on the page Security; "
                "a program needs an app password that was made there afterwards."
            )
        self.account: str = row.account
        self.base: str = row.path or ""
        self.permissions = ALL
        self._reach = reach
        self._row = row
        self._link = row.verified == LINK
        self._access: dict[str, str] | None = row.access

    # Looking

    async def stat(self, path: str) -> Entry:
        """One entry, as it is or as it was seen last."""
        return await self._in_time(self.look(path), lambda tx: listings.one(tx, self._row.id, path))

    async def list(self, path: str) -> Entries:
        """A folder's children, as they are or as they were seen last. `NotFound` for a file."""
        return await self._in_time(self.look_into(path), lambda tx: listings.folder(tx, self._row.id, path))

    async def look(self, path: str) -> Entry:
        """One entry as it is. What the root is gets kept."""
        found = await self._ask(lambda dav: dav.stat(path), root=not path)
        if not path:
            await self._keep(listings.root_columns(found, link=self._link))
        return listings.entry(path, listings.seen(found, link=self._link))

    async def look_into(self, path: str) -> Entries:
        """A folder's children as they are, and they are kept. `NotFound` for a file."""
        folder, found = await self._ask(lambda dav: dav.list(path), root=not path)
        if folder is not None and not folder.is_folder:
            raise NotFound("This is not a folder.")
        children = [listings.seen(child, link=self._link) for child in found]
        await self._keep(listings.root_columns(folder, link=self._link) if folder and not path else {}, path, children)
        return [listings.entry(join(path, child["name"]), child) for child in children]

    async def quota(self) -> Quota:
        """What the peer says of the share's root."""
        used, available = await self._ask(lambda dav: dav.quota())
        return Quota(used or 0, available)

    # Reading and changing

    async def read(self, path: str, start: int = 0, stop: int | None = None, *, checksum: bool = False) -> Content:
        """A file's bytes, streamed from the peer, which is asked for a `checksum` where that is wanted."""
        download = await self._ask(lambda dav: dav.get(path, start, stop, checksum=checksum), root=not path)
        size = (await self.look(path)).size if download.size is None else download.size
        etag = download.etag or etag_of(download.modified_ns, size)
        entry = Entry(path, False, size, download.modified_ns, etag, media_type=download.media_type)
        return Content(entry, stream=download.chunks, checksum=download.checksum)

    async def write(
        self, path: str, chunks: AsyncIterator[bytes], *, size: int | None = None, modified_ns: int | None = None
    ) -> tuple[Entry, bool]:
        """Replaces or creates a file. `BadAnswer` where the peer did not keep all of it."""
        sent = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal sent
            async for chunk in chunks:
                sent += len(chunk)
                yield chunk

        dav = await self._client()  # a body can be sent only once, so the way in is found before
        new = await self._contact(lambda: dav.put(path, counted(), size, modified_ns=modified_ns))
        await self._changed(path)
        entry = await self.look(path)
        if entry.size != sent:  # PHP behind FastCGI loses bodies that do not announce their length
            raise BadAnswer(
                "{host} did not keep the whole file.", host=self._row.host, detail=f"{entry.size} of {sent} bytes"
            )
        return entry, new

    async def touch(self, path: str, modified_ns: int) -> Entry:
        """Sets a file's time of modification."""
        if (await self.look(path)).is_folder:
            raise Forbidden("The time of a folder tells of what is below it.")
        await self._ask(lambda dav: dav.touch(path, modified_ns))
        await self._changed(path)
        return await self.look(path)

    async def make_folder(self, path: str) -> Entry:
        """Makes one folder."""
        await self._ask(lambda dav: dav.mkcol(path))
        await self._changed(path)
        return await self.look(path)

    async def delete(self, path: str) -> None:
        """Deletes a file or folder."""
        _not_the_root(path)
        await self._ask(lambda dav: dav.delete(path))
        place = join(self.base, path)

        def forget(tx: Tx) -> None:
            properties.forget(tx, self.account, place)
            locks.forget(tx, self.account, place)
            listings.changed(tx, self._row.id, path)
            shares.path_removed(tx, self.account, place)

        await self._reach.database.write(forget)

    async def move(self, source: str, target: str, *, overwrite: bool) -> bool:
        """Moves or renames inside the share."""
        _not_the_root(source, target)
        new = await self._ask(lambda dav: dav.move(source, target, overwrite=overwrite))
        before, after = join(self.base, source), join(self.base, target)

        def follow(tx: Tx) -> None:
            properties.move(tx, self.account, before, after)
            locks.forget(tx, self.account, before)
            listings.changed(tx, self._row.id, source, target)
            passing_on.moved(tx, self.account, before, after)

        await self._reach.database.write(follow)
        return new

    async def copy(self, source: str, target: str, *, overwrite: bool, deep: bool = True) -> bool:
        """Copies inside the share."""
        _not_the_root(target)
        new = await self._ask(lambda dav: dav.copy(source, target, overwrite=overwrite, deep=deep))
        before, after = join(self.base, source), join(self.base, target)

        def follow(tx: Tx) -> None:
            properties.copy(tx, self.account, before, after, deep=deep)
            listings.changed(tx, self._row.id, target)

        await self._reach.database.write(follow)
        return new

    # Ways in

    async def _ways(self) -> Sequence[Candidate]:
        """The ways in, most likely first. A share that demands an exchanged token is opened by nothing else."""
        row = self._row
        try:
            peer = await self._reach.locate(row.host)
        except Unreachable as error:
            raise PeerAway(error.message, detail=error.detail) from None
        if self._link:
            return [link_way(peer, row.secret, row.password or "")]
        must_exchange = MUST_EXCHANGE_TOKEN in row.requirements
        token = None
        if must_exchange or ("exchange-token" in peer.capabilities and peer.token_end_point):
            try:
                token = await self._token(peer)
            except (Refused, BadAnswer) as error:
                if must_exchange and isinstance(error, Refused) and is_invalid_grant(error.body):
                    raise Gone("The share is not there any more.", detail=error.message) from None
                if must_exchange:
                    raise
        return candidates(peer, uri=row.uri, secret=row.secret, name=row.name, token=token, must_exchange=must_exchange)

    async def _token(self, peer: Discovery | None = None) -> str:
        """A short-lived token for the share: the one that we hold, or a new one before that ends."""
        held, now = self._reach.tokens.get(self._row.id), asyncio.get_running_loop().time()
        if held is not None and held.until > now:
            return held.token
        exchange = self._reach.exchange
        if exchange is None:
            raise BadAnswer("This server exchanges no tokens.")
        found = peer or await self._reach.locate(self._row.host)
        given = await self._contact(lambda: exchange(found, self._row.secret))
        # One that lasts less than the spare time is used once, by the caller.
        self._reach.tokens[self._row.id] = Held(given.access_token, now + given.expires_in - SPARE)
        return given.access_token

    async def token_for(self, secret: str) -> str:
        """A short-lived token for the secret of another part of the share, got now and kept nowhere."""
        try:
            peer = await self._reach.locate(self._row.host)
        except Unreachable as error:
            raise PeerAway(error.message, detail=error.detail) from None
        exchange = self._reach.exchange
        if exchange is None:
            raise BadAnswer("This server exchanges no tokens.")
        return (await self._contact(lambda: exchange(peer, secret))).access_token

    async def _client(self, *, anew: bool = False) -> DavClient:
        """A client that goes the way that worked last, or (`anew`) one that is looked for."""
        if anew:
            self._reach.tokens.pop(self._row.id, None)
        if self._access is None or anew:
            way, root = await self._find()
            self._access = {"url": way.root_url, "scheme": way.scheme}
            if way.credential != self._row.secret:
                self._access["by"] = "token"
            await self._keep({**listings.root_columns(root, link=self._link), "access": self._access})
        else:
            try:
                credential = await self._token() if self._access.get("by") == "token" else self._row.secret
            except Refused:  # it may be that only the way has changed
                return await self._client(anew=True)
            way = Candidate(self._access["url"], self._access["scheme"], credential, self._row.password or "")
        return way.client(self._reach.network)

    async def _find(self) -> tuple[Candidate, RemoteEntry]:
        """A way that leads in, and the root of the share. `Gone` where its server says that there is no share."""
        try:
            ways = await self._ways()
            return await self._contact(lambda: probe(self._reach.network, ways))
        except Gone:
            await self._reach.database.write(lambda tx: received.missing(tx, self._row.id))
            raise

    async def _ask(self, ask: Callable[[DavClient], Awaitable[T]], *, root: bool = False) -> T:
        """Asks; where the way that worked last is closed now, another is looked for once."""
        known = self._access is not None
        dav = await self._client()
        try:
            return await self._contact(lambda: ask(dav))
        except (Refused, NotFound) as error:
            closed = error.peer_status == 401 if isinstance(error, Refused) else root
            if not (known and closed):
                raise
        dav = await self._client(anew=True)
        return await self._contact(lambda: ask(dav))

    # Contact

    async def _contact(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Asks the peer unless its circuit is open, and writes down how it went. Its silence is `Unavailable`."""
        host, database, loop = self._row.host, self._reach.database, asyncio.get_running_loop()
        began = loop.time()
        failures, wait = await database.read(partial(_circuit, host))
        if wait > 0:
            raise PeerAway("{host} does not answer at the moment.", host=host, retry_after=wait)
        try:
            answer = await ask()
        except Unreachable as error:
            await self._failed(error.message)
            raise PeerAway(error.message, detail=error.detail) from None
        if failures or loop.time() - began > self._reach.deadline:
            await database.write(lambda tx: peers.reached(tx, host))
        return answer

    async def _in_time(self, looking: Coroutine[Any, Any, T], seen: Callable[[Tx], T | None]) -> T:
        """What is seen in time, or what was seen before."""
        task = asyncio.create_task(looking)
        self._reach.under_way.add(task)
        task.add_done_callback(self._reach.under_way.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to see it
        done, _ = await asyncio.wait({task}, timeout=self._reach.deadline)
        try:
            if not done:
                await self._failed(f"{self._row.host} did not answer in time.")
                raise PeerAway("{host} did not answer in time.", host=self._row.host, retry_after=5)
            return task.result()
        except (Unavailable, BadAnswer):
            before = await self._reach.database.read(seen)
            if before is None:
                raise
            return before

    async def _failed(self, reason: str) -> None:
        await self._reach.database.write(lambda tx: peers.failed(tx, self._row.host, reason))

    async def _changed(self, path: str) -> None:
        await self._reach.database.write(lambda tx: listings.changed(tx, self._row.id, path))

    async def _keep(self, columns: dict[str, Any], path: str = "", children: listings.Children | None = None) -> None:
        """Stores what was seen, where it is news."""
        if children is not None and len(children) > listings.MAX_KEPT:
            children = None
        database, kept = self._reach.database, (self._row.id, columns, path, children)
        if await database.read(lambda tx: listings.is_news(tx, *kept)):
            await database.write(lambda tx: listings.keep(tx, *kept))


def _circuit(host: str, tx: Tx) -> tuple[int, int]:
    """How often in a row the peer has failed, and for how many seconds it is left alone. Raises `Denied`."""
    policy.refuse_denied(tx, "share", host, "out")
    row = peers.get(tx, host)
    return (0, 0) if row is None else (row.failures, max(0, row.retry_at - tx.now))


def _not_the_root(*paths: str) -> None:
    if "" in paths:
        raise Forbidden("The root stays where it is.")
