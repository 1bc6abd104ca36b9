"""One cloud of ours with marie, one foreign server with alice, on loopback.

The journeys that store and change most, shares of ours and of theirs and invites, run on SQLite and on PostgreSQL:
their modules override `cloud_url`. What a recorded or hand-made message becomes is decided before anything is stored,
and the gestures that store it have their own tests on both; so the rest, being more than half, runs on SQLite only.

With `OCM_TEST_PEER` the other server is a real one (`tests/peers/README.md`), and tests without another are left out.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.foreign.kinds import Kind
from tests.mesh import Server, serve, settled
from tests.peers import live
from tests.peers.base import Peer
from tests.peers.families import start
from tests.peers.invites import read_invite
from tests.peers.stranger import Stranger
from tests.peers.values import Received
from tests.server.dav.multistatus import read

OURS, THEIRS = "marie", "alice"
Shows = Callable[[str, str, bool], None]


@dataclass
class Pair:
    """Both ends, and what people do there."""

    kind: Kind
    cloud: Server
    peer: Peer | live.Live
    shows: Shows
    their_address: str  # alice's, as marie has it

    async def we_share(self, path: str, *, write: bool = False) -> tuple[dict[str, Any], Received | None]:
        """marie shares with alice: the share as marie sees it then, and as it is in alice's inbox."""
        permissions = ["read", "write"] if write else ["read"]
        body = {"path": path, "shareWith": self.their_address, "permissions": permissions}
        share = await self.cloud.api("POST", "shares", body, who=OURS, status=201)
        await settled(self.cloud)
        inbox = await self.inbox()
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

    async def inbox(self) -> list[Received]:
        """What alice was offered and has not declined."""
        return await told(self.peer.inbox(THEIRS))

    async def offered(self, offer: Received) -> bool:
        """Whether it is still there."""
        return offer.id in [each.id for each in await self.inbox()]

    async def heard(self, share_id: str) -> str:
        """What alice's server knows of a share of hers."""
        return await told(self.peer.sent_share_state(share_id))

    async def they_put(self, path: str, content: bytes) -> None:
        """A file of alice's."""
        await told(self.peer.put_file(THEIRS, path, content))

    async def their_file(self, path: str) -> bytes:
        """What is in it now."""
        return await told(self.peer.file(THEIRS, path))

    async def their_tree(self, path: str) -> set[str]:
        """All paths below a folder of alice's, relative to it."""
        return await told(self.peer.tree(THEIRS, path))

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


async def told(what: Any) -> Any:
    """An emulated server knows at once what a real one must be asked for."""
    return await what if inspect.isawaitable(what) else what


@pytest.fixture
def cloud_url(new_sqlite_url: Any) -> str:
    """The database of our cloud."""
    return str(new_sqlite_url())


@pytest.fixture
def our_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Where our cloud is: a real server must find it, and remembers its keys from one test to the next."""
    if not live.configured():
        yield {}
        return
    ours, kept, keys = live.ours(), request.config.cache.mkdir("ocm-test-keys"), tmp_path / "ours" / "keys"
    kept.chmod(0o700)
    shutil.copytree(kept, keys)
    yield {"public_url": ours.url, "listen": ours.listen}
    shutil.copytree(keys, kept, dirs_exist_ok=True)


@pytest.fixture
async def cloud(tmp_path: Path, cloud_url: str, our_place: dict[str, Any]) -> AsyncIterator[Server]:
    async with serve(tmp_path / "ours", database_url=cloud_url, provider="Ours", **our_place) as server:
        server.add(OURS, name="Marie Curie")
        yield server


@pytest.fixture
def shows(request: pytest.FixtureRequest, kind: Kind) -> Shows:
    """Says that a flow of `kinds.FLOWS` was seen to work, or not to; which must be what `kinds.py` says.

    What all tests have said is the matrix of `docs/interoperability.md` (`matrix.py`).
    """

    def show(direction: str, name: str, worked: bool) -> None:
        assert kind.has(direction, name)
        request.node.user_properties.append(("shown", [kind.name, direction, name, "yes" if worked else "no"]))
        assert worked is kind.can(direction, name), f"{direction}, {name}: {worked}"

    return show


@asynccontextmanager
async def foreign(kind: Kind, cloud: Server) -> AsyncIterator[Peer | live.Live]:
    """The other server with alice: an emulated one, or the real one of `OCM_TEST_PEER`."""
    account = live.configured()
    if account is None:
        async with await start(kind.family, **kind.options) as peer:
            peer.add_user(THEIRS, "Alice")
            yield peer
    elif reason := live.unknown(account.kind):
        pytest.skip(reason)
    else:
        async with live.Live.start(account, http=cloud.url.startswith("http://")) as real:
            yield real


@pytest.fixture
async def pair(kind: Kind, cloud: Server, shows: Shows) -> AsyncIterator[Pair]:
    async with foreign(kind, cloud) as peer:
        yield Pair(kind, cloud, peer, shows, await meet(kind, peer, cloud))


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with await Stranger.start() as peer:
        yield peer


async def meet(kind: Kind, peer: Peer | live.Live, cloud: Server) -> str:
    """marie and alice get to know each other where that family demands it; alice's address as marie has it then."""
    peer.trust(cloud.host)
    if not kind.by_invite:
        return peer.address(THEIRS)
    invite = await cloud.api("POST", "invites", {}, who=OURS, status=201)
    await peer.accept_invite(THEIRS, *read_invite(invite["invite"]))
    (contact,) = await cloud.api("GET", "contacts", who=OURS)
    return contact["address"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nothing but the journeys with another server is run with a real one."""
    if live.configured():
        here = [item for item in items if item.path.parent == Path(__file__).parent]
        left = [item for item in here if not {"pair", "peer"} & set(getattr(item, "fixturenames", ()))]
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)
