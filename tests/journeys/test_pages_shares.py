"""The page where something is shared, and what becomes of it by pages alone."""

from __future__ import annotations

import pytest
from tests.browsing import Browser
from tests.journeys.test_shares import offered
from tests.mesh import mesh, settled

from opencloudmesh.server import audit, news, outbox, received, shares
from opencloudmesh.server.web.pages import shares as pages_shares
from opencloudmesh.server.web.shares import AGAIN


async def test_two_people_share_a_file_by_pages_alone(one, two, einstein, marie):
    page = await einstein.upload("", [("note.txt", b"e = mc2")])
    assert "note.txt" in page.text
    form = {"address": two.address("marie"), "access": "write", "note": "Look at this!", "expires": "2099-12-31"}
    page = await einstein.submit("/share/note.txt", **form)
    assert "Shared." in page.text
    assert "On its way" in page.text
    await settled(one, two)
    assert "Delivered, not answered yet" in (await einstein.open("/share/note.txt")).text

    assert "1 waiting" in (await marie.open("/files/")).text
    inbox = await marie.open("/inbox")
    for words in (
        "Albert Einstein", one.address("einstein"), f"Confirmed: signed by {one.host}.", "You may read and write",
        "Look at this!", "until 31 Dec 2099",
    ):  # fmt: skip
        assert words in inbox.text
    accepted = await marie.submit(inbox.form("/inbox/.*/accept"))
    assert "/download/Shares/note.txt" in accepted.links
    await settled(one, two)
    assert "Accepted" in (await einstein.open("/share/note.txt")).text
    assert "from Albert Einstein" in (await marie.open("/files/Shares")).text
    assert (await marie.send("GET", "/download/Shares/note.txt")).body == b"e = mc2"

    page = await einstein.submit((await einstein.open("/share/note.txt")).form("/stop/.*"))
    assert "Nobody but you." in page.text
    await settled(one, two)
    page = await marie.open("/inbox")
    assert "The sender has ended it." in page.text
    await marie.submit(page.form("/inbox/.*/remove"))
    assert two.rows(received.listing) == []


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"address": "marie"}, 400, "Look at the address."),
        ({"address": ""}, 400, "Look at the address."),
        ({"address": "m@two.example", "expires": "2001-01-01"}, 400, "Look at the day on which it ends."),
        ({"address": "m@two.example", "expires": "soon"}, 400, "Look at the day on which it ends."),
        ({"address": "m", "expires": "9999-12-31x"}, 400, "Look at the address and the day on which it ends."),
        ({"address": "m@two.example", "note": "x" * 5000}, 400, "Look at the note."),
        ({"address": "m@two.example", "note": "\0"}, 400, "Look at the note."),
    ],
)
async def test_a_form_that_is_wrong_says_where_and_keeps_what_was_written(one, einstein, form, status, words):
    one.put("einstein", "note.txt", b"")
    before = one.stored()
    page = await einstein.submit("/share/note.txt", status=status, access="write", **form)
    assert words in page.text
    assert f'value="{form["address"]}"' in page.html
    assert 'value="write" checked' in page.html
    assert one.stored() == before


async def test_nobody_shares_with_themselves_or_twice(one, einstein):
    one.put("einstein", "note.txt", b"")
    assert "your own address" in (await einstein.submit("/share/note.txt", 400, address=one.address("einstein"))).text
    await einstein.submit("/share/note.txt", address="marie@two.example")
    assert "already" in (await einstein.submit("/share/note.txt", 409, address="marie@two.example")).text
    assert len(one.rows(shares.listing)) == 1


async def test_permissions_are_as_chosen(one, einstein):
    one.put("einstein", "note.txt", b"")
    await einstein.submit("/share/note.txt", address="a@two.example", access="nonsense")
    await einstein.submit("/share/note.txt", address="b@two.example", access="write", reshare="yes")
    stored = {row.share_with: row.permissions for row in one.rows(shares.listing)}
    assert stored == {"a@two.example": ["read"], "b@two.example": ["read", "share", "write"]}


async def test_what_was_received_is_not_shared_on_here(one, two, marie):
    one.put("einstein", "note.txt", b"e = mc2")
    await offered(one, two)
    assert "belongs to somebody else" in (await marie.open("/share/Shares/note.txt", 403)).text
    await marie.submit("/share/Shares/note.txt", 403, address="a@b.example")
    assert two.stored()["shares"] == []


