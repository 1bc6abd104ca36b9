"""We share with somebody elsewhere: they see it, take it, work in it, decline it, and we take it back."""

from __future__ import annotations

import pytest
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.kinds import FOLDERS, TOKEN, WE, everybody, those_that, those_with, works
from tests.mesh import settled
from tests.peers.families import start
from tests.peers.live import Live
from tests.peers.values import PeerError

from opencloudmesh.server import outbox


@pytest.fixture
def cloud_url(database_url):
    """SQLite and PostgreSQL."""
    return database_url


@everybody
async def test_a_file_is_shared_accepted_and_read(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    share_id, offer = await pair.we_share_and_they_accept("note.txt")
    pair.shows(WE, "share a file", offer.name == "note.txt")
    pair.shows(WE, "read", await pair.peer.mount(THEIRS, offer.id).read() == b"radium")
    told = await pair.sent(share_id)
    if pair.kind.has(WE, "accept"):
        pair.shows(WE, "accept", True)
        pair.shows(WE, "tell accepted", told["state"] == "accepted")
    assert told["state"] in ("accepted", "sent")
    assert pair.cloud.rows(outbox.everything) == []


@everybody
async def test_a_file_is_written_where_that_is_granted(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    pair.cloud.put(OURS, "fixed.txt", b"radium")
    _, offer = await pair.we_share_and_they_accept("note.txt", write=pair.kind.can(WE, "write"))
    pair.shows(WE, "write", await works(pair.peer.mount(THEIRS, offer.id).write("", b"polonium")))
    written = b"polonium" if pair.kind.can(WE, "write") else b"radium"
    assert pair.cloud.file(OURS, "note.txt").read_bytes() == written
    _, offer = await pair.we_share_and_they_accept("fixed.txt")
    with pytest.raises(PeerError):
        await pair.peer.mount(THEIRS, offer.id).write("", b"polonium")
    assert pair.cloud.file(OURS, "fixed.txt").read_bytes() == b"radium"


@everybody
async def test_a_folder_is_shared_and_worked_in(pair):
    pair.cloud.put(OURS, "work/a b.txt", b"a")
    pair.cloud.put(OURS, "work/deep/c.txt", b"c")
    share, offer = await pair.we_share("work", write=True)
    pair.shows(WE, "share a folder", share["state"] == "sent")
    if offer is None:
        for what in FOLDERS[1:]:
            pair.shows(WE, what, False)
        return
    await pair.peer.accept(THEIRS, offer.id)
    mount = pair.peer.mount(THEIRS, offer.id)
    pair.shows(WE, "list", sorted(entry.name for entry in await mount.list()) == ["a b.txt", "deep"])
    # The emulated Seafile drops the slash that it was shown, and then lists the folder in itself.
    assert {entry.name for entry in await mount.list("deep")} - {"deep"} == {"c.txt"}
    pair.shows(WE, "read", (await mount.read("a b.txt"), await mount.read("deep/c.txt")) == (b"a", b"c"))
    pair.shows(WE, "write", await works(mount.write("new.txt", b"new")))
    pair.shows(WE, "create a folder", await works(mount.make_folder("sub")))
    pair.shows(WE, "move", await works(mount.move("new.txt", "sub/moved.txt")))
    pair.shows(WE, "delete", await works(mount.delete("deep")))
    worked_in = pair.kind.can(WE, "write")
    assert tree(pair) == ({"a b.txt", "sub", "sub/moved.txt"} if worked_in else {"a b.txt", "deep", "deep/c.txt"})


@those_that(WE, "write")
async def test_a_folder_that_may_only_be_read_stays_as_it_is(pair):
    pair.cloud.put(OURS, "work/a.txt", b"a")
    _, offer = await pair.we_share_and_they_accept("work")
    mount = pair.peer.mount(THEIRS, offer.id)
    assert not await works(mount.write("a.txt", b"other"))
    assert not await works(mount.write("new.txt", b"new"))
    assert not await works(mount.make_folder("sub"))
    assert not await works(mount.move("a.txt", "b.txt"))
    assert not await works(mount.delete("a.txt"))
    assert pair.cloud.file(OURS, "work/a.txt").read_bytes() == b"a"
    assert tree(pair) == {"a.txt"}


@everybody
@pytest.mark.parametrize("accepted", [False, True])
async def test_they_decline(pair, accepted):
    pair.cloud.put(OURS, "note.txt", b"radium")
    share, offer = await pair.we_share("note.txt")
    if accepted:
        await pair.peer.accept(THEIRS, offer.id)
    await pair.peer.decline(THEIRS, offer.id)
    pair.shows(WE, "decline", not await pair.offered(offer))
    told = (await pair.sent(share["id"]))["state"]
    pair.shows(WE, "tell declined", told == "declined")
    assert told in ("declined", "sent")


@everybody
async def test_we_take_it_back(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    share_id, offer = await pair.we_share_and_they_accept("note.txt")
    mount = pair.peer.mount(THEIRS, offer.id)
    await mount.read()
    await pair.cloud.api("DELETE", f"shares/{share_id}", who=OURS, status=204)
    await settled(pair.cloud)
    assert pair.cloud.rows(outbox.everything) == []  # nobody's refusal of a notification is an error
    pair.shows(WE, "hear unshared", not await pair.offered(offer))
    pair.shows(WE, "unshare", not await works(mount.read()))


@those_that(WE, "write")
async def test_the_share_is_gone_when_its_root_says_so_even_if_nobody_was_told(pair):
    """Nextcloud and ownCloud drop a share whose root answers 401 or 404 only while we look alive to them."""
    pair.cloud.put(OURS, "work/a.txt", b"a")
    share_id, offer = await pair.we_share_and_they_accept("work")
    pair.cloud.context.database.write_now(lambda tx: outbox.drop(tx, share_id))
    await pair.cloud.api("DELETE", f"shares/{share_id}", who=OURS, status=204)
    with pytest.raises(PeerError) as refused:
        await pair.peer.mount(THEIRS, offer.id).list()
    assert refused.value.status in (401, 404) or isinstance(pair.peer, Live)  # which says so in its own way


@those_with(TOKEN)
async def test_access_goes_by_token_where_they_ask_for_one(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    _, offer = await pair.we_share_and_they_accept("note.txt")
    assert await pair.peer.mount(THEIRS, offer.id).read() == b"radium"
    pair.shows(TOKEN, "ask for one", pair.cloud.stored()["tokens"] != [])


async def test_a_recipient_who_does_not_exist_is_told_to_the_sender_in_the_words_of_the_peer(cloud):
    async with await start("nextcloud-34") as peer:
        cloud.put(OURS, "note.txt", b"radium")
        body = {"path": "note.txt", "shareWith": f"nobody@{peer.host}"}
        share = await cloud.api("POST", "shares", body, who=OURS, status=201)
        await settled(cloud)
        told = await cloud.api("GET", f"shares/{share['id']}", who=OURS)
        assert told["state"] == "failed"
        assert 'User "nobody" does not exists' in told["error"]


def tree(pair) -> set[str]:
    root = pair.cloud.file(OURS, "work")
    return {str(path.relative_to(root)) for path in root.rglob("*")}
