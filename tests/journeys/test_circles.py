"""A circle of contacts: somebody shares with all of them at once, and each gets a share of their own.

einstein's circle has marie and fritz at the second cloud, and one at a cloud that is not there.
"""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from tests.journeys.test_shares import sent
from tests.mesh import settled

from opencloudmesh.protocol.address import Address
from opencloudmesh.server import audit, batches, circles, contacts, outbox, policy, rules, shares
from opencloudmesh.server.cli import main

NOBODY = "nobody@localhost:9"
END = 4_102_444_799  # of the year 2099


def do(cloud, gesture, *values, **named):
    return cloud.context.database.write_now(lambda tx: gesture(tx, *values, **named))


@pytest.fixture
def circle(one, two):
    """The id of the circle."""
    one.put("einstein", "papers/a.txt", b"a")
    circle = do(one, circles.create, "einstein", "Radium")
    for address in (two.address("marie"), two.address("fritz"), NOBODY):
        join(one, circle.id, address)
    return circle.id


def join(one, circle_id, address):
    contact = do(one, contacts.meet, "einstein", Address.parse(address))
    do(one, circles.add, "einstein", circle_id, contact.id)
    return contact.id


async def spread(one, two, circle, status=201, **values):
    body = {"path": "papers", "circle": circle, **values}
    batch = await one.api("POST", "batches", body, who="einstein", status=status)
    await settled(one, two)
    return batch


async def batch_of(one, batch):
    return await one.api("GET", f"batches/{batch['id']}", who="einstein", status=200)


async def answer(one, two, who, word):
    (offer,) = await two.api("GET", "received", who=who)
    await two.api("POST", f"received/{offer['id']}/{word}", who=who, status=200)
    await settled(one, two)


async def test_each_gets_a_share_and_the_owner_sees_how_far_it_is(one, two, circle):
    batch = await spread(one, two, circle, permissions=["read", "write"], description="Look!")
    assert (batch["name"], batch["path"], batch["progress"]) == ("Radium", "papers", {"pending": 3})
    assert (batch["refused"], batch["new"]) == ([], [])
    assert (await batch_of(one, batch))["progress"] == {"sent": 2, "failing": 1}
    await answer(one, two, "marie", "accept")
    await answer(one, two, "fritz", "decline")
    now = await batch_of(one, batch)
    assert now["progress"] == {"accepted": 1, "declined": 1, "failing": 1}
    assert [row["id"] for row in await one.api("GET", "batches", who="einstein")] == [batch["id"]]
    assert (await two.dav("PUT", "marie", "Shares/papers/b.txt", b"b")).status == 201
    found = await one.api("GET", "shares", who="einstein")
    assert {share["id"] for share in found} == set(batch["shares"])
    assert {(share["batch"], share["description"]) for share in found} == {(batch["id"], "Look!")}
    assert len({one.rows(shares.get, share["id"]).secret for share in found}) == 3  # one credential for each


async def test_each_share_lives_by_itself_and_all_end_at_once(one, two, circle):
    batch = await spread(one, two, circle)
    for who in ("marie", "fritz"):
        await answer(one, two, who, "accept")
    (marie,) = [row for row in one.rows(shares.listing, "einstein") if row.share_with == two.address("marie")]
    await one.api("DELETE", f"shares/{marie.id}", who="einstein", status=204)
    assert (await two.dav("GET", "marie", "Shares/papers/a.txt")).status == 404
    assert (await two.dav("GET", "fritz", "Shares/papers/a.txt")).status == 200
    assert (await batch_of(one, batch))["new"] == []  # who had it is not new
    await one.api("DELETE", f"batches/{batch['id']}", who="einstein", status=204)
    await settled(one, two)
    assert one.rows(shares.listing, "einstein") == one.rows(batches.listing, "einstein") == []
    for method in ("GET", "DELETE"):
        await one.api(method, f"batches/{batch['id']}", who="einstein", status=404)
    for who in ("marie", "fritz"):
        (offer,) = await two.api("GET", "received", who=who)
        assert offer["state"] == "unshared"