async def test_what_could_not_be_told_is_tried_again_by_whoever_shared_it(one, two, einstein):
    one.put("einstein", "note.txt", b"e = mc2")
    one.add("lise")
    body = {"path": "note.txt", "shareWith": two.address("marie")}
    share_id = (await one.api("POST", "shares", body, who="einstein"))["id"]

    def refused(tx):
        for row in outbox.everything(tx):
            outbox.give_up(tx, row.id, "It was away for a week.")
        shares.not_delivered(tx, share_id, "It was away for a week.", final=True)

    one.context.database.write_now(refused)
    before = one.stored()
    await one.api("POST", f"shares/{share_id}/retry", who="lise", status=404)
    assert one.stored() == before
    page = await einstein.open("/share/note.txt")
    assert "It was away for a week." in page.text
    page = await einstein.submit(page.form("/retry/.*"))
    assert "It is being tried now." in page.text
    await settled(one, two)
    assert one.rows(shares.get, share_id).state == "sent"
    assert one.rows(news.listing, "einstein") == []

    # Their cloud knows all: there is nothing to try, and nothing is sent.
    assert "/retry/" not in str((await einstein.open("/share/note.txt")).tags)
    before = one.stored()
    said = await einstein.submit(f"/retry/{share_id}", 409)
    assert "There is nothing that their cloud could not be told." in said.text
    assert one.stored() == before


async def test_a_server_that_is_away_is_not_asked_again_without_end(one, einstein):
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": "nobody@localhost:9"}
    share_id = (await one.api("POST", "shares", body, who="einstein"))["id"]
    await settled(one)
    for _ in range(AGAIN):
        await one.api("POST", f"shares/{share_id}/retry", who="einstein")
    before = one.stored()
    said = await einstein.submit(f"/retry/{share_id}", 429)
    assert "You have tried often. Wait a minute." in said.text
    assert one.stored()["outbox"] == before["outbox"]


async def test_the_page_tells_at_once_what_became_of_it(new_database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(pages_shares, "SOON", 20.0)  # on a busy machine too
    both = {"worker": True}, {"worker": True}
    async with mesh(tmp_path, *both, urls=[new_database_url(), new_database_url()]) as (one, two):
        one.add("einstein")
        two.add("marie")
        one.put("einstein", "note.txt", b"e = mc2")
        einstein = Browser(one)
        await einstein.sign_in("einstein")
        page = await einstein.submit("/share/note.txt", address=two.address("marie"))
        assert "Shared." in page.text
        assert "Delivered, not answered yet" in page.text
        page = await einstein.submit("/share/note.txt", address=two.address("nobody"))
        assert "Shared." not in page.text
        assert "there is nobody of that name" in page.text


async def test_who_is_blocked_is_not_told_by_whom(one, two, marie):
    await two.api("POST", "contacts", {"address": one.address("einstein")}, who="marie")
    (contact,) = await two.api("GET", "contacts", who="marie")
    await two.api("POST", f"contacts/{contact['id']}/block", who="marie")
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": two.address("marie")}
    share_id = (await one.api("POST", "shares", body, who="einstein"))["id"]
    await settled(one, two)
    told = one.rows(shares.get, share_id)
    assert told.state == "failed"
    assert "This is not taken here." in told.error
    assert "blocked" not in told.error
    (refused,) = [row for row in two.rows(audit.listing) if row.outcome == "refused"]
    assert refused.reason == f"{one.address('einstein')} is blocked here."


async def test_one_page_shows_all_that_a_person_shares_and_nothing_of_others(one, two, einstein, lise):
    assert "You share nothing." in (await einstein.open("/shared")).text
    for who, path in (("einstein", "work/a.txt"), ("einstein", "note.txt"), ("lise", "secret.txt")):
        one.put(who, path, b"x")
        await one.api("POST", "shares", {"path": path, "shareWith": two.address("marie")}, who=who)
    await one.api("POST", "links", {"path": "work", "mode": "read"}, who="einstein")
    await settled(one, two)
    page = await einstein.open("/shared")
    assert [link for link in page.links if link.startswith("/share/")] == [
        "/share/note.txt", "/share/work", "/share/work#links", "/share/work/a.txt",
    ]  # fmt: skip
    assert page.text.count("Delivered, not answered yet") == 2
    assert "secret.txt" not in page.text
