"""A group at another cloud: somebody shares with all in it at once, and each of them accepts or declines.

marie and fritz at the second cloud are "physics"; otto is in no group.
"""

from __future__ import annotations

import pytest
from tests.journeys.test_shares import sent
from tests.mesh import settled

from opencloudmesh.protocol.address import Address
from opencloudmesh.server import audit, contacts, groups, outbox, peers, policy, received, schema, shares

TAKES_NO_GROUPS = "That server takes shares for single people only, not for groups."


@pytest.fixture(autouse=True)
def physics(two):
    two.add("otto")

    def gather(tx):
        groups.add(tx, "physics", name="Physicists")
        for who in ("marie", "fritz"):
            groups.join(tx, "physics", who)

    two.context.database.write_now(gather)


def do(cloud, gesture, *values):
    return cloud.context.database.write_now(lambda tx: gesture(tx, *values))


async def given(one, two, status=201, **values):
    """einstein shares a folder with the group."""
    one.put("einstein", "papers/a.txt", b"a")
    body = {"path": "papers", "shareWith": two.address("physics"), "shareType": "group", **values}
    share = await one.api("POST", "shares", body, who="einstein", status=status)
    await settled(one, two)
    return share


async def offer_of(two, who):
    """The only share that somebody was offered."""
    (offer,) = await two.api("GET", "received", who=who)
    return offer


async def answer(one, two, who, word):
    offer = await offer_of(two, who)
    await two.api("POST", f"received/{offer['id']}/{word}", who=who, status=200)
    await settled(one, two)


async def status(two, who, path="Shares/papers/a.txt"):
    return (await two.dav("GET", who, path)).status


async def test_each_member_accepts_or_declines_and_the_owner_sees_one_share(one, two):
    share = await given(one, two, permissions=["read", "write"])
    now = await sent(one, share["id"])
    assert (now["state"], now["shareType"], now["recipientDisplayName"]) == ("sent", "group", "Physicists")
    assert one.rows(audit.listing, event="share", account="einstein")
    for who in ("marie", "fritz"):
        offer = await offer_of(two, who)
        assert (offer["state"], offer["group"], offer["name"]) == ("pending", "physics", "papers")
    assert await two.api("GET", "received", who="otto") == []
    await answer(one, two, "fritz", "decline")
    assert (await sent(one, share["id"]))["state"] == "sent"
    await answer(one, two, "marie", "accept")
    assert (await sent(one, share["id"]))["state"] == "accepted"
    assert (await two.dav("PUT", "marie", "Shares/papers/b.txt", b"b")).status == 201
    assert one.file("einstein", "papers/b.txt").read_bytes() == b"b"
    assert (await status(two, "marie"), await status(two, "fritz")) == (200, 404)
    await answer(one, two, "marie", "decline")
    assert (await sent(one, share["id"]))["state"] == "declined"
    assert one.rows(outbox.everything) == two.rows(outbox.everything) == []
    # The group is nobody whom one knows; einstein is, to marie who accepted.
    assert one.rows(contacts.listing, "einstein") == two.rows(contacts.listing, "fritz") == []
    assert [row.address for row in two.rows(contacts.listing, "marie")] == [one.address("einstein")]


async def test_a_change_and_the_end_are_heard_by_all(one, two):
    share = await given(one, two)
    for who in ("marie", "fritz"):
        await answer(one, two, who, "accept")
    assert (await status(two, "marie"), await status(two, "fritz")) == (200, 200)
    await one.api("PATCH", f"shares/{share['id']}", {"permissions": ["read", "write"]}, who="einstein")
    await settled(one, two)
    for who in ("marie", "fritz"):
        assert (await offer_of(two, who))["permissions"] == ["read", "write"]
        assert (await two.dav("PUT", who, f"Shares/papers/{who}.txt", b"")).status == 201
    await one.api("DELETE", f"shares/{share['id']}", who="einstein", status=204)
    await settled(one, two)
    for who in ("marie", "fritz"):
        assert (await offer_of(two, who))["state"] == "unshared"
        assert await status(two, who) == 404


async def test_who_joins_is_offered_it_and_who_leaves_loses_it_at_once(one, two):
    share = await given(one, two, permissions=["read", "write"])
    await answer(one, two, "marie", "accept")
    do(two, groups.join, "physics", "otto")
    await answer(one, two, "otto", "accept")
    assert await status(two, "otto") == 200
    lock = b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
    assert (await two.dav("LOCK", "otto", "Shares/papers", lock)).status == 200
    do(two, groups.leave, "physics", "otto")
    assert await two.api("GET", "received", who="otto") == []
    assert (await status(two, "otto"), await status(two, "marie")) == (404, 200)
    assert two.rows(lambda tx: tx.all(schema.locks.select())) == []
    assert two.rows(outbox.everything) == []  # the others have it still
    do(two, groups.remove, "physics")
    await settled(one, two)
    assert (await sent(one, share["id"]))["state"] == "declined"
    assert await status(two, "marie") == 404


