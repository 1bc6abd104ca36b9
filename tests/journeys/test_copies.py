"""What is shared is copied to one's own files: in the background, from where it stopped, whole or not at all."""

from __future__ import annotations

import pytest
from tests.journeys.test_news import events
from tests.mesh import settled

from opencloudmesh.server import copies, copying, peers, received, schema
from opencloudmesh.server.remote import RemoteTree

DATA = b"radium" * 500_000  # 3 MB: several pieces


async def shared(one, two, path, name=""):
    """The id of a share of einstein's with marie, which she has accepted."""
    await one.api("POST", "shares", {"path": path, "shareWith": two.address("marie")}, who="einstein", status=201)
    await settled(one, two)
    row = next(row for row in two.rows(received.listing, "marie") if row.name == (name or path.rpartition("/")[2]))
    await two.api("POST", f"received/{row.id}/accept", who="marie")
    await settled(one, two)
    return row.id


async def test_a_file_is_copied_and_nothing_is_replaced(one, two, marie):
    one.put("einstein", "radium.bin", DATA)
    two.put("marie", "radium.bin", b"hers")
    share = await shared(one, two, "radium.bin")
    for place in ("/inbox", "/look/Shares/radium.bin", "/files/Shares"):
        assert ("/copies" in (await marie.open(place)).forms) == (place != "/files/Shares")
    page = await marie.submit("/copies", received=share, path="")
    assert "It is being copied." in page.text
    assert page.headers.get("refresh")
    assert "copy-done" not in await events(two, "marie")
    await settled(one, two)
    assert (await events(two, "marie"))[0] == "copy-done"
    told, *_ = [link for link in (await marie.open("/notifications")).links if link.startswith("/notifications/")]
    page = await marie.open(told)
    assert "Copied" in page.text
    assert not page.headers.get("refresh")
    assert two.file("marie", "radium.bin").read_bytes() == b"hers"
    assert two.file("marie", "radium (2).bin").read_bytes() == DATA
    (job,) = await two.api("GET", "copies", who="marie")
    assert (job["state"], job["path"], job["size"], job["arrived"]) == ("done", "radium (2).bin", len(DATA), len(DATA))
    assert list((two.data / "uploads").iterdir()) == []
    await marie.submit(page.form("/copies/.*/remove"))
    assert await two.api("GET", "copies", who="marie") == []
    assert two.file("marie", "radium (2).bin").exists()


async def test_a_server_that_sends_slowly_holds_nobody_up_and_goes_on_where_it_was(one, two, monkeypatch):
    one.put("einstein", "radium.bin", DATA)
    share = await shared(one, two, "radium.bin")
    monkeypatch.setattr(copying, "TURN", -1.0)
    await two.api("POST", "copies", {"received": share}, who="marie", status=201)
    await settled(one, two)
    (job,) = await two.api("GET", "copies", who="marie")
    assert 0 < job["arrived"] < len(DATA)
    assert (job["state"], job["error"]) == ("waiting", "Not all of it has come yet; it goes on later.")
    assert not two.file("marie", "radium.bin").exists()
    monkeypatch.undo()
    two.context.clock.ahead += 60
    await settled(one, two)
    assert two.file("marie", "radium.bin").read_bytes() == DATA


async def test_a_folder_is_copied_with_all_in_it(one, two):
    for name in ("a.txt", "b/c.txt", "b/d/e.txt"):
        one.put("einstein", f"work/{name}", name.encode())
    one.file("einstein", "work/empty").mkdir()
    share = await shared(one, two, "work")
    two.file("marie", "Mine").mkdir()
    job = await two.api("POST", "copies", {"received": share, "folder": "Mine"}, who="marie", status=201)
    assert (job["state"], job["arrived"]) == ("waiting", 0)
    await copied(one, two)
    job = await two.api("GET", f"copies/{job['id']}", who="marie")
    assert (job["state"], job["path"], job["files"], job["error"]) == ("done", "Mine/work", 7, None)
    for name in ("a.txt", "b/c.txt", "b/d/e.txt"):
        assert two.file("marie", f"Mine/work/{name}").read_bytes() == name.encode()
    assert two.file("marie", "Mine/work/empty").is_dir()
    assert (await events(two, "marie")).count("copy-done") == 1
    part = {"received": share, "path": "b/c.txt", "folder": "Mine"}
    await two.api("POST", "copies", part, who="marie", status=201)
    await copied(one, two)
    assert two.file("marie", "Mine/c.txt").read_bytes() == b"b/c.txt"


async def copied(*clouds):
    """Everything that waits has been tried."""
    for _ in range(10):
        await settled(*clouds)


async def half(two, share, first=b"x" * 1_000_000):
    """A copy that broke off: what has arrived so far is none of the file, so that it can be told apart."""
    job = await two.api("POST", "copies", {"received": share}, who="marie", status=201)
    entry = await RemoteTree(two.context.reach, two.rows(received.get, share), strong=True).look("")
    two.context.database.write_now(lambda tx: copies.seen(tx, job["id"], size=entry.size, etag=entry.etag))
    with_pieces = two.context.partials.of("marie").path(job["id"])
    with_pieces.parent.mkdir()
    with_pieces.write_bytes(first)
    return job["id"]


