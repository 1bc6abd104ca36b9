"""What we grant changes after they have taken it: it counts at once, and is told to nobody who would refuse it."""

from __future__ import annotations

import json

import pytest
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.kinds import WE, everybody, those_that, works
from tests.journeys.foreign.test_messages import post, written
from tests.mesh import settled
from tests.peers.tables import SECRET
from tests.peers.values import PeerError

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import audit, outbox, received, shares, tokens


async def change(pair, share_id, **values):
    await pair.cloud.api("PATCH", f"shares/{share_id}", values, who=OURS, status=200)
    await settled(pair.cloud)


@those_that(WE, "write")
async def test_they_may_write_from_the_moment_on_when_we_grant_it_and_not_any_more_when_we_do_not(pair):
    pair.cloud.put(OURS, "work/a.txt", b"radium")
    share_id, offer = await pair.we_share_and_they_accept("work")
    mount = pair.peer.mount(THEIRS, offer.id)
    assert not await works(mount.write("a.txt", b"polonium"))
    await change(pair, share_id, permissions=["read", "write"])
    await mount.write("a.txt", b"polonium")
    assert pair.cloud.file(OURS, "work/a.txt").read_bytes() == b"polonium"
    await change(pair, share_id, permissions=["read"])
    assert not await works(mount.write("a.txt", b"other"))
    assert not await works(mount.delete("a.txt"))
    assert await mount.read("a.txt") == b"polonium"
    assert pair.cloud.file(OURS, "work/a.txt").read_bytes() == b"polonium"


@everybody
async def test_nobody_is_told_what_they_would_refuse(pair):
    """OpenCloud takes every notification; of the others none hears of a change to a share that it was given."""
    pair.cloud.put(OURS, "note.txt", b"radium")
    share_id, _ = await pair.we_share_and_they_accept("note.txt")
    await change(pair, share_id, permissions=["read", "write"])
    assert pair.cloud.rows(outbox.everything) == []
    told = [row for row in pair.cloud.rows(audit.listing) if "CHANGE_PERMISSION" in row.reason]
    assert [row.outcome for row in told] == (["done"] if pair.kind.dialect == "opencloud" else [])


@everybody
async def test_a_share_that_ends_sooner_is_closed_then(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    share_id, offer = await pair.we_share_and_they_accept("note.txt")
    mount = pair.peer.mount(THEIRS, offer.id)
    await change(pair, share_id, expiration=int(pair.cloud.context.clock()) + 100)
    assert await mount.read() == b"radium"
    pair.cloud.context.clock.ahead = 101
    with pytest.raises(PeerError):
        await mount.read()
    with pytest.raises(NotFound):
        pair.cloud.rows(tokens.share_of, pair.cloud.rows(shares.get, share_id).secret, as_code=True)


OCIS = {"grantee": OURS, "protocol": {"name": "multi", "options": {}, "webdav": {"permissions": ["read", "write"]}}}


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("RESHARE_CHANGE_PERMISSION", {"sharedSecret": SECRET, "permission": ["read", "write"]}, 201),
        ("RESHARE_CHANGE_PERMISSION", {"sharedSecret": "guess", "permission": ["read", "write"]}, 404),
        ("RESHARE_CHANGE_PERMISSION", {"permission": ["read", "write"]}, 404),
        ("RESHARE_CHANGE_PERMISSION", {"sharedSecret": SECRET}, 400),
        ("SHARE_CHANGE_PERMISSION", OCIS, 404),
        ("SHARE_CHANGE_PERMISSION", {**OCIS, "secret": SECRET}, 201),
    ],
)
async def test_their_changes_are_shown_where_the_secret_proves_whose_they_are(stranger, cloud, kind, content, status):
    """oCIS, which signs nothing, repeats the secret in the protocol."""
    assert (await post(stranger, cloud, "shares", written({}, stranger, cloud))).status == 201
    if "secret" in content:
        webdav = {**OCIS["protocol"]["webdav"], "sharedSecret": content["secret"], "uri": "http://elsewhere.example/"}
        content = {"grantee": OURS, "protocol": {**OCIS["protocol"], "webdav": webdav}}
    (before,) = cloud.rows(received.listing)
    body = {"notificationType": kind, "resourceType": "file", "providerId": "p1", "notification": content}
    done = await post(stranger, cloud, "notifications", json.dumps(body).encode())
    assert done.status == status
    (after,) = cloud.rows(received.listing)
    assert after.permissions == (["read", "write"] if status == 201 else before.permissions)
    assert (after.uri, after.secret, after.state) == (before.uri, before.secret, before.state)