async def test_what_all_may_do_is_changed_at_once_and_so_it_is_for_who_comes_later(one, two, circle):
    two.add("otto")
    batch = await spread(one, two, circle, permissions=["read", "write"])
    for who in ("marie", "fritz"):
        await answer(one, two, who, "accept")
    by_address = {row.share_with: row for row in one.rows(shares.listing, "einstein")}
    end, other = (int(one.context.clock()) + seconds for seconds in (5_000, 9_000))
    await one.api("PATCH", f"shares/{by_address[two.address('fritz')].id}", {"expiration": other}, who="einstein")
    changed = await one.api("PATCH", f"batches/{batch['id']}", {"permissions": ["read"]}, who="einstein", status=200)
    assert (changed["permissions"], changed["expiration"]) == (["read"], None)
    assert (await two.dav("PUT", "fritz", "Shares/papers/b.txt", b"b")).status == 403  # though nobody has been told
    await settled(one, two)
    seen = {who: (await two.api("GET", "received", who=who))[0] for who in ("marie", "fritz")}
    assert [row["permissions"] for row in seen.values()] == [["read"], ["read"]]
    assert [row["expiration"] for row in seen.values()] == [None, other]  # what was not said is as it was
    assert one.rows(shares.get, by_address[NOBODY].id).permissions == ["read"]  # which has not arrived yet
    await one.api("PATCH", f"batches/{batch['id']}", {"expiration": end}, who="einstein", status=200)
    join(one, circle, two.address("otto"))
    await one.api("POST", f"batches/{batch['id']}/catch-up", who="einstein", status=200)
    await settled(one, two)
    (offer,) = await two.api("GET", "received", who="otto")
    assert (offer["permissions"], offer["expiration"]) == (["read"], end)
    before, heard = one.stored(), two.stored()
    for body in ({"permissions": []}, {"permissions": ["all"]}, {"expiration": 1}, {"expiration": "never"}, []):
        await one.api("PATCH", f"batches/{batch['id']}", body, who="einstein", status=400)
    assert (one.stored(), two.stored()) == (before, heard)


async def test_who_cannot_be_given_a_share_is_named_and_stops_nobody_else(one, two, circle):
    do(one, rules.put, "localhost:9", outgoing="deny")
    do(one, shares.offer, owner="einstein", path="papers", resource_type="folder",
       share_with=Address.parse(two.address("fritz")))  # fmt: skip
    join(one, circle, one.address("einstein"))
    batch = await spread(one, two, circle)
    assert batch["progress"] == {"pending": 1}
    reasons = {who["shareWith"]: who["message"] for who in batch["refused"]}
    assert set(reasons) == {NOBODY, two.address("fritz"), one.address("einstein")}
    assert "does not allow contact" in reasons[NOBODY]
    assert "already" in reasons[two.address("fritz")]
    assert reasons[one.address("einstein")] == "This is your own address."
    assert [(row.host, row.outcome) for row in one.rows(audit.listing, event="share") if row.outcome == "refused"] == [
        ("localhost:9", "refused")
    ]
    assert [row for row in one.rows(outbox.everything) if row.host == "localhost:9"] == []
    assert (await batch_of(one, batch))["progress"] == {"sent": 1}


async def test_where_nobody_can_be_given_a_share_nothing_is_kept(one, two, circle):
    do(one, policy.put, "outgoing", ())
    before, heard = one.stored(), two.stored()
    refused = await spread(one, two, circle, status=409)
    for address in (two.address("marie"), two.address("fritz"), NOBODY):
        assert address in refused["message"]
    assert (one.stored(), two.stored()) == (before, heard)


