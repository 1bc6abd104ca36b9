"""Somebody elsewhere shares with us: it is in the inbox, is taken, worked in, declined, and taken back."""

from __future__ import annotations

import pytest
from tests.journeys.foreign.conftest import OURS
from tests.journeys.foreign.kinds import FOLDERS, IT, TOKEN, everybody, those_that, those_with, works
from tests.mesh import settled
from tests.peers.live import NOT_TOLD

from opencloudmesh.server import outbox, received


@pytest.fixture
def cloud_url(database_url):
    """SQLite and PostgreSQL."""
    return database_url


@everybody
async def test_a_file_is_offered_accepted_and_read(pair):
    await pair.they_put("in.txt", b"hello")
    share, offer = await pair.they_share("in.txt", accept=False)
    assert (offer["state"], offer["name"], offer["verified"]) == ("pending", "in.txt", pair.kind.signed)
    pair.shows(IT, "share a file", offer["sender"].endswith(f"@{pair.peer.host}"))
    accepted = await pair.cloud.api("POST", f"received/{offer['id']}/accept", who=OURS, status=200)
    await settled(pair.cloud)
    pair.shows(IT, "accept", (accepted["state"], accepted["path"]) == ("accepted", "Shares/in.txt"))
    heard = await pair.heard(share)
    if heard != NOT_TOLD:
        pair.shows(IT, "hear accepted", heard == "accepted")
        assert heard in ("accepted", "pending")
    got = await pair.cloud.dav("GET", OURS, "Shares/in.txt")
    pair.shows(IT, "read", (got.status, got.body) == (200, b"hello"))
    assert await pair.listed("Shares") == ["in.txt"]
    assert pair.cloud.rows(outbox.everything) == []


@everybody
async def test_a_file_is_written_where_that_is_granted(pair):
    await pair.they_put("in.txt", b"hello")
    written = await works(pair.they_share("in.txt", write=True))
    written = written and await pair.status("PUT", "Shares/in.txt", b"changed") == 204
    pair.shows(IT, "write", written)
    assert await pair.their_file("in.txt") == (b"changed" if written else b"hello")
    await pair.they_put("other/fixed.txt", b"hello")
    await pair.they_share("other/fixed.txt")
    assert await pair.status("PUT", "Shares/fixed.txt", b"changed") in (403, 501)
    assert await pair.their_file("other/fixed.txt") == b"hello"


@everybody
async def test_a_folder_is_offered_and_listed(pair):
    await pair.they_put("work/a b.txt", b"a")
    await pair.they_put("work/deep/c.txt", b"c")
    if not await works(pair.they_share("work")):
        for what in FOLDERS:
            pair.shows(IT, what, False)
        return
    (offer,) = await pair.cloud.api("GET", "received", who=OURS)
    pair.shows(IT, "share a folder", offer["resourceType"] == "folder")  # whatever the sender called it
    pair.shows(IT, "list", await pair.listed("Shares/work") == ["a%20b.txt", "deep"])
    assert await pair.listed("Shares/work/deep") == ["c.txt"]
    assert (await pair.cloud.dav("GET", OURS, "Shares/work/a%20b.txt")).body == b"a"
    assert (await pair.cloud.dav("GET", OURS, "Shares/work/deep/c.txt")).body == b"c"
    part = await pair.cloud.dav("GET", OURS, "Shares/work/deep/c.txt", Range="bytes=0-0")
    assert (part.status, part.body) == (206, b"c")


@those_that(IT, "share a folder")
async def test_a_folder_is_worked_in(pair):
    await pair.they_put("work/a.txt", b"a")
    await pair.they_put("work/deep/c.txt", b"c")
    await pair.they_share("work", write=True)
    to = f"{pair.cloud.url}/dav/files/{OURS}/Shares/work/new%20folder/a.txt"
    pair.shows(IT, "create a folder", await pair.status("MKCOL", "Shares/work/new%20folder") == 201)
    pair.shows(IT, "write", await pair.status("PUT", "Shares/work/new.txt", b"d") == 201)
    pair.shows(IT, "move", await pair.status("MOVE", "Shares/work/a.txt", Destination=to) == 201)
    pair.shows(IT, "delete", await pair.status("DELETE", "Shares/work/deep") == 204)
    worked_in = {"new folder", "new folder/a.txt", "new.txt"}
    left = worked_in if pair.kind.can(IT, "write") else {"a.txt", "deep", "deep/c.txt"}
    assert await pair.their_tree("work") == left
    if pair.kind.can(IT, "write"):
        assert await pair.listed("Shares/work/new%20folder") == ["a.txt"]


@those_that(IT, "write")
async def test_a_folder_that_may_only_be_read_stays_as_it_is(pair):
    await pair.they_put("work/a.txt", b"a")
    await pair.they_share("work")
    to = f"{pair.cloud.url}/dav/files/{OURS}/Shares/work/b.txt"
    assert await pair.status("PUT", "Shares/work/a.txt", b"other") == 403
    assert await pair.status("MKCOL", "Shares/work/new") == 403
    assert await pair.status("MOVE", "Shares/work/a.txt", Destination=to) == 403
    assert await pair.status("DELETE", "Shares/work/a.txt") == 403
    assert await pair.their_file("work/a.txt") == b"a"


@everybody
@pytest.mark.parametrize("accepted", [False, True])
async def test_we_decline(pair, accepted):
    await pair.they_put("in.txt", b"hello")
    share, offer = await pair.they_share("in.txt", accept=accepted)
    before = await pair.heard(share)
    await pair.cloud.api("POST", f"received/{offer['id']}/decline", who=OURS, status=200)
    await settled(pair.cloud)
    heard = await pair.heard(share)
    pair.shows(IT, "hear declined", heard == "declined")
    assert heard in ("declined", before)
    pair.shows(IT, "decline", await pair.status("GET", "Shares/in.txt") == 404)
    assert pair.cloud.rows(outbox.everything) == []


@everybody
async def test_they_take_it_back(pair):
    await pair.they_put("in.txt", b"hello")
    share, offer = await pair.they_share("in.txt")
    await pair.peer.unshare(share)
    state = (await pair.received(offer["id"]))["state"]
    pair.shows(IT, "tell unshared", state == "unshared")
    assert state in ("unshared", "accepted")
    pair.shows(IT, "unshare", (await pair.status("GET", "Shares/in.txt")) >= 400)
    pair.cloud.context.clock.ahead += received.CONFIRM_AFTER + 1  # whoever says nothing is asked once more
    await settled(pair.cloud)
    found_out = (await pair.received(offer["id"]))["state"] == "unshared"
    pair.shows(IT, "find out", found_out)  # else the share is shown as it was seen last
    assert await pair.status("GET", "Shares/in.txt") == (404 if found_out else 503)
    assert pair.cloud.rows(outbox.everything) == []


@those_with(TOKEN)
async def test_access_goes_by_token_where_they_give_one(pair):
    await pair.they_put("in.txt", b"hello")
    _, offer = await pair.they_share("in.txt")
    assert (await pair.cloud.dav("GET", OURS, "Shares/in.txt")).body == b"hello"
    pair.shows(TOKEN, "give one", pair.cloud.rows(received.get, offer["id"]).access["by"] == "token")
