"""Somebody elsewhere shares with us: it is in the inbox, is taken, worked in, declined, and taken back."""

from __future__ import annotations

import pytest
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.kinds import everybody, those_that
from tests.mesh import settled
from tests.peers.values import ShareError

from opencloudmesh.server import outbox, received


@pytest.fixture
def cloud_url(database_url):
    """SQLite and PostgreSQL."""
    return database_url


@everybody
async def test_a_file_is_offered_accepted_and_read(pair):
    pair.peer.put_file(THEIRS, "in.txt", b"hello")
    share, offer = await pair.they_share("in.txt", accept=False)
    assert (offer["state"], offer["name"], offer["verified"]) == ("pending", "in.txt", pair.kind.signed)
    assert offer["sender"].endswith(f"@{pair.peer.host}")
    accepted = await pair.cloud.api("POST", f"received/{offer['id']}/accept", who=OURS, status=200)
    await settled(pair.cloud)
    assert (accepted["state"], accepted["path"]) == ("accepted", "Shares/in.txt")
    assert pair.peer.sent_share_state(share) == ("accepted" if pair.kind.can("hear accepted") else "pending")
    got = await pair.cloud.dav("GET", OURS, "Shares/in.txt")
    assert (got.status, got.body) == (200, b"hello")
    assert await pair.listed("Shares") == ["in.txt"]
    assert pair.cloud.rows(outbox.everything) == []


@everybody
async def test_a_file_is_written_where_that_is_granted(pair):
    pair.peer.put_file(THEIRS, "in.txt", b"hello")
    if pair.kind.can("give to write"):
        await pair.they_share("in.txt", write=True)
        assert await pair.status("PUT", "Shares/in.txt", b"changed") == 204
        assert pair.peer.file(THEIRS, "in.txt") == b"changed"
    pair.peer.put_file(THEIRS, "other/fixed.txt", b"hello")
    await pair.they_share("other/fixed.txt")
    assert await pair.status("PUT", "Shares/fixed.txt", b"changed") in (403, 501)
    assert pair.peer.file(THEIRS, "other/fixed.txt") == b"hello"


@everybody
async def test_a_folder_is_offered_and_listed(pair):
    pair.peer.put_file(THEIRS, "work/a b.txt", b"a")
    pair.peer.put_file(THEIRS, "work/deep/c.txt", b"c")
    if not pair.kind.can("give a folder"):
        with pytest.raises(ShareError):
            await pair.they_share("work")
        return
    _, offer = await pair.they_share("work")
    assert (await pair.received(offer["id"]))["resourceType"] == "folder"  # whatever the sender called it
    assert await pair.listed("Shares/work") == ["a%20b.txt", "deep"]
    assert await pair.listed("Shares/work/deep") == ["c.txt"]
    assert (await pair.cloud.dav("GET", OURS, "Shares/work/a%20b.txt")).body == b"a"
    assert (await pair.cloud.dav("GET", OURS, "Shares/work/deep/c.txt")).body == b"c"
    part = await pair.cloud.dav("GET", OURS, "Shares/work/deep/c.txt", Range="bytes=0-0")
    assert (part.status, part.body) == (206, b"c")


@those_that("give to write")
async def test_a_folder_is_worked_in(pair):
    pair.peer.put_file(THEIRS, "work/a.txt", b"a")
    pair.peer.put_file(THEIRS, "work/deep/c.txt", b"c")
    await pair.they_share("work", write=True)
    assert await pair.status("MKCOL", "Shares/work/new%20folder") == 201
    assert await pair.status("PUT", "Shares/work/new%20folder/d.txt", b"d") == 201
    to = f"{pair.cloud.url}/dav/files/{OURS}/Shares/work/new%20folder/a.txt"
    assert await pair.status("MOVE", "Shares/work/a.txt", Destination=to) == 201
    assert await pair.status("DELETE", "Shares/work/deep") == 204
    root = pair.peer.people[THEIRS].folder / "work"
    assert {str(path.relative_to(root)) for path in root.rglob("*")} == {
        "new folder",
        "new folder/a.txt",
        "new folder/d.txt",
    }
    assert await pair.listed("Shares/work/new%20folder") == ["a.txt", "d.txt"]


@those_that("give to write")
async def test_a_folder_that_may_only_be_read_stays_as_it_is(pair):
    pair.peer.put_file(THEIRS, "work/a.txt", b"a")
    await pair.they_share("work")
    to = f"{pair.cloud.url}/dav/files/{OURS}/Shares/work/b.txt"
    assert await pair.status("PUT", "Shares/work/a.txt", b"other") == 403
    assert await pair.status("MKCOL", "Shares/work/new") == 403
    assert await pair.status("MOVE", "Shares/work/a.txt", Destination=to) == 403
    assert await pair.status("DELETE", "Shares/work/a.txt") == 403
    assert pair.peer.file(THEIRS, "work/a.txt") == b"a"


@everybody
@pytest.mark.parametrize("accepted", [False, True])
async def test_we_decline(pair, accepted):
    pair.peer.put_file(THEIRS, "in.txt", b"hello")
    share, offer = await pair.they_share("in.txt", accept=accepted)
    before = pair.peer.sent_share_state(share)
    await pair.cloud.api("POST", f"received/{offer['id']}/decline", who=OURS, status=200)
    await settled(pair.cloud)
    assert pair.peer.sent_share_state(share) == ("declined" if pair.kind.can("hear declined") else before)
    assert await pair.status("GET", "Shares/in.txt") == 404
    assert pair.cloud.rows(outbox.everything) == []


@everybody
async def test_they_take_it_back(pair):
    pair.peer.put_file(THEIRS, "in.txt", b"hello")
    share, offer = await pair.they_share("in.txt")
    await pair.peer.unshare(share)
    state = (await pair.received(offer["id"]))["state"]
    assert state == ("unshared" if pair.kind.can("tell unshared") else "accepted")
    assert (await pair.status("GET", "Shares/in.txt")) >= 400
    pair.cloud.context.clock.ahead += received.CONFIRM_AFTER + 1  # whoever says nothing is asked once more
    await settled(pair.cloud)
    # OpenCloud answers 500, which may mean anything: the share is shown as it was seen last.
    silent = pair.kind.family == "opencloud"
    assert (await pair.received(offer["id"]))["state"] == ("accepted" if silent else "unshared")
    assert await pair.status("GET", "Shares/in.txt") == (503 if silent else 404)
    assert pair.cloud.rows(outbox.everything) == []