async def test_what_broke_off_goes_on_from_there(one, two):
    one.put("einstein", "radium.bin", DATA)
    share = await shared(one, two, "radium.bin")
    job = await half(two, share, DATA[:1_000_000])
    assert (await two.api("GET", f"copies/{job}", who="marie"))["arrived"] == 1_000_000
    assert not two.file("marie", "radium.bin").exists()
    await settled(one, two)
    assert two.file("marie", "radium.bin").read_bytes() == DATA


async def test_what_was_damaged_here_is_seen_by_the_checksum_of_the_other_cloud(one, two):
    one.put("einstein", "radium.bin", DATA)
    job = await half(two, await shared(one, two, "radium.bin"))
    await settled(one, two)
    row = await two.api("GET", f"copies/{job}", who="marie")
    assert (row["state"], row["error"]) == (
        "failed",
        f"What {one.host} sent is damaged: its checksum does not hold.",
    )
    assert not two.file("marie", "radium.bin").exists()
    await two.api("POST", f"copies/{job}/retry", who="marie")
    await settled(one, two)
    assert two.file("marie", "radium.bin").read_bytes() == DATA


async def test_what_has_changed_meanwhile_is_copied_anew(one, two):
    one.put("einstein", "radium.bin", DATA)
    await half(two, await shared(one, two, "radium.bin"))
    one.put("einstein", "radium.bin", DATA[::-1])
    await settled(one, two)
    assert two.file("marie", "radium.bin").read_bytes() == DATA[::-1]


async def test_a_cloud_that_is_away_is_waited_for(one, two):
    one.put("einstein", "radium.bin", DATA)
    share = await shared(one, two, "radium.bin")
    two.context.database.write_now(lambda tx: peers.failed(tx, one.host, "away"))
    job = await two.api("POST", "copies", {"received": share}, who="marie")
    await settled(two)
    job = await two.api("GET", f"copies/{job['id']}", who="marie")
    assert job["state"] == "waiting"
    assert job["error"]
    two.context.clock.ahead += 3600
    await settled(one, two)
    assert two.file("marie", "radium.bin").read_bytes() == DATA


async def test_what_does_not_fit_is_not_begun_and_can_be_tried_again(one, two):
    one.put("einstein", "radium.bin", DATA)
    share = await shared(one, two, "radium.bin")
    small = schema.accounts.update().where(schema.accounts.c.id == "marie")
    two.context.database.write_now(lambda tx: tx.run(small.values(quota=1000)))
    job = await two.api("POST", "copies", {"received": share}, who="marie")
    await settled(one, two)
    job = await two.api("GET", f"copies/{job['id']}", who="marie")
    assert (job["state"], job["arrived"]) == ("failed", 0)
    assert "room" in job["error"]
    assert (await events(two, "marie"))[0] == "copy-failed"
    assert not two.file("marie", "radium.bin").exists()
    two.context.database.write_now(lambda tx: tx.run(small.values(quota=None)))
    await two.api("POST", f"copies/{job['id']}/retry", who="marie")
    assert "copy-failed" not in await events(two, "marie")
    await settled(one, two)
    assert (await events(two, "marie"))[0] == "copy-done"
    assert two.file("marie", "radium.bin").read_bytes() == DATA


async def test_what_is_stopped_leaves_nothing(one, two):
    one.put("einstein", "radium.bin", DATA)
    job = await half(two, await shared(one, two, "radium.bin"))
    await two.api("DELETE", f"copies/{job}", who="fritz", status=404)
    await two.api("DELETE", f"copies/{job}", who="marie", status=204)
    await settled(one, two)
    assert not two.file("marie", "radium.bin").exists()
    assert list((two.data / "uploads").iterdir()) == []
    assert two.stored()["copies"] == []


async def test_the_share_ends_and_the_copy_with_it(one, two):
    one.put("einstein", "radium.bin", DATA)
    share = await shared(one, two, "radium.bin")
    job = await two.api("POST", "copies", {"received": share}, who="marie")
    await two.api("POST", f"received/{share}/decline", who="marie")
    await settled(one, two)
    assert (await two.api("GET", f"copies/{job['id']}", who="marie"))["state"] == "failed"
    await two.api("POST", "copies", {"received": share}, who="marie", status=409)
    assert not two.file("marie", "radium.bin").exists()


@pytest.mark.parametrize("change", [{"folder": "Shares/work"}, {"received": "nothing"}, {"folder": "nothing"}])
async def test_nothing_is_copied_into_what_is_somebody_elses_or_not_there(one, two, change):
    one.put("einstein", "work/a.txt", b"a")
    share = await shared(one, two, "work")
    before = two.stored()
    await two.api(
        "POST", "copies", {"received": share, **change}, who="marie", status=403 if "Shares" in str(change) else 404
    )
    await two.api("POST", "copies", {"received": share}, who="fritz", status=404)
    assert two.stored() == before


async def test_what_demands_a_second_factor_is_not_copied_without_one(one, two):
    one.put("einstein", "a.txt", b"a")
    share = await shared(one, two, "a.txt")
    demand = schema.received.update().values(requirements=["must-use-mfa"])
    two.context.database.write_now(lambda tx: tx.run(demand))
    before = two.stored()
    await two.api("POST", "copies", {"received": share}, who="marie", status=403)
    assert two.stored() == before
