"""One cloud of ours with marie, one foreign server with alice, on loopback.

The journeys that store and change most, shares of ours and of theirs and invites, run on SQLite and on PostgreSQL:
their modules override `cloud_url`. What a recorded or hand-made message becomes is decided before anything is stored,
and the gestures that store it have their own tests on both; so the rest, being more than half, runs on SQLite only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.foreign.kinds import Kind
from tests.mesh import Server, serve, settled
from tests.peers.base import Peer
from tests.peers.families import start
from tests.peers.invites import read_invite
from tests.peers.stranger import Stranger
from tests.peers.values import Received
from tests.server.dav.multistatus import read

OURS, THEIRS = "marie", "alice"


@dataclass
class Pair:
    """Both ends, and what people do there."""

    kind: Kind
    cloud: Server
    peer: Peer
    their_address: str  # alice's, as marie has it

    async def we_share(self, path: str, *, write: bool = False) -> tuple[dict[str, Any], Received | None]:
        """marie shares with alice: the share as marie sees it then, and as it is in alice's inbox."""
        permissions = ["read", "write"] if write else ["read"]
        body = {"path": path, "shareWith": self.their_address, "permissions": permissions}
        share = await self.cloud.api("POST", "shares", body, who=OURS, status=201)
        await settled(self.cloud)
        inbox = self.peer.inbox(THEIRS)
        return await self.sent(share["id"]), inbox[-1] if inbox else None

    async def we_share_and_they_accept(self, path: str, *, write: bool = False) -> tuple[str, Received]:
        share, offer = await self.we_share(path, write=write)
        assert share["state"] == "sent", share
        assert offer is not None
        await self.peer.accept(THEIRS, offer.id)
        return share["id"], offer

    async def they_share(self, path: str, *, write: bool = False, accept: bool = True) -> tuple[str, dict[str, Any]]:
        """alice shares with marie: the share's id there, and marie's view of it, accepted or not."""
        share = await self.peer.share(THEIRS, path, self.cloud.address(OURS), write=write)
        offers = await self.cloud.api("GET", "received", who=OURS)
        (offer,) = [each for each in offers if each["state"] == "pending"]
        if accept:
            offer = await self.cloud.api("POST", f"received/{offer['id']}/accept", who=OURS, status=200)
            await settled(self.cloud)
        return share, offer

    async def sent(self, share_id: str) -> dict[str, Any]:
        """marie's view of a share of hers."""
        return await self.cloud.api("GET", f"shares/{share_id}", who=OURS)

    async def received(self, received_id: str) -> dict[str, Any]:
        """marie's view of a share that was offered to her."""
        return await self.cloud.api("GET", f"received/{received_id}", who=OURS)

    async def status(self, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
        """What marie's own client is answered."""
        return (await self.cloud.dav(method, OURS, path, body, **headers)).status

    async def listed(self, path: str) -> list[str]:
        """The names that marie sees in a folder."""
        found = read(await self.cloud.dav("PROPFIND", OURS, path, Depth="1"))
        return [href.rstrip("/").rpartition("/")[2] for href in list(found)[1:]]


@pytest.fixture
def cloud_url(new_sqlite_url: Any) -> str:
    """The database of our cloud."""
    return str(new_sqlite_url())


@pytest.fixture
async def cloud(tmp_path: Path, cloud_url: str) -> AsyncIterator[Server]:
    async with serve(tmp_path / "ours", database_url=cloud_url, provider="Ours") as server:
        server.add(OURS, name="Marie Curie")
        yield server


@pytest.fixture
async def pair(kind: Kind, cloud: Server) -> AsyncIterator[Pair]:
    async with await start(kind.family, **kind.options) as peer:
        peer.add_user(THEIRS, "Alice")
        yield Pair(kind, cloud, peer, await meet(kind, peer, cloud))


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with await Stranger.start() as peer:
        yield peer


async def meet(kind: Kind, peer: Peer, cloud: Server) -> str:
    """marie and alice get to know each other where that family demands it; alice's address as marie has it then."""
    peer.trust(cloud.host)
    if not kind.by_invite:
        return f"{THEIRS}@{peer.host}"
    invite = await cloud.api("POST", "invites", {}, who=OURS, status=201)
    await peer.accept_invite(THEIRS, *read_invite(invite["invite"]))
    (contact,) = await cloud.api("GET", "contacts", who=OURS)
    return contact["address"]
