"""People are told: everything that somebody at the other cloud does reaches the one whom it concerns."""

from __future__ import annotations

from tests.browsing import EVIL, harmless
from tests.journeys.test_shares import offered
from tests.mesh import settled

from opencloudmesh.server import news
from opencloudmesh.server.database import Tx


async def told(cloud, who, query=""):
    return await cloud.api("GET", f"notifications{query}", who=who)


async def events(cloud, who, query=""):
    return [row["event"] for row in await told(cloud, who, query)]


async def test_both_hear_of_what_the_other_does_and_not_of_what_they_do(one, two):
    one.put("einstein", "work/note.txt", b"e = mc2")
    share_id, received_id = await offered(one, two, "work/note.txt", accept=False)
    (offer,) = await told(two, "marie")
    sender = one.address("einstein")
    assert {name: offer[name] for name in ("event", "about", "subject", "who", "whoName", "name", "read")} == {
        "event": "share-offered", "about": "received", "subject": received_id, "who": sender,
        "whoName": "Albert Einstein", "name": "note.txt", "read": False,
    }  # fmt: skip
    assert offer["text"] == f"Albert Einstein ({sender}) wants to share “note.txt” with you."
    assert await told(one, "einstein") == await told(two, "fritz") == []

    await two.api("POST", f"received/{received_id}/accept", who="marie")
    await settled(one, two)
    (accepted,) = await told(one, "einstein")
    assert (accepted["event"], accepted["subject"], accepted["name"]) == ("my-share-accepted", share_id, "note.txt")
    assert accepted["text"] == f"Marie Curie ({two.address('marie')}) accepted “note.txt”."

    await one.api("PATCH", f"shares/{share_id}", {"permissions": ["read", "write"]}, who="einstein")
    await settled(one, two)
    assert await events(two, "marie", "?unread=true") == ["share-changed"]
    await one.api("DELETE", f"shares/{share_id}", who="einstein")
    await settled(one, two)
    assert await events(two, "marie") == ["share-ended", "share-changed", "share-offered"]
    assert await events(two, "marie", "?unread=true") == ["share-ended"]
    assert await events(one, "einstein") == ["my-share-accepted"]


async def test_an_invite_a_contact_and_a_share_that_is_left(one, two):
    invite = await one.api("POST", "invites", {}, who="einstein")
    await two.api("POST", "invites/accept", {"invite": invite["code"]}, who="marie")
    one.put("einstein", "note.txt", b"e = mc2")
    _, received_id = await offered(one, two)
    await two.api("POST", f"received/{received_id}/decline", who="marie")
    await settled(one, two)
    (contact,) = await two.api("GET", "contacts", who="marie")
    await two.api("DELETE", f"contacts/{contact['id']}", who="marie")
    await settled(one, two)
    expected = ["contact-ended", "my-share-left", "my-share-accepted", "invite-taken"]
    assert await events(one, "einstein") == expected


async def test_a_share_that_cannot_be_delivered_says_since_when(one, two, einstein):
    one.put("einstein", "note.txt", b"e = mc2")
    body = {"path": "note.txt", "shareWith": "nobody@localhost:1"}
    share = await one.api("POST", "shares", body, who="einstein")
    assert share["failingSince"] is None
    await settled(one)
    failing = await one.api("GET", f"shares/{share['id']}", who="einstein")
    assert (failing["state"], await events(one, "einstein")) == ("pending", [])
    assert failing["failingSince"] >= share["created"]
    assert "cannot be told since" in (await einstein.open("/share/note.txt")).text
    for hours in (1, 2):
        one.context.clock.ahead = hours * 3_600
        await settled(one)
        assert await events(one, "einstein") == ["my-share-failing"]
    assert (await one.api("GET", f"shares/{share['id']}", who="einstein"))["failingSince"] == failing["failingSince"]
    one.context.clock.ahead = 8 * 86_400
    await settled(one)
    given_up = await one.api("GET", f"shares/{share['id']}", who="einstein")
    assert (given_up["state"], given_up["failingSince"]) == ("failed", None)
    assert await events(one, "einstein") == ["my-share-failed"]