async def test_who_comes_later_gets_nothing_until_the_owner_says_so(one, two, circle):
    two.add("otto")
    batch = await spread(one, two, circle, permissions=["read", "write"])
    await one.api("POST", f"batches/{batch['id']}/catch-up", who="einstein", status=409)
    blocked = join(one, circle, two.address("blocked"))
    do(one, contacts.block, "einstein", blocked)
    join(one, circle, two.address("otto"))
    await settled(one, two)
    assert await two.api("GET", "received", who="otto") == []
    assert (await batch_of(one, batch))["new"] == [two.address("otto")]
    more = await one.api("POST", f"batches/{batch['id']}/catch-up", who="einstein", status=200)
    await settled(one, two)
    assert (len(more["shares"]), more["new"]) == (4, [])
    (offer,) = await two.api("GET", "received", who="otto")
    assert offer["permissions"] == ["read", "write"]
    await one.api("DELETE", f"circles/{circle}", who="einstein", status=204)
    assert (await batch_of(one, batch))["new"] == []
    assert len(one.rows(shares.listing, "einstein")) == 4


async def test_circles_by_the_api(one, two, circle):
    marie = one.rows(contacts.find, "einstein", two.address("marie")).id
    made = await one.api("POST", "circles", {"name": " Physics "}, who="einstein", status=201)
    assert (made["name"], made["members"]) == ("Physics", [])
    member = f"circles/{made['id']}/members/{marie}"
    for _ in range(2):
        now = await one.api("PUT", member, who="einstein", status=200)
        assert [each["address"] for each in now["members"]] == [two.address("marie")]
    renamed = await one.api("PATCH", f"circles/{made['id']}", {"name": "physics"}, who="einstein", status=200)
    assert renamed["name"] == "physics"
    before = one.stored()
    for name, status in (("radium", 409), ("a@b", 400), ("", 400), ("\n", 400), ("x" * 256, 400)):
        await one.api("POST", "circles", {"name": name}, who="einstein", status=status)
    await spread(one, two, made["id"], status=400, permissions=[])
    await spread(one, two, made["id"], status=400, expiration=1)
    await spread(one, two, "other", status=404)
    await spread(one, two, made["id"], status=400, path="nothing")
    assert one.stored() == before
    await one.api("DELETE", member, who="einstein", status=200)
    await one.api("DELETE", member, who="einstein", status=404)
    empty = await spread(one, two, made["id"], status=400)
    assert empty["message"] == "There is nobody in this circle yet."
    do(one, contacts.remove, "einstein", marie)  # who is no contact any more is in no circle
    assert [len(each["members"]) for each in await one.api("GET", "circles", who="einstein")] == [0, 2]


async def test_circles_are_nobody_elses(one, two, circle):
    one.add("lise")
    batch = await spread(one, two, circle)
    contact = one.rows(contacts.listing, "einstein")[0].id
    mine = do(one, circles.create, "lise", "Mine").id
    before = one.stored()
    for method, path in (
        ("PATCH", f"circles/{circle}"), ("DELETE", f"circles/{circle}"),
        ("PUT", f"circles/{circle}/members/{contact}"), ("DELETE", f"circles/{circle}/members/{contact}"),
        ("PUT", f"circles/{mine}/members/{contact}"), ("GET", f"batches/{batch['id']}"),
        ("DELETE", f"batches/{batch['id']}"), ("POST", f"batches/{batch['id']}/catch-up"),
        ("PATCH", f"batches/{batch['id']}"),
    ):  # fmt: skip
        await one.api(method, path, {"name": "x"} if method == "PATCH" else None, who="lise", status=404)
    assert await one.api("GET", "batches", who="lise") == []
    assert one.stored() == before


