"""Sharing on, with Nextcloud and ownCloud, which know of it: asked by them, and they by us. fritz is at a third."""

from __future__ import annotations

import pytest
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.kinds import KINDS
from tests.mesh import serve, settled
from tests.peers import live
from tests.peers.values import ShareError

from opencloudmesh.server import outbox, shares

pytestmark = [
    pytest.mark.skipif(live.configured() is not None, reason="no driver shares on"),
    pytest.mark.parametrize(
        "kind",
        [kind for kind in KINDS if kind.family.startswith(("nextcloud", "owncloud"))],
        ids=lambda kind: kind.name,
    ),
]
ALL = ["read", "write", "share"]


@pytest.fixture
async def third(tmp_path, new_sqlite_url):
    async with serve(tmp_path / "third", database_url=new_sqlite_url(), provider="Third") as cloud:
        cloud.add("fritz", name="Fritz Haber")
        yield cloud


async def offered(third):
    (offer,) = await third.api("GET", "received", who="fritz")
    return offer


async def accepted(third):
    offer = await offered(third)
    await third.api("POST", f"received/{offer['id']}/accept", who="fritz", status=200)
    await settled(third)
    return await offered(third)


async def reads(third, place):
    answer = await third.dav("GET", "fritz", f"Shares/{place}")
    return answer.body if answer.status == 200 else answer.status


async def we_give(pair, permissions):
    """marie's folder, which alice has then."""
    pair.cloud.put(OURS, "work/a.txt", b"radium")
    body = {"path": "work", "shareWith": pair.their_address, "permissions": permissions}
    share = await pair.cloud.api("POST", "shares", body, who=OURS, status=201)
    await settled(pair.cloud)
    (offer,) = await pair.inbox()
    await pair.peer.accept(THEIRS, offer.id)
    return share["id"], offer


async def test_they_ask_us_to_share_on_and_take_it_back(pair, third):
    share_id, offer = await we_give(pair, ALL)
    reshare = await pair.peer.reshare(THEIRS, offer.id, third.address("fritz"))
    await settled(pair.cloud, third)
    seen = await accepted(third)
    assert (seen["sender"], seen["owner"]) == (pair.cloud.address(OURS),) * 2
    assert seen["sharedBy"] == pair.their_address
    assert await reads(third, "work/a.txt") == b"radium"
    (child,) = [row for row in pair.cloud.rows(shares.listing) if row.parent == share_id]
    assert child.shared_by == pair.their_address
    await pair.peer.undo_reshare(reshare)
    await settled(pair.cloud, third)
    assert (await offered(third))["state"] == "unshared"
    assert await reads(third, "work/a.txt") == 404
    assert [row.id for row in pair.cloud.rows(shares.listing)] == [share_id]
    assert pair.cloud.rows(outbox.everything) == []


async def test_we_end_it_and_they_hear_of_it(pair, third):
    share_id, offer = await we_give(pair, ALL)
    reshare = await pair.peer.reshare(THEIRS, offer.id, third.address("fritz"))
    await settled(pair.cloud, third)
    (child,) = [row for row in pair.cloud.rows(shares.listing) if row.parent == share_id]
    await pair.cloud.api("DELETE", f"shares/{child.id}", who=OURS, status=204)
    await settled(pair.cloud, third)
    assert (await offered(third))["state"] == "unshared"
    assert pair.peer.reshares[reshare].state == "unshared"  # ownCloud by OCS
    assert pair.cloud.rows(outbox.everything) == []


@pytest.mark.parametrize("permissions", [["read"], ["read", "write"]])
async def test_without_the_permission_they_are_refused(pair, third, permissions):
    _, offer = await we_give(pair, permissions)
    before = pair.cloud.stored()
    with pytest.raises(ShareError):
        await pair.peer.reshare(THEIRS, offer.id, third.address("fritz"))
    with pytest.raises(ShareError):
        await pair.peer.reshare(THEIRS, offer.id, pair.cloud.address(OURS))
    assert pair.cloud.stored() == before
    assert await third.api("GET", "received", who="fritz") == []


async def we_share_on(pair, third, **values):
    await pair.they_put("work/in.txt", b"hello")
    share, _ = await pair.they_share("work")
    body = {"path": "Shares/work", "shareWith": third.address("fritz"), "permissions": ["read", "share"], **values}
    mine = await pair.cloud.api("POST", "shares", body, who=OURS, status=201)
    await settled(pair.cloud, third)
    return share, mine["id"]


async def test_we_ask_them_to_share_on_and_take_it_back(pair, third):
    _, mine = await we_share_on(pair, third)
    assert (await pair.sent(mine))["state"] == "passed-on"
    seen = await accepted(third)
    assert (seen["sender"], seen["sharedBy"]) == (pair.their_address, pair.cloud.address(OURS))
    assert (seen["vouchedBy"], seen["verified"]) == (pair.peer.host, pair.kind.signed)
    assert await reads(third, "work/in.txt") == b"hello"
    (made,) = [row for row in pair.peer.shares.values() if row.shared_by]
    await pair.cloud.api("DELETE", f"shares/{mine}", who=OURS, status=204)
    await settled(pair.cloud, third)
    assert made.state == "unshared"  # by OCS where they sign, or are ownCloud
    assert pair.cloud.rows(outbox.everything) == []
    assert not [line for line in pair.cloud.log if pair.cloud.rows(shares.get, mine).at_owner["secret"] in line]


async def test_they_end_what_they_gave_as_we_asked(pair, third):
    _, mine = await we_share_on(pair, third)
    (made,) = [row for row in pair.peer.shares.values() if row.shared_by]
    await pair.peer.unshare(made.id)
    await settled(pair.cloud, third)
    assert (await offered(third))["state"] == "unshared"
    assert pair.cloud.rows(shares.get, mine).state == "unshared"


@pytest.mark.parametrize(
    "values", [{"permissions": ["read"]}, {"description": "Look."}, {"path": "Shares/work/in.txt"}]
)
async def test_what_they_would_give_otherwise_leads_through_us(pair, third, values):
    _, mine = await we_share_on(pair, third, **values)
    assert not [row for row in pair.peer.shares.values() if row.shared_by]
    seen = await accepted(third)
    assert (seen["sender"], seen["owner"], seen["sharedBy"]) == (*(pair.cloud.address(OURS),) * 2, None)
    assert (await pair.sent(mine))["state"] in ("sent", "accepted")
    assert await reads(third, "in.txt" if "path" in values else "work/in.txt") == b"hello"
