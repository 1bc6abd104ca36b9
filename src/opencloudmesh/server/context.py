"""What a running cloud is made of, and the few things that need more than one of its parts.

context = Context.build(config)
tree = context.tree(account)
row = await context.commit(lambda tx: shares.offer(tx, ...))
await context.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

import opencloudmesh
from opencloudmesh.client import peer as client
from opencloudmesh.client.guard import EgressPolicy, Exemption
from opencloudmesh.client.network import Network
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.tokens import TokenRequest, TokenResponse
from opencloudmesh.server import (
    accounts,
    bins,
    copies,
    keys,
    links,
    migrate,
    moves,
    received,
    remains,
    rules,
    share_requests,
    shares,
    trash,
    uploads,
)
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.bins import Bin
from opencloudmesh.server.config import Config
from opencloudmesh.server.database import Database, Tx
from opencloudmesh.server.discovery import Lookup
from opencloudmesh.server.files import LocalTree
from opencloudmesh.server.keys import Keyring
from opencloudmesh.server.limits import Limits
from opencloudmesh.server.link_trees import LinkTree
from opencloudmesh.server.mounts import UserTree
from opencloudmesh.server.partials import Partials
from opencloudmesh.server.policy import Denied
from opencloudmesh.server.previews import Previews
from opencloudmesh.server.proxies import ProxiedTree
from opencloudmesh.server.remote import Reach, RemoteTree
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.trees import Tree

MB = 1_000_000

T = TypeVar("T")
Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Context:
    """The parts. `wake` is set when the worker has something to do; `clock` gives unix seconds."""

    config: Config
    database: Database
    storage: Storage
    partials: Partials
    previews: Previews
    network: Network
    keys: Keyring
    lookup: Lookup
    reach: Reach
    limits: Limits
    clock: Callable[[], float]
    wake: asyncio.Event

    @classmethod
    def build(cls, config: Config, clock: Callable[[], float] = time.time) -> Context:
        """Opens the data folder, and makes it where there is none. Raises `OcmError`, `OSError`."""
        config.data.mkdir(mode=0o750, parents=True, exist_ok=True)
        migrate.upgrade(config.database_url)
        database = Database(config.database_url, clock=clock)
        network = open_network(config, database)
        limits = Limits(clock)
        lookup = Lookup(database, network, allow_http=config.development, clock=clock, limits=limits)
        keyring = keys.load(config.data, config.public_url, clock, config.keys_passphrase)

        async def exchange(peer: Discovery, secret: str) -> TokenResponse:
            request = TokenRequest(secret, config.own_host)
            return await client.exchange(network, peer, request, keyring.signer(peer))

        partials = Partials(config.data)
        return cls(
            config=config,
            database=database,
            storage=Storage(config.data, partials.arrived),
            partials=partials,
            previews=Previews(config.data),
            network=network,
            keys=keyring,
            lookup=lookup,
            reach=Reach(database, network, lookup.discover, exchange),
            limits=limits,
            clock=clock,
            wake=asyncio.Event(),
        )

    def recover(self) -> None:
        """Completes or drops what a crash left half done. Before anything is served."""
        self.storage.clear_temporary()
        self.database.write_now(lambda tx: moves.recover(tx, self.storage))
        self.database.write_now(lambda tx: trash.recover(tx, self.storage.in_trash))
        people = {account.id for account in self.database.read_now(accounts.everybody)}
        remains.recover(self.storage, people.__contains__)
        self.storage.refresh_folders()

    async def sweep(self) -> None:
        """Removes what arrived of uploads and copies that are forgotten, and what was in the trash for too long."""
        known = partial(self.database.read_now, lambda tx: uploads.known(tx) | copies.known(tx))
        await asyncio.to_thread(self.partials.sweep, known)
        expired = await self.database.write(lambda tx: trash.expire(tx, self.config.trash_days))
        await bins.burn(self.storage, self.database, expired)
        await asyncio.to_thread(self.previews.sweep)

    async def close(self) -> None:
        """Ends what is under way, and closes connections and the database."""
        await self.reach.close()
        await self.network.close()
        await asyncio.to_thread(self.database.close)

    async def commit(self, gesture: Callable[[Tx], T]) -> T:
        """Runs a gesture that may have something to tell to peers: durable when it returns."""
        async with self.audited():
            result = await self.database.write(gesture)
        self.wake.set()
        return result

    @contextlib.asynccontextmanager
    async def leaving(self, account: str, *, with_files: bool) -> AsyncIterator[None]:
        """Around the removal of an account: afterwards its files are set aside, or deleted (`remains`)."""
        place = await asyncio.to_thread(remains.announce, self.storage, account)
        try:
            yield
        except BaseException:
            remains.withdraw(place)
            raise
        await asyncio.to_thread(remains.finish, self.storage, account, place, with_files=with_files)

    @contextlib.asynccontextmanager
    async def audited(self) -> AsyncIterator[None]:
        """What the policy refuses in the block is in the audit trail, though all else of it is undone."""
        try:
            yield
        except Denied as denied:
            await self.database.write(denied.record)
            raise

    def tree(self, account: Account) -> UserTree:
        """A person's whole tree, as far as it opens to what they have proved (`Account.strong`)."""
        return UserTree(self.own_tree(account.id), self.reach, leave=received.decline, strong=account.strong)

    def own_tree(self, account: str) -> LocalTree:
        """A person's own files, without what others shared with them."""
        return LocalTree(self.storage, self.database, account, on_removed=self._removed, trash=self._trash(account))

    async def shared_tree(self, share: Row) -> Tree:
        """What a row of `shares` opens to its recipient."""
        if share.received is not None:
            given = await self.database.read(lambda tx: received.get(tx, share.received, account=share.owner))
            return ProxiedTree(self.reach, share, given)
        return LocalTree(
            self.storage,
            self.database,
            share.owner,
            share.path,
            frozenset(share.permissions),
            on_removed=partial(self._removed, by_owner=False),
            trash=self._trash(share.owner),
        )

    def bin(self, account: str) -> Bin:
        """What a person has deleted."""
        return Bin(self.storage, self.database, account)

    def _trash(self, account: str) -> Bin | None:
        """Where to what is deleted goes; None where it is gone for good."""
        return self.bin(account) if self.config.trash_days else None

    def linked_tree(self, link: Row) -> LinkTree:
        """What a row of `links` opens to whoever has it."""
        largest, total = self.config.link_file_mb * MB, self.config.link_total_mb * MB
        kept = self._trash(link.account)
        return LinkTree(
            self.storage,
            self.database,
            link,
            largest=largest,
            total=total,
            on_removed=partial(self._removed, by_owner=False),
            trash=kept,
        )

    async def token_for(self, row: Row, secret: str, *, strong: bool) -> str:
        """A token with which somebody may use another part of a received share than its files, for minutes."""
        return await RemoteTree(self.reach, row, strong=strong).token_for(secret)

    async def probe(self, row: Row) -> None:
        """Looks at the root of a received share, and keeps what it is: a peer may call a folder a file.

        Of what demands a second factor that is all that is seen without a person.
        """
        await RemoteTree(self.reach, row, strong=True).look("")

    @staticmethod
    def _removed(tx: Tx, account: str, path: str, *, by_owner: bool = True) -> None:
        shares.path_removed(tx, account, path, by_owner=by_owner)
        links.path_removed(tx, account, path, by_owner=by_owner)
        share_requests.path_removed(tx, account, path)
        received.path_removed(tx, account, path, by_owner=by_owner)


def open_network(config: Config, database: Database) -> Network:
    """The way out to other servers, behind the guard that the settings make, with the exceptions in `rules`."""

    async def exemptions(host: str) -> Exemption:
        rule = await database.read(lambda tx: rules.rule_for(tx, host))
        return Exemption(rule.private, rule.ca)

    return Network(
        EgressPolicy(allow_http=config.development, allow_private=config.development),
        user_agent=f"OpenCloudMesh/{opencloudmesh.__version__}",
        ca_file=str(config.ca_file) if config.ca_file else None,
        exemptions=exemptions,
    )