async def test_by_pages_alone(one, two, einstein, marie):
    one.put("einstein", "papers/a.txt", b"a")
    do(one, contacts.meet, "einstein", Address.parse(two.address("marie")), name="Marie Curie")
    fritz = do(one, contacts.meet, "einstein", Address.parse(two.address("fritz")))
    page = await einstein.submit("/circles", name="Radium")
    assert "The circle was made." in page.text
    assert "already" in (await einstein.submit("/circles", 409, name="radium")).text
    (add,) = [action for action in page.forms if action.endswith("/add")]
    marie_id = one.rows(contacts.find, "einstein", two.address("marie")).id
    assert "Marie Curie" in (await einstein.submit(add, contact=marie_id)).text
    page = await einstein.submit("/share/papers", address="radium", access="write", note="Look!")
    assert "Shared with everybody in the circle" in page.text
    await settled(one, two)
    page = await einstein.open("/share/papers")
    assert "Of 1 person: 1 delivered, not answered yet." in page.text
    assert "in the circle Radium" in page.text
    await marie.submit((await marie.open("/inbox")).form("/inbox/.*/accept"))
    await settled(one, two)
    await einstein.submit(add, contact=fritz.id)
    page = await einstein.open("/share/papers")
    assert "Of 1 person: 1 accepted." in page.text
    page = await einstein.submit(page.form("/batches/.*/catch-up"))
    assert "Of 2 people: 1 accepted, 1 on its way." in page.text
    page = await einstein.submit(page.form("/batches/.*/change"), access="read", reshare="yes", expires="2099-12-31")
    assert "Changed. It counts from now on." in page.text
    assert [(row.permissions, row.expiration) for row in one.rows(shares.listing)] == [(["read", "share"], END)] * 2
    assert 'value="2099-12-31"' in page.html
    page = await einstein.submit(page.form("/batches/.*/change"), 400, access="write", expires="2001-01-01")
    assert "Look at the day on which it ends." in page.text
    page = await einstein.submit((await einstein.open("/share/papers")).form("/batches/.*/stop"))
    assert "Nobody but you." in page.text
    circles_page = await einstein.open("/circles")
    drop = next(action for action in circles_page.forms if "/drop/" in action)
    await einstein.submit(drop)
    page = await einstein.submit((await einstein.open("/circles")).form("/circles/.*/remove"))
    assert "You have none yet." in page.text
    page = await einstein.submit("/share/papers", 400, address="radium")
    assert "Look at the address." in page.text


async def test_a_refusal_is_named_on_the_page(one, two, einstein, circle):
    do(one, rules.put, "localhost:9", outgoing="deny")
    page = await einstein.submit("/share/papers", address="Radium")
    assert NOBODY in page.text
    assert "does not allow contact" in page.text
    do(one, policy.put, "outgoing", ())
    page = await einstein.submit("/share/papers", 409, address="Radium")
    assert "Nobody could be given a share." in page.text


async def test_by_the_command_line_alone(one, two, circle):
    environment = {"OCM_DATA": str(one.data), "OCM_DATABASE_URL": one.context.config.database_url,
                   "OCM_PUBLIC_URL": one.url}  # fmt: skip

    def ocm(*words, code=0):
        result = CliRunner().invoke(main, [*words, "--as", "einstein"], env=environment)
        assert result.exit_code == code, result.output
        return result.output

    ocm("circle", "create", "Team")
    ocm("circle", "add", "team", two.address("marie"), two.address("fritz"))
    ocm("circle", "drop", "team", two.address("fritz"))
    assert two.address("marie") in ocm("circle", "list")
    assert "no such contact" in ocm("circle", "add", "team", "who@two.example", code=1)
    assert "no such circle" in ocm("share", "papers", "Other", code=1)
    shared = json.loads(ocm("share", "papers", "Team", "--write", "--json"))
    assert (shared["progress"], shared["permissions"]) == ({"pending": 1}, ["read", "write"])
    await settled(one, two)
    ocm("circle", "add", "team", two.address("fritz"))
    assert "1 sent" in ocm("circle", "shares")
    ocm("circle", "catch-up", shared["id"])
    await settled(one, two)
    assert json.loads(ocm("circle", "shares", "--json"))[0]["progress"] == {"sent": 2}
    changed = json.loads(ocm("circle", "change", shared["id"], "--read-only", "--expires", "2099-12-31", "--json"))
    assert (changed["permissions"], changed["expiration"]) == (["read"], END)
    assert {(*row.permissions, row.expiration) for row in one.rows(shares.listing)} == {("read", END)}
    assert "There is no such batch" in ocm("circle", "change", "other", code=1)
    ocm("circle", "remove", "Team")
    assert (await sent(one, shared["shares"][0]))["state"] == "sent"
    ocm("circle", "stop", shared["id"])
    assert one.rows(shares.listing) == []
    assert "There is no such batch" in ocm("circle", "stop", shared["id"], code=1)