def three(tx: Tx) -> None:
    for name in ("a.txt", "b.txt", EVIL):
        news.tell(tx, "einstein", news.OFFERED, subject=name[:36], who="marie@two.example", who_name=EVIL, name=name)


async def test_they_are_read_by_the_api(one, two):
    one.add("lise")
    one.context.database.write_now(three)
    (c, b, a) = await told(one, "einstein")
    assert [row["id"] for row in await told(one, "einstein", f"?before={c['id']}&limit=1")] == [b["id"]]
    assert await told(one, "lise") == []
    await one.api("POST", f"notifications/{a['id']}/read", who="lise", status=404)
    for wrong in ("0", "-1", "x", "9" * 19, "9" * 40, "%00"):
        await one.api("POST", f"notifications/{wrong}/read", who="einstein", status=404)
    for wrong in ("unread=1", "limit=0", "limit=101", "before=x", "before=", f"before={'9' * 19}"):
        await one.api("GET", f"notifications?{wrong}", who="einstein", status=400)
    for wrong in ({"until": "1"}, {"until": -1}, {"until": 2**63}):
        await one.api("POST", "notifications/read", wrong, who="einstein", status=400)
    assert not any(row["read"] for row in await told(one, "einstein"))
    assert (await one.api("POST", f"notifications/{c['id']}/read", who="einstein"))["read"] is True
    await one.api("POST", "notifications/read", {"until": a["id"]}, who="einstein", status=204)
    assert [row["id"] for row in await told(one, "einstein", "?unread=true")] == [b["id"]]
    await one.api("POST", "notifications/read", {}, who="einstein", status=204)
    assert await told(one, "einstein", "?unread=true") == []


async def test_they_are_read_on_their_page(one, two, einstein):
    one.put("einstein", "work/note.txt", b"e = mc2")
    await offered(one, two, "work/note.txt")
    page = await einstein.open("/files/")
    assert "Notifications 1 unread" in page.text
    page = await einstein.open("/notifications")
    assert "Marie Curie" in page.text
    assert "accepted “note.txt”." in page.text
    (look,) = [link for link in page.links if link.startswith("/notifications/")]
    one.file("einstein", "work").rename(one.file("einstein", "play"))
    page = await einstein.open(look, status=404)  # the file was not moved through the server
    one.file("einstein", "play").rename(one.file("einstein", "work"))
    page = await einstein.open(look)
    assert "Share note.txt" in page.text
    assert "unread" not in page.text

    one.context.database.write_now(three)
    page = await einstein.open("/notifications")
    assert harmless(page)
    assert "Notifications 3 unread" in page.text
    first, *_ = [form for form in page.forms if form.startswith("/notifications/") and form != "/notifications/read"]
    assert "Notifications 2 unread" in (await einstein.submit(first)).text
    newest = next(values["value"] for tag, values in page.tags if values.get("name") == "until")
    one.context.database.write_now(lambda tx: news.tell(tx, "einstein", news.OFFERED, name="d.txt"))
    page = await einstein.submit("/notifications/read", until=newest)
    assert "Notifications 1 unread" in page.text
    await einstein.open("/notifications/0", status=404)
    await einstein.open("/notifications?before=x", status=400)


async def test_the_page_shows_some_at_a_time(one, einstein):
    def many(tx):
        for number in range(60):
            news.tell(tx, "einstein", news.OFFERED, subject=str(number), name=f"number {number}")

    one.context.database.write_now(many)
    page = await einstein.open("/notifications")
    assert ("number 10”" in page.text, "number 9”" in page.text) == (True, False)
    (older,) = [link for link in page.links if link.startswith("/notifications?")]
    page = await einstein.open(older)
    assert ("number 10”" in page.text, "number 9”" in page.text) == (False, True)
