"""The pages of what others share with a person: the answer, and working in it."""

from __future__ import annotations

from tests.journeys.test_shares import offered
from tests.mesh import settled

from opencloudmesh.server import contacts, peers, received, schema, shares


async def test_a_received_folder_is_worked_in(one, two, einstein, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work", permissions=["read", "write"])
    page = await marie.open("/files/Shares/work")
    assert "Shared with you by Albert Einstein" in page.text
    assert not [link for link in page.links if link.startswith("/share/")]
    await marie.submit("/folder/Shares/work", name="new")
    await marie.upload("Shares/work/new", [("b.txt", b"b" * 300_000)])
    await marie.submit("/rename/Shares/work/a.txt", name="c.txt")
    assert one.file("einstein", "work/new/b.txt").read_bytes() == b"b" * 300_000
    assert one.file("einstein", "work/c.txt").exists()
    await marie.submit("/delete/Shares/work/new")
    assert not one.file("einstein", "work/new").exists()
    assert "You have left the share" in (await marie.submit("/delete/Shares/work")).text
    await settled(one, two)
    assert "Declined" in (await einstein.open("/share/work")).text
    assert one.file("einstein", "work/c.txt").exists()


async def test_what_may_only_be_read_offers_no_changes(one, two, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work")
    page = await marie.open("/files/Shares/work")
    assert "you may only read" in page.text
    assert page.forms == [
        "/logout",
        "/copies",
        "/files/Shares/work",
        "/chosen/Shares/work",
    ]  # to sign out, copy, search, choose
    await marie.upload("Shares/work", [("b.txt", b"b")], status=403)
    await marie.submit("/delete/Shares/work/a.txt", status=403)
    assert [path.name for path in one.file("einstein", "work").iterdir()] == ["a.txt"]


async def test_a_share_is_declined(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    share_id, _ = await offered(one, two, accept=False)
    await marie.submit((await marie.open("/inbox")).form("/inbox/.*/decline"))
    await settled(one, two)
    assert one.rows(shares.get, share_id).state == "declined"


async def test_who_is_blocked_in_the_inbox_is_declined_and_not_heard_any_more(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    one.put("einstein", "work/a.txt", b"a")
    for path in ("note.txt", "work"):
        await offered(one, two, path, accept=False)
    page = await marie.open("/inbox")
    blocking = next(form for form in page.forms if form.endswith("/block"))
    assert "let them in again" in (await marie.submit(blocking)).text
    await settled(one, two)
    assert {row.state for row in two.rows(received.listing)} == {"declined"}
    assert {row.state for row in one.rows(shares.listing)} == {"declined"}
    assert [(row.address, row.blocked) for row in two.rows(contacts.listing, "marie")] == [
        (one.address("einstein"), True)
    ]
    assert "Unblock" in (await marie.open("/contacts")).text

    await one.api("POST", "shares", {"path": "work/a.txt", "shareWith": two.address("marie")}, who="einstein")
    await settled(one, two)
    assert len(two.rows(received.listing)) == 2


async def test_an_unsigned_share_is_said_to_be_unconfirmed(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    _, received_id = await offered(one, two, accept=False)
    update = schema.received.update().values(verified="unsigned")
    two.context.database.write_now(lambda tx: tx.run(update.where(schema.received.c.id == received_id)))
    assert f"Not confirmed: {one.host} does not sign." in (await marie.open("/inbox")).text


async def test_a_peer_that_is_away_shows_what_was_seen_last(one, two, marie):
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work")
    assert "a.txt" in (await marie.open("/files/Shares/work")).text
    for _ in range(3):
        two.context.database.write_now(lambda tx: peers.failed(tx, one.host, "It is away."))
    page = await marie.open("/files/Shares/work")
    assert "a.txt" in page.text
    assert f"{one.host} has not been reachable since" in page.text
    assert "not reachable" in (await marie.open("/files/Shares")).text
    assert f"{one.host} has not been reachable since" in (await marie.open("/inbox")).text