@pytest.mark.parametrize("name", ["nobody", "empty", "marie"])
async def test_a_group_that_is_not_there_is_answered_as_a_person_who_is_not(one, two, name):
    do(two, groups.add, "empty")
    before = two.stored()
    share = await given(one, two, shareWith=two.address(name))
    failed = await sent(one, share["id"])
    assert failed["state"] == "failed"
    other = await given(one, two, shareWith=two.address("nobody"), shareType="user")
    assert failed["error"] == (await sent(one, other["id"]))["error"]
    assert "there is nobody of that name" in failed["error"]
    assert two.stored() == before


def knows_no_groups(cloud, host):
    """What `cloud` knows of the other is a document that names only people."""

    def forget(tx):
        row = peers.get(tx, host)
        kinds = [{**kind, "shareTypes": ["user"]} for kind in row.document["resourceTypes"]]
        peers.remember_document(tx, host, row.base_url, {**row.document, "resourceTypes": kinds})

    cloud.context.database.write_now(forget)


async def test_a_server_without_groups_is_offered_none(one, two):
    await one.context.lookup.discover(two.host)
    knows_no_groups(one, two.host)
    before, heard = one.stored(), two.stored()
    refused = await given(one, two, status=403)
    assert refused["message"] == TAKES_NO_GROUPS
    assert (one.stored(), two.stored()) == (before, heard)
    assert (await given(one, two, shareType="user", shareWith=two.address("marie")))["shareType"] == "user"


async def test_a_server_that_is_not_known_yet_is_asked_before_it_is_told(one, two, monkeypatch):
    one.put("einstein", "papers/a.txt", b"a")
    monkeypatch.setattr("opencloudmesh.server.outgoing.SHARE_TYPES", ("user",))
    before = two.stored()
    share = await given(one, two)
    failed = await sent(one, share["id"])
    assert (failed["state"], failed["error"]) == ("failed", TAKES_NO_GROUPS)
    assert two.stored() == before
    assert one.rows(outbox.everything) == []


async def test_a_person_and_a_group_of_the_same_address_are_two(one, two):
    await given(one, two)
    again = await given(one, two, status=409)
    assert "already" in again["message"]
    await given(one, two, shareType="user")  # there is no such person, but that is for the other server to say
    assert [row.state for row in one.rows(shares.listing)].count("failed") == 1
    wrong = await given(one, two, status=400, shareType="planet")
    assert [field["name"] for field in wrong["validationErrors"]] == ["shareType"]


async def test_a_member_who_blocks_the_sender_is_not_asked(one, two):
    known = do(two, contacts.meet, "fritz", Address("einstein", one.host))
    do(two, contacts.block, "fritz", known.id)
    share = await given(one, two)
    assert (await sent(one, share["id"]))["state"] == "sent"
    assert await two.api("GET", "received", who="fritz") == []
    assert (await offer_of(two, "marie"))["state"] == "pending"
    (refused,) = [row for row in two.rows(audit.listing, event="share") if row.outcome == "refused"]
    assert (refused.account, refused.who) == ("fritz", one.address("einstein"))


async def test_a_share_that_is_accepted_without_asking_is_so_for_each(one, two):
    do(two, policy.put, "accept", ("invited",))
    two.context.database.write_now(
        lambda tx: contacts.meet(tx, "marie", Address("einstein", one.host), source=contacts.INVITE)
    )
    share = await given(one, two)
    assert [(await offer_of(two, who))["state"] for who in ("marie", "fritz")] == ["accepted", "pending"]
    assert (await sent(one, share["id"]))["state"] == "accepted"
    assert len({row.secret for row in two.rows(received.listing)}) == 1


async def test_cve_2026_45285_a_share_for_a_group_has_one_credential_which_ends_for_all(one, two):
    share = await given(one, two)
    for who in ("marie", "fritz"):
        await answer(one, two, who, "accept")
        await two.dav("GET", who, "Shares/papers/a.txt")  # by a token
    stored = one.stored()
    assert ([row[0] for row in stored["shares"]], stored["links"]) == ([share["id"]], [])
    (secret,) = {row.secret for row in two.rows(received.listing)}
    credentials = [secret, *(held.token for held in two.context.reach.tokens.values())]
    await one.api("DELETE", f"shares/{share['id']}", who="einstein", status=204)
    for credential in credentials:
        ended = await one.request("PROPFIND", "/dav/ocm/", {"Authorization": f"Bearer {credential}"})
        assert ended.status in (401, 404)
    assert one.stored()["tokens"] == []


async def test_by_pages_alone(one, two, einstein, marie):
    one.put("einstein", "papers/a.txt", b"a")
    page = await einstein.submit("/share/papers", address=two.address("physics"), kind="group")
    assert "Shared." in page.text
    await settled(one, two)
    page = await einstein.open("/share/papers")
    assert "Physicists" in page.text
    assert "Group" in page.text
    inbox = await marie.open("/inbox")
    assert "for the group Physicists, in which you are" in inbox.text
    await marie.submit(inbox.form("/inbox/.*/accept"))
    assert await status(two, "marie") == 200
    knows_no_groups(one, two.host)
    page = await einstein.submit("/share/papers", 403, address=two.address("chemistry"), kind="group")
    assert TAKES_NO_GROUPS in page.text
    await einstein.submit("/share/papers", 400, address=two.address("chemistry"), kind="planet")
