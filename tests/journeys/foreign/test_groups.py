"""Groups at either side: Nextcloud has them, and shares with ours; no other family that is deployed takes any."""

from __future__ import annotations

import json

import pytest
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.kinds import KINDS, everybody
from tests.mesh import settled
from tests.peers.live import Live

from opencloudmesh.server import groups, outbox, peers

HAVE_GROUPS = [kind for kind in KINDS if kind.family.startswith("nextcloud")]
with_groups = pytest.mark.parametrize("kind", HAVE_GROUPS, ids=lambda kind: kind.name)


@pytest.fixture
def physics(cloud):
    """marie and fritz."""
    cloud.add("fritz")

    def gather(tx):
        groups.add(tx, "physics", name="Physicists")
        for who in (OURS, "fritz"):
            groups.join(tx, "physics", who)

    cloud.context.database.write_now(gather)


async def answer(cloud, who, word):
    (offer,) = await cloud.api("GET", "received", who=who)
    await cloud.api("POST", f"received/{offer['id']}/{word}", who=who, status=200)
    await settled(cloud)


def emulated(pair):
    if isinstance(pair.peer, Live):
        pytest.skip("a real server's groups are not known")
    return pair.peer


@with_groups
async def test_they_share_with_a_group_of_ours(pair, physics):
    peer, cloud = emulated(pair), pair.cloud
    await pair.they_put("in.txt", b"hello")
    share = await peer.share(THEIRS, "in.txt", cloud.address("physics"), share_type="group")
    assert await pair.heard(share) == "pending"
    await answer(cloud, "fritz", "accept")
    assert await pair.heard(share) == "accepted"
    await answer(cloud, OURS, "accept")
    for who in (OURS, "fritz"):
        assert (await cloud.dav("GET", who, "Shares/in.txt")).body == b"hello"
    await answer(cloud, "fritz", "decline")
    assert await pair.heard(share) == "accepted"
    await answer(cloud, OURS, "decline")
    assert await pair.heard(share) == "declined"
    assert cloud.rows(outbox.everything) == []


@with_groups
async def test_they_take_it_back_from_everybody(pair, physics):
    peer, cloud = emulated(pair), pair.cloud
    await pair.they_put("in.txt", b"hello")
    share = await peer.share(THEIRS, "in.txt", cloud.address("physics"), share_type="group")
    await answer(cloud, OURS, "accept")
    await peer.unshare(share)
    for who in (OURS, "fritz"):
        (offer,) = await cloud.api("GET", "received", who=who)
        assert offer["state"] == "unshared"


@everybody
async def test_we_share_with_a_group_where_there_are_any_and_nowhere_else(kind, cloud, pair):
    peer = emulated(pair)
    cloud.put(OURS, "note.txt", b"radium")
    if kind in HAVE_GROUPS:
        peer.groups.add("physics")
    before = len(peer.received)
    known = await cloud.context.database.read(lambda tx: peers.document(tx, peer.host))  # from an invite
    body = {"path": "note.txt", "shareWith": f"physics@{peer.host}", "shareType": "group"}
    answer = await cloud.api("POST", "shares", body, who=OURS, status=201 if known is None else 403)
    await settled(cloud)
    posted = [json.loads(each.body) for each in peer.received[before:] if each.url.endswith("/shares")]
    if kind in HAVE_GROUPS:
        assert (await pair.sent(answer["id"]))["state"] == "sent"
        (said,) = posted
        assert (said["shareType"], said["shareWith"].partition("@")[0]) == ("group", "physics")
        return
    assert posted == []
    said = (await pair.sent(answer["id"]))["error"] if "id" in answer else answer["message"]
    assert said == "That server takes shares for single people only, not for groups."
