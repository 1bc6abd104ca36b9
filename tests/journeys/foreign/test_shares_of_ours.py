"""We share with somebody elsewhere: they see it, take it, work in it, decline it, and we take it back."""

from __future__ import annotations

import pytest
from tests.journeys.foreign.conftest import OURS, THEIRS
from tests.journeys.foreign.kinds import everybody, those_that, works
from tests.mesh import settled
from tests.peers.families import start
from tests.peers.values import NotOfferedError, PeerError

from opencloudmesh.server import outbox


@pytest.fixture
def cloud_url(database_url):
    """SQLite and PostgreSQL."""
    return database_url


@everybody
async def test_a_file_is_shared_accepted_and_read(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    share_id, offer = await pair.we_share_and_they_accept("note.txt")
    assert offer.name == "note.txt"
    assert await pair.peer.mount(THEIRS, offer.id).read() == b"radium"
    told = await pair.sent(share_id)
    assert told["state"] == ("accepted" if pair.kind.can("tell accepted") else "sent")
    assert pair.cloud.rows(outbox.everything) == []


@everybody
async def test_a_file_is_written_where_that_is_granted(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    pair.cloud.put(OURS, "fixed.txt", b"radium")
    if not pair.kind.can("write"):
        _, offer = await pair.we_share_and_they_accept("note.txt")
        with pytest.raises(NotOfferedError):
            await pair.peer.mount(THEIRS, offer.id).write("", b"polonium")
        return
    _, offer = await pair.we_share_and_they_accept("note.txt", write=True)
    await pair.peer.mount(THEIRS, offer.id).write("", b"polonium")
    assert pair.cloud.file(OURS, "note.txt").read_bytes() == b"polonium"
    _, offer = await pair.we_share_and_they_accept("fixed.txt")
    with pytest.raises(PeerError):
        await pair.peer.mount(THEIRS, offer.id).write("", b"polonium")
    assert pair.cloud.file(OURS, "fixed.txt").read_bytes() == b"radium"


@everybody
async def test_a_folder_is_shared_and_worked_in(pair):
    pair.cloud.put(OURS, "work/a b.txt", b"a")
    pair.cloud.put(OURS, "work/deep/c.txt", b"c")
    share, offer = await pair.we_share("work", write=True)
    if not pair.kind.can("take a folder"):
        assert share["state"] == "failed" or not await works(pair.peer.mount(THEIRS, offer.id).list())
        return
    assert share["state"] == "sent"
    await pair.peer.accept(THEIRS, offer.id)
    mount = pair.peer.mount(THEIRS, offer.id)
    assert sorted(entry.name for entry in await mount.list()) == ["a b.txt", "deep"]
    # The emulated Seafile drops the slash that it was shown, and then lists the folder in itself.
    assert {entry.name for entry in await mount.list("deep")} - {"deep"} == {"c.txt"}
    assert (await mount.read("a b.txt"), await mount.read("deep/c.txt")) == (b"a", b"c")
    assert await works(mount.write("new.txt", b"new")) is pair.kind.can("write")
    if pair.kind.can("write"):
        await mount.make_folder("sub")
        await mount.move("new.txt", "sub/moved.txt")
        await mount.delete("deep")
        assert tree(pair) == {"a b.txt", "sub", "sub/moved.txt"}


@those_that("write")
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
    told = (await pair.sent(share["id"]))["state"]
    assert told == ("declined" if pair.kind.can("tell declined") else "sent")


@everybody
async def test_we_take_it_back(pair):
    pair.cloud.put(OURS, "note.txt", b"radium")
    share_id, offer = await pair.we_share_and_they_accept("note.txt")
    mount = pair.peer.mount(THEIRS, offer.id)
    await mount.read()
    await pair.cloud.api("DELETE", f"shares/{share_id}", who=OURS, status=204)
    await settled(pair.cloud)
    assert pair.cloud.rows(outbox.everything) == []  # nobody's refusal of a notification is an error
    assert (offer in pair.peer.inbox(THEIRS)) is not pair.kind.can("hear unshared")
    with pytest.raises(PeerError):
        await mount.read()


@those_that("write")
async def test_the_share_is_gone_when_its_root_says_so_even_if_nobody_was_told(pair):
    """Nextcloud and ownCloud drop a share whose root answers 401 or 404 only while we look alive to them."""
    pair.cloud.put(OURS, "work/a.txt", b"a")
    share_id, offer = await pair.we_share_and_they_accept("work")
    pair.cloud.context.database.write_now(lambda tx: outbox.drop(tx, share_id))
    await pair.cloud.api("DELETE", f"shares/{share_id}", who=OURS, status=204)
    with pytest.raises(PeerError) as refused:
        await pair.peer.mount(THEIRS, offer.id).list()
    assert refused.value.status in (401, 404)


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
